"""Accuracy against one property at a time: steps, children, pruning, pixels, shots, layers that are left, alpha."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol, TypeVar

from neural_phylogeny.lab.bench.cached import CachedCollection
from neural_phylogeny.lab.bench.plots import Panel, curves
from neural_phylogeny.lab.bench.tables.base import Page, Sources
from neural_phylogeny.lab.bench.tables.baselines import Figures, field, rows_of
from neural_phylogeny.lab.bench.tables.reviewers import directed
from neural_phylogeny.lab.families.batches import with_matrices
from neural_phylogeny.lab.markdown import table
from neural_phylogeny.relations.fake_init import FakeInitialisation
from neural_phylogeny.tensors.alignment import AlignedTensor
from neural_phylogeny.tensors.roles import Role
from neural_phylogeny.trees.methods import METHODS, Method

NAMES = (
    "auto",
    "innovation-tree",
    "spanning-tree",
    "star",
    "star-argmin",
    "nearest-cosine",
    "mother",
    "neighbour-joining",
)

SWEEPS = {
    "fine-tuning steps, SGD without decay (the parent had 300)": "sweep-steps-sgd-",
    "fine-tuning steps, AdamW with decay 0.05": "sweep-steps-adamw-",
    "children of one parent": "sweep-children-",
    "percent of the weights pruned, then trained on": "sweep-pruned-",
    "pixels of a side, stars": r"sweep-side-(\d+)-star",
    "pixels of a side, trees": r"sweep-side-(\d+)-tree",
}
"""Titles, and what the names of their cells begin with, or a pattern with the value as its group."""

SHOTS = ("5shot", "50shot", "full")

Layers = Sequence[AlignedTensor]

LAYERS: dict[str, Callable[[Layers, Layers], Layers]] = {
    "all": lambda body, heads: [*body, *heads],
    "without heads": lambda body, heads: body,
    "heads alone": lambda body, heads: heads,
    "without the largest": lambda body, heads: [*(one for one in body if one is not largest(body)), *heads],
    "the largest alone": lambda body, heads: [largest(body)],
    "the smallest of the body alone": lambda body, heads: [min(body, key=lambda tensor: tensor.size)],
}
"""Which matrices of every model are left."""

ALPHAS = (0.0, 0.25, 0.5, 0.75, 1.0)

FAKE = "fake initialisation, pairs"


class InCell(Protocol):
    """Anything that belongs to a cell of a suite."""

    @property
    def cell(self) -> str: ...


C = TypeVar("C", bound=InCell)


def cells_of(collections: Sequence[C], pattern: str) -> dict[str, list[C]]:
    """Collections by the value in the names of their cells, in the order of numbers.

    Examples
    --------
    >>> cells_of([], "sweep-steps-sgd-")
    {}
    """
    found: dict[str, list[C]] = {}
    whole = re.compile(pattern if "(" in pattern else rf"{pattern}(\d+)")
    for kept in collections:
        match = whole.fullmatch(kept.cell)
        if match:
            found.setdefault(match[1], []).append(kept)
    return dict(sorted(found.items(), key=lambda item: int(item[0])))


def swept(by_value: Mapping[str, Sequence[CachedCollection]], names: Sequence[str]) -> dict[str, dict[str, Figures]]:
    """Figures by value and method."""
    methods: dict[str, tuple[Method, ...]] = {name: (METHODS[name],) for name in names}
    return {value: rows_of("sweeps", collections, methods) for value, collections in by_value.items()}


def shown(title: str, found: Mapping[str, Mapping[str, Figures]], fake: Mapping[str, float] | None = None) -> str:
    """A row a value, a column a method: overall / tree direction; pair direction of the fake initialisation last."""
    names = list(next(iter(found.values())))
    rows = []
    for value, figures in found.items():
        last = [] if fake is None else [f"{fake[value]:.2f}"]
        rows.append([value, *(field(figures[name]) for name in names), *last])
    return table([title, *names, *([] if fake is None else [FAKE])], rows)


def panel(title: str, found: Mapping[str, Mapping[str, Figures]]) -> Panel:
    """The overall accuracies of a table as curves."""
    names = list(next(iter(found.values())))
    return Panel(title, list(found), {name: [figures[name][0] for figures in found.values()] for name in names})


def largest(matrices: Layers) -> AlignedTensor:
    """The largest matrix, the first of equals."""
    return max(matrices, key=lambda tensor: tensor.size)


def with_layers(kept: CachedCollection, left: str) -> CachedCollection:
    """A collection of whose models some matrices are left and no vectors; ``left`` is one of ``LAYERS``."""
    groups = []
    for group in kept.collection.groups:
        matrices = [tensor for tensor in group.statistics.alignment.tensors if tensor.is_matrix]
        body = [tensor for tensor in matrices if tensor.role is not Role.BOUNDARY]
        chosen = LAYERS[left](body, [tensor for tensor in matrices if tensor.role is Role.BOUNDARY])
        some = [k for k, tensor in enumerate(matrices) if any(tensor is one for one in chosen)]
        groups.append(replace(group, statistics=with_matrices(group.statistics, some, vectors=False)))
    return replace(kept, collection=replace(kept.collection, groups=tuple(groups), families=()))


def by_alpha(collections: Sequence[CachedCollection], names: Sequence[str]) -> dict[str, dict[str, Figures]]:
    """Figures by alpha of clusterings along directions."""
    found = {}
    for alpha in ALPHAS:
        rows = {name: (replace(METHODS[name], options=replace(METHODS[name].options, alpha=alpha)),) for name in names}
        found[f"{alpha:g}"] = rows_of("sweeps", collections, rows)
    return found


def page(sources: Sources) -> Page:
    """All sweeps, and one picture of them; the suites `sweeps`, `paper`, `mixed` and `generations`."""
    parts = [
        "### One property at a time",
        "`nphylo lab table sweeps`.",
        "Overall accuracy / tree direction, seed 0 of each cell. The last column of some tables is the share of true "
        "edges that the closed form of the fake initialisation orders rightly, each pair seen alone.",
    ]
    panels = []
    suite = sources.suite("sweeps", 1)
    for title, pattern in SWEEPS.items():
        cells = cells_of(suite, pattern)
        if cells:
            found = swept(cells, NAMES)
            fake = {value: directed(some, FakeInitialisation()) for value, some in cells.items()}
            parts.append(shown(title, found, fake))
            panels.append(panel(title.split(" (")[0], found))
            sources.progress(title)
    paper = sources.suite("paper", 1)
    shots = swept({how: [kept for kept in paper if kept.cell.endswith(f"-{how}")] for how in SHOTS}, NAMES)
    mixed = [*sources.suite("mixed", 1), *sources.suite("generations", 1)]
    layers = swept({left: [with_layers(kept, left) for kept in mixed] for left in LAYERS}, NAMES)
    alphas = by_alpha(mixed, ("kmeans-along", "mean-shift-along", "agglomerative-along"))
    for title, found in (
        ("shots, the paper's suite", shots),
        ("matrices that are left of mixed and generations", layers),
        ("alpha, mixed and generations", alphas),
    ):
        parts.append(shown(title, found))
        if found is not layers:
            panels.append(panel(title, found))
    parts.append("![Accuracy against steps, children, pruning, pixels, shots and alpha](sweeps.png)")
    return Page("\n\n".join(parts), {"sweeps.png": partial(curves, panels)})
