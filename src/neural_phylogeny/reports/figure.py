"""The drawing of a forest as PNG or PDF, by matplotlib: the same places, lines and colours as the SVG."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from neural_phylogeny.errors import MissingExtraError
from neural_phylogeny.files.atomic import replacing
from neural_phylogeny.records import Edge, Phylogeny
from neural_phylogeny.reports.folding import first_fold
from neural_phylogeny.reports.layout import lay_out
from neural_phylogeny.reports.names import safe
from neural_phylogeny.reports.palette import HUES, KIND_HUES, SURFACES
from neural_phylogeny.reports.places import NODE, PAD, Layout, Link, Node, Panel, curve
from neural_phylogeny.reports.svg import MARGIN, Colour, stroke

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Theme = Literal["light", "dark"]

POINT = 0.75
"""Points of a CSS pixel."""

WIDEST = 30_000
"""Pixels of a side that a PNG does not exceed: of larger drawings the resolution is lower."""


def save_figure(
    phylogeny: Phylogeny,
    path: str | os.PathLike[str],
    *,
    form: str = "",
    colour: Colour = "family",
    theme: Theme = "light",
    dpi: int = 192,
) -> None:
    """Write the drawing as PNG, PDF or what else matplotlib knows; the file is complete or absent.

    ``form`` is the format, that of the suffix where it is empty.

    Raises
    ------
    MissingExtraError
        When matplotlib is not installed; it comes with ``pip install 'neural-phylogeny[figures]'``.
    """
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("PNG and PDF figures", "figures") from error
    layout = lay_out(phylogeny, first_fold(phylogeny))
    width, height = layout.width + 2 * MARGIN, layout.height + 2 * MARGIN
    with mpl.rc_context({"font.family": "sans-serif", "pdf.fonttype": 42, "text.parse_math": False}):
        figure = Figure(figsize=(width / 96, height / 96), facecolor=SURFACES[theme]["page"])
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(-MARGIN, width - MARGIN), ylim=(height - MARGIN, -MARGIN))
        axes.axis("off")
        for panel in layout.panels:
            _Drawer(axes, layout, panel, colour, theme).draw()
        form = form or Path(path).suffix.lstrip(".").lower() or "png"
        dpi = max(1, min(dpi, int(WIDEST / max(width, height, 1.0) * 96)))
        metadata = {"Software": None} if form == "png" else {"CreationDate": None} if form == "pdf" else None
        with replacing(path) as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # letters of a name that the font lacks
            figure.savefig(file, format=form, dpi=dpi, facecolor=figure.get_facecolor(), metadata=metadata)


class _Drawer:
    """Puts one panel on the axes."""

    def __init__(self, axes: Axes, layout: Layout, panel: Panel, colour: Colour, theme: Theme) -> None:
        self.axes, self.nodes, self.panel = axes, layout.nodes, panel
        self.by_kind, self.surfaces, self.hues = colour == "kind", SURFACES[theme], HUES[theme]

    def draw(self) -> None:
        """The card, then lines, then models."""
        panel = self.panel
        self._box(panel.x, panel.y, panel.width, panel.height, 12, fc=self.surfaces["panel"], ec=self.surfaces["line"])
        self._text(panel.x + PAD, panel.y + 22, panel.title, 13, self.surfaces["dim"], weight="bold")
        for link in panel.links:
            self._link(link)
        for name in panel.names:
            self._node(self.nodes[name])

    def _hue(self, node: Node) -> str:
        if self.by_kind:
            return self.hues[KIND_HUES.get(node.kind, 0)] if node.kind else self.surfaces["none"]
        return self.hues[node.colour % len(self.hues)] if node.colour >= 0 else self.surfaces["none"]

    def _box(self, x: float, y: float, width: float, height: float, radius: float, **style: Any) -> None:
        from matplotlib.patches import FancyBboxPatch

        shape = f"round,pad=0,rounding_size={radius}"
        line = style.pop("lw", 1) * POINT
        self.axes.add_patch(FancyBboxPatch((x, y), width, height, boxstyle=shape, linewidth=line, **style))

    def _text(self, x: float, y: float, words: str, size: float, colour: str, **style: Any) -> None:
        self.axes.text(x, y, words, fontsize=size * POINT, color=colour, va="center", **style)

    def _node(self, node: Node) -> None:
        from matplotlib.patches import Circle

        hue, x, y = self._hue(node), self.panel.x + node.x, self.panel.y + node.y
        for k in range(min(2, len(node.copies)), 0, -1):
            self._box(
                *(x + 3.5 * k, y - NODE / 2 + 3.5 * k, node.width, NODE, 8), fc=self.surfaces["panel"], ec=(hue, 0.5)
            )
        look: dict[str, Any] = {"fc": "none", "ls": (0, (4, 3))} if node.is_missing else {"fc": self.surfaces["panel"]}
        self._box(x, y - NODE / 2, node.width, NODE, 8, ec=(hue, 0.7), lw=1.2, **look)
        if not node.is_missing:
            self._box(x, y - NODE / 2, node.width, NODE, 8, fc=(hue, 0.1), ec="none")
        fill = "none" if node.is_missing else hue
        self.axes.add_patch(Circle((x + 12, y), 4, fc=fill, ec=hue, lw=1.2 * POINT))
        lean: dict[str, Any] = {"style": "italic"} if node.is_missing else {"weight": "bold"}
        self._text(x + 23, y, safe(node.label), 11.5, self.surfaces["ink"], **lean)
        end = x + node.width - (17 if node.n_below else 10)
        if node.note:
            self._text(end, y, node.note, 10.5, self.surfaces["poor" if node.is_weak else "dim"], ha="right")
        if node.copies:
            self._text(x + 23 + node.label_width + 8, y, f"×{len(node.copies) + 1}", 10.5, hue, weight="bold")
        if node.is_folded and node.n_below:
            words = f"{node.n_below:,}"
            self.axes.add_patch(
                Circle((x + node.width, y), max(8.0, 3.2 * len(words) + 3), fc=self.surfaces["card"], ec=hue, zorder=3)
            )
            self._text(x + node.width, y, words, 9.5, self.surfaces["ink"], ha="center", zorder=4)

    def _link(self, link: Link) -> None:
        from matplotlib.patches import PathPatch, Polygon
        from matplotlib.path import Path as Line

        start, end = self.nodes[link.start], self.nodes[link.end]
        hue, (width, opacity) = self._hue(end), stroke(link)
        directed = isinstance(link.claim, Edge)
        dashes: Any = "-" if directed else (0, (4, 3)) if link.claim is not None else (0, (0.1, 2.4))
        points, tip = curve(start, end, is_directed=directed)
        moved = [(self.panel.x + x, self.panel.y + y) for x, y in points]
        codes = [Line.MOVETO] + (
            [Line.LINETO] if len(moved) == 2 else [Line.CURVE4] * 3 + [Line.LINETO] * (len(moved) - 4)
        )
        patch = PathPatch(Line(moved, codes), fc="none", ec=hue, alpha=opacity, lw=width * POINT, ls=dashes)
        patch.set_capstyle("round" if link.claim is None or directed else "butt")
        self.axes.add_patch(patch)
        if tip:
            self.axes.add_patch(Polygon([(self.panel.x + x, self.panel.y + y) for x, y in tip], fc=hue, ec="none"))
