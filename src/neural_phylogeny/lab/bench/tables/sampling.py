"""How much of the weights must be read? Trees from samples against the trees from everything.

Families of networks of more than ten million parameters (``recipes/*.toml``: dense, convolutional, residual,
transformers) are trained, about a quarter of an hour on one core and 40 MB a model, and read at several shares. The
digits of scikit-learn serve where no data sets are given; of those the first 3,000 training and 300 test images are
taken. Seconds are of one thread, with the files in the system's cache.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from neural_phylogeny.evaluation.truth import Truth, read_truth
from neural_phylogeny.lab.bench.plots import write
from neural_phylogeny.lab.bench.tables.base import Page, Progress, Sources
from neural_phylogeny.lab.markdown import table
from neural_phylogeny.lab.zoo.make import make
from neural_phylogeny.lab.zoo.recipes import read_recipe
from neural_phylogeny.reconstruction.api import reconstruct
from neural_phylogeny.records import Phylogeny

RECIPES = Path(__file__).parent / "recipes"

COLLECTIONS = {"wide-fc": 2, "wide-conv": 2, "wide-resnet": 2, "wide-vit": 1}
"""How many are made of each recipe."""

DATA_SETS = ("mnist", "fmnist", "emnist_letters", "kannada_mnist", "notmnist_letters")
SHARES = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
SURE = 0.7
"""Probability from which on an edge from all weights counts as sure."""


@dataclass(frozen=True)
class Row:
    """One collection read at one share: what was read, how long it took, what came of it."""

    collection: str
    share: float
    read: float
    n_bytes: int
    seconds: float
    edges: int
    kept: int
    other: int
    sure: int
    sure_kept: int
    shift: float
    right: int
    true: int
    same_families: bool


def page(sources: Sources) -> Page:
    """Make the families, read them at every share. Half an hour of a core; ``work`` keeps what was trained."""
    with tempfile.TemporaryDirectory() as temporary:
        zoo = sources.work or Path(temporary)
        data = None if sources.sets is None else thinned(sources.sets, zoo / "data")
        rows = []
        for recipe, collections in COLLECTIONS.items():
            for folder in make(read_recipe(str(RECIPES / f"{recipe}.toml")), zoo, collections=collections, data=data):
                rows += compared(folder, SHARES, sources.progress)
    return Page(text_of(rows), {"sampling.png": partial(draw, rows)})


def thinned(source: Path, target: Path) -> Path:
    """A few images of each data set: enough to learn from in a few steps, and quick to test on."""
    target.mkdir(parents=True, exist_ok=True)
    for name in DATA_SETS:
        with np.load(source / f"{name}.npz") as found:
            few = {
                f"{key}_{part}": found[f"{key}_{part}"][:n]
                for part, n in (("train", 3000), ("test", 300))
                for key in "xy"
            }
        np.savez(target / f"{name}.npz", **few)
    return target


def compared(folder: Path, shares: Sequence[float], progress: Progress) -> list[Row]:
    """One collection at every share, the largest first: the others are held against it."""
    truth = read_truth(folder / "truth.json")
    name = f"{folder.parent.name}/{folder.name}"
    reconstruct(folder, threads=1)  # so that every share finds the files in the system's cache
    rows: list[Row] = []
    whole = None
    for share in shares:
        before, started = bytes_read(), time.perf_counter()
        answer = reconstruct(folder, threads=1, sample=share)
        seconds, n_bytes = time.perf_counter() - started, bytes_read() - before
        whole = whole or answer
        rows.append(row(name, share, answer, whole, truth, n_bytes, seconds))
        progress(f"{name} at {share:.1%}: {rows[-1].kept} of {rows[-1].edges} edges as from everything")
    return rows


def row(
    name: str, share: float, answer: Phylogeny, whole: Phylogeny, truth: Truth, n_bytes: int, seconds: float
) -> Row:
    """Hold an answer against that from the whole weights and against the truth."""
    found, reference = ({(edge.parent, edge.child) for edge in one.edges} for one in (answer, whole))
    now, then = ({(edge.parent, edge.child): edge.confidence or 0.0 for edge in a.edges} for a in (answer, whole))
    sure = {(edge.parent, edge.child) for edge in whole.edges if (edge.confidence or 0.0) >= SURE}
    true = {(edge.parent, edge.child) for edge in truth.edges}
    return Row(
        name,
        share,
        answer.provenance["parameters"]["sample"]["read"],
        n_bytes,
        seconds,
        len(reference),
        len(found & reference),
        len(found - reference),
        len(sure),
        len(found & sure),
        sum(abs(now[edge] - then[edge]) for edge in found & reference),
        len(found & true),
        len(true),
        families(answer) == families(whole),
    )


def families(answer: Phylogeny) -> set[frozenset[str]]:
    """Which models are related by an answer."""
    found: dict[int | None, set[str]] = {}
    for model in answer.models:
        found.setdefault(model.family, set()).add(model.name)
    return {frozenset(names) for names in found.values()}


def bytes_read() -> int:
    """Bytes that this process has read from files so far (Linux counts them)."""
    lines = Path(f"/proc/{os.getpid()}/io").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith("rchar:")).split()[1])


def pooled(rows: Sequence[Row], field: str, of: str) -> float:
    """A count over all collections as a share of another."""
    wanted, total = (float(sum(getattr(r, name) for r in rows)) for name in (field, of))
    return wanted / max(total, 1.0)


def text_of(rows: Sequence[Row]) -> str:
    """The page: all collections together, then each."""
    names = list(dict.fromkeys(r.collection for r in rows))
    intro = (
        f"{len(names)} collections of two or three families of networks of more than ten million parameters, trained "
        "and read by `nphylo lab table sampling --sets FOLDER`; method `auto`, one thread, files in the system's "
        "cache. *Read* is the share of the compared values that was read (small tensors are read whole); *edges as "
        "from everything* the share of the edges from all weights that the sample gives too, *sure edges* the same for "
        f"those with a probability of {SURE:.0%} and more, *other edges* those from the sample alone, *shift* the mean "
        "change of the probability of the same edges."
    )
    shares = list(dict.fromkeys(r.share for r in rows))
    header = ["share", "read", "MB read", "seconds", "edges as from everything", "sure edges", "other edges", "shift"]
    together = table(
        [*header, "same families", "exact parents"], (_line([r for r in rows if r.share == s]) for s in shares)
    )
    by_collection = []
    for share in shares:
        cells = [next(r for r in rows if (r.share, r.collection) == (share, name)) for name in names]
        by_collection.append([f"{share:.1%}", *(f"{c.kept}/{c.edges}, {c.right}/{c.true}" for c in cells)])
    parts = [
        "# Trees from a sample of the weights",
        intro,
        "![share read against agreement and accuracy](sampling.png)",
        together,
        "The same by collection, share of edges as from everything and exact parents right:",
        table(["share", *names], by_collection),
    ]
    return "\n\n".join(parts)


def _line(rows: Sequence[Row]) -> list[str]:
    return [
        f"{rows[0].share:.1%}",
        f"{min(r.read for r in rows):.2%} to {max(r.read for r in rows):.2%}",
        f"{sum(r.n_bytes for r in rows) / 1e6:,.1f}",
        f"{sum(r.seconds for r in rows):.1f}",
        *(
            f"{pooled(rows, a, b):.3f} ({sum(getattr(r, a) for r in rows)}/{sum(getattr(r, b) for r in rows)})"
            for a, b in (("kept", "edges"), ("sure_kept", "sure"))
        ),
        f"{sum(r.other for r in rows)}",
        f"{pooled(rows, 'shift', 'kept'):.3f}",
        f"{sum(r.same_families for r in rows)}/{len(rows)}",
        f"{pooled(rows, 'right', 'true'):.3f} ({sum(r.right for r in rows)}/{sum(r.true for r in rows)})",
    ]


def draw(rows: Sequence[Row], target: Path) -> None:
    """Agreement and accuracy against the share read, each collection thin, all together thick."""
    figure = Figure(figsize=(7.2, 4.2), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    shares = list(dict.fromkeys(r.share for r in rows))
    by_share = [[r for r in rows if r.share == share] for share in shares]
    middle = [float(np.exp(np.mean([np.log(r.read) for r in group]))) for group in by_share]
    for name in dict.fromkeys(r.collection for r in rows):
        own = [r for r in rows if r.collection == name]
        axes.plot([r.read for r in own], [r.kept / r.edges for r in own], color="tab:blue", alpha=0.25, linewidth=1)
    for field, of, colour, label in (
        ("kept", "edges", "tab:blue", "edges as from all weights (thin: each collection)"),
        ("sure_kept", "sure", "tab:green", f"of them, those with a probability of {SURE:.0%} and more"),
        ("right", "true", "tab:orange", "exact parents right"),
    ):
        values = [pooled(group, field, of) for group in by_share]
        axes.plot(middle, values, "o-", color=colour, linewidth=2, label=label)
    axes.axhline(0.98, color="grey", linewidth=0.8, linestyle=":")
    axes.set_xscale("log")
    axes.set_xticks(shares, [f"{100 * share:g} %" for share in shares])
    axes.minorticks_off()
    axes.set_ylim(0.5, 1.02)
    axes.set_xlabel("share of the weights read")
    axes.set_ylabel("share of edges")
    axes.legend(loc="lower right", frameon=False, fontsize=9)
    axes.grid(alpha=0.2)
    write(figure, target)
