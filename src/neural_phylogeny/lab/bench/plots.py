"""Results as pictures: cells against methods, confidence against truth; needs the extra ``lab``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from neural_phylogeny.evaluation.rates import Calibration
from neural_phylogeny.files.atomic import replacing
from neural_phylogeny.lab.bench.aggregate import summarise
from neural_phylogeny.lab.bench.report import LOWER_IS_BETTER, METRICS, ResultsByMethod

FEWEST = 10
"""Answers of a point that a curve of reliability goes through."""


def heat_map(title: str, results: ResultsByMethod, metric: str, target: Path) -> None:
    """Write a PNG: a row a method, a column a cell, the share written in every field.

    Drawn without a display and without the global state of pyplot.
    """
    methods = list(results)
    cells = list(dict.fromkeys(result.cell for found in results.values() for result in found))
    table = np.full((len(methods), len(cells)), np.nan)
    for row, method in enumerate(methods):
        for column, cell in enumerate(cells):
            summary = summarise([r for r in results[method] if r.cell == cell], metric)
            if summary is not None:
                table[row, column] = summary.micro
    figure = Figure(figsize=(2.6 + 0.52 * len(cells), 1.9 + 0.3 * len(methods)), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    colours = "RdYlGn_r" if metric in LOWER_IS_BETTER else "RdYlGn"
    image = axes.imshow(np.ma.masked_invalid(table), cmap=colours, vmin=0.0, vmax=1.0, aspect="auto")
    axes.set_xticks(range(len(cells)), cells, rotation=55, ha="right", rotation_mode="anchor", fontsize=8)
    axes.set_yticks(range(len(methods)), methods, fontsize=8)
    axes.set_title(f"{title}: {METRICS[metric]}", fontsize=10)
    for row, column in np.argwhere(np.isfinite(table)):
        colour = figure_colour(tuple(map(float, image.to_rgba(table[row, column]))))
        axes.text(column, row, f"{table[row, column]:.2f}", ha="center", va="center", fontsize=7, color=colour)
    write(figure, target)


def figure_colour(background: tuple[float, ...]) -> str:
    """Black or white, whichever contrasts more with a colour ``(red, green, blue, ...)`` from 0 to 1.

    By the relative luminance of the Web Content Accessibility Guidelines 2.1.

    Examples
    --------
    >>> figure_colour((1.0, 1.0, 0.7)), figure_colour((0.0, 0.4, 0.2))
    ('black', 'white')
    """
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in background[:3]]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "white" if luminance < 0.179 else "black"


def reliability(panels: Mapping[str, Mapping[str, Calibration]], target: Path) -> None:
    """Write a PNG: a panel each, in it a curve for each set of answers, the size of a point by how many it represents.

    On the diagonal confidences mean what they say; below it they are too sure. Lines leave out points of fewer than
    ``FEWEST`` answers.
    """
    figure = Figure(figsize=(3.6 * len(panels), 4.6), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    names = list(dict.fromkeys(name for curves in panels.values() for name in curves))
    for axes, (title, curves) in zip(np.atleast_1d(figure.subplots(1, len(panels))), panels.items(), strict=True):
        axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
        for name, found in curves.items():
            if found.error is None:
                continue
            across, up = [one.confidence for one in found.bins], [one.right for one in found.bins]
            sizes = [8 + 120 * one.number / found.number for one in found.bins]
            colour = colormaps["tab10"](names.index(name) % 10)
            sure = [one for one in found.bins if one.number >= FEWEST]
            axes.plot([b.confidence for b in sure], [b.right for b in sure], linewidth=1, alpha=0.6, color=colour)
            label = f"{name}: error {found.error:.3f} of {found.number:,}"
            axes.scatter(across, up, s=sizes, color=colour, alpha=0.8, linewidths=0, label=label)
        axes.set(title=title, xlabel="confidence", ylabel="share that is right", xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))
        if axes.get_legend_handles_labels()[0]:  # a panel may have nothing to show
            axes.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.16), markerscale=0.6)
    write(figure, target)


@dataclass(frozen=True)
class Panel:
    """Curves over one property: its values, which stand evenly, a curve for each name, ``limits`` of the numbers.

    Curves that have ``bands`` are drawn with a bar from the lowest to the highest at each value. ``linear`` is the size
    up to which the numbers are on a linear scale; above it, of both signs, the scale is logarithmic.
    """

    title: str
    across: Sequence[str]
    curves: Mapping[str, Sequence[float]]
    up: str = "overall accuracy"
    limits: tuple[float, float] | None = (-0.03, 1.03)
    bands: Mapping[str, Sequence[tuple[float, float]]] = field(default_factory=dict)
    below: str = ""
    linear: float | None = None


def curves(panels: Sequence[Panel], target: Path, columns: int = 3) -> None:
    """Write a PNG: a panel each, with one legend for all, the same colour for the same name."""
    rows, columns = -(-len(panels) // columns), min(len(panels), columns)
    figure = Figure(figsize=(3.7 * columns, 3.0 * rows + 0.7), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    names = list(dict.fromkeys(name for panel in panels for name in panel.curves))
    handles = {}
    places = np.atleast_1d(figure.subplots(rows, columns)).ravel()
    for axes, panel in zip(places, panels, strict=False):
        for name, values in panel.curves.items():
            number = names.index(name)
            colour, mark = colormaps["tab20"]((2 * number) % 19), "osv^Dxp*+<"[number % 10]
            at = range(len(panel.across))
            handles[name] = axes.plot(at, values, color=colour, marker=mark, markersize=4, linewidth=1.2, alpha=0.85)[0]
            if name in panel.bands:
                low, high = zip(*panel.bands[name], strict=True)
                axes.vlines(at, low, high, color=colour, linewidth=1.0, alpha=0.5)
        axes.set_xticks(range(len(panel.across)), panel.across, fontsize=8)
        axes.set_title(panel.title, fontsize=10)
        axes.set_ylabel(panel.up, fontsize=8)
        axes.set_xlabel(panel.below, fontsize=8)
        if panel.linear:
            axes.set_yscale("symlog", linthresh=panel.linear)
        if panel.limits:
            axes.set_ylim(*panel.limits)
        axes.grid(alpha=0.25)
    for axes in places[len(panels) :]:
        axes.set_axis_off()
    shown = [handles[name] for name in names]
    figure.legend(shown, names, loc="outside lower center", ncols=min(len(names), 5), fontsize=8)
    write(figure, target)


def forest(title: str, found: Mapping[str, str], truth: Mapping[str, str], target: Path) -> None:
    """Write a PNG of a forest: an edge from each parent down to its child, true ones dark and wrong ones red.

    Parameters
    ----------
    found, truth : mapping of str to str
        The parent of each child, as found and as it is. True edges that were not found are dotted.
    """
    names = sorted({*found, *found.values(), *truth, *truth.values()})
    children: dict[str | None, list[str]] = {}
    for name in names:
        children.setdefault(found.get(name), []).append(name)
    place: dict[str, tuple[float, float]] = {}

    def put(name: str, depth: int) -> float:
        below = [put(child, depth + 1) for child in children.get(name, [])]
        across = sum(below) / len(below) if below else float(sum(not children.get(one) for one in place))
        place[name] = (across, -float(depth))
        return across

    for root in children.get(None, []):
        put(root, 0)
    width = max(across for across, _ in place.values()) + 1
    figure = Figure(figsize=(1.5 + 0.42 * width, 1.2 - 0.8 * min(y for _, y in place.values())), dpi=110)
    figure.set_layout_engine("constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for child, parent in found.items():
        colour = "0.25" if truth.get(child) == parent else "tab:red"
        axes.plot(*zip(place[parent], place[child], strict=True), linewidth=1.2, zorder=1, color=colour)
    for child, parent in truth.items():
        if found.get(child) != parent:
            axes.plot(*zip(place[parent], place[child], strict=True), color="0.6", linestyle=":", zorder=0)
    across_all, up_all = zip(*place.values(), strict=True)
    axes.scatter(across_all, up_all, s=60, color="tab:blue", zorder=2)
    behind = {"facecolor": "white", "edgecolor": "none", "pad": 0.5, "alpha": 0.8}
    for name, (across, up) in place.items():
        axes.annotate(
            Path(name).stem, (across, up), (0, 5), textcoords="offset points", ha="center", fontsize=6, bbox=behind
        )
    axes.set_title(title, fontsize=10)
    axes.set_axis_off()
    axes.margins(0.06, 0.15)
    write(figure, target)


def rejected(curves: Mapping[str, Sequence[float]], target: Path) -> None:
    """Write a PNG: of the p-values of each set of unrelated pairs the share below every level, on logarithmic axes.

    On the diagonal a p-value means what it says; above it the test is too sure.
    """
    figure = Figure(figsize=(4.6, 4.6), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.plot([1e-6, 1], [1e-6, 1], color="0.7", linewidth=1)
    for name, values in curves.items():
        ordered = np.sort(values)
        shares = np.arange(1, len(ordered) + 1) / len(ordered)
        axes.step(np.maximum(ordered, 1e-9), shares, where="post", linewidth=1, label=f"{name}: {len(ordered):,} pairs")
    axes.set(xscale="log", yscale="log", xlim=(1e-6, 1.0), ylim=(1e-5, 1.1))
    axes.set(title="unrelated pairs", xlabel="p-value", ylabel="share of pairs below")
    if curves:
        axes.legend(fontsize=7, loc="lower right")
    write(figure, target)


def write(figure: Figure, target: Path) -> None:
    """Write a PNG, whole or not at all, without the version of what drew it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as file:
        figure.savefig(file, format="png", metadata={"Software": ""})
