"""Accuracy against one property at a time: steps, children, pruning, pixels, shots, layers that are left, alpha."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np

from neural_phylogeny.lab.bench.cached import CachedCollection
from neural_phylogeny.lab.bench.plots import Panel, curves
from neural_phylogeny.lab.bench.stored import read, store
from neural_phylogeny.lab.bench.tables.base import Page, Sources
from neural_phylogeny.lab.bench.tables.baselines import Figures, rows_of
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

Methods = Mapping[str, tuple[Method, ...]]

Layers = Sequence[AlignedTensor]

LAYERS: dict[str, Callable[[Layers, Layers], Layers]] = {
    "all": lambda body, heads: [*body, *heads],
    "without heads": lambda body, heads: body,
    "heads alone": lambda body, heads: heads,
    "without the largest": lambda body, heads: [*(one for one in body if one is not largest(body)), *heads],
    "the largest alone": lambda body, heads: [largest(body)],
    "the smallest of the body alone": lambda body, heads: [min(body, key=lambda tensor: tensor.size)],
    "the first shard of two": lambda body, heads: shard([*body, *heads], 0),
    "the second shard of two": lambda body, heads: shard([*body, *heads], 1),
}
"""Which matrices of every model are left."""

PIPELINES, COMPONENTS = ("stable", "stable-swapped"), ("all", "unet", "vae", "text_encoder")
"""Cells of pipelines, and the component of every model that is left."""

SEEDS = 3
"""Collections a cell, at most."""

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


@dataclass(frozen=True)
class Spread:
    """Figures over seeds: means, and the lowest and highest overall accuracy of a seed."""

    overall: float
    direction: float
    low: float
    high: float
    seeds: int

    def __str__(self) -> str:
        """Overall accuracy, its range where there are several seeds, and tree direction."""
        between = f" [{self.low:.2f}, {self.high:.2f}]" if self.seeds > 1 else ""
        return f"{self.overall:.2f}{between} / {self.direction:.2f}"


@dataclass(frozen=True)
class Store:
    """Figures that were computed before, in a folder; without one, nothing is stored."""

    folder: Path | None

    def figures(self, key: str, collections: Sequence[CachedCollection], methods: Methods) -> dict[str, Figures]:
        """Of all methods on some collections: those that are stored under a key, the others computed and stored."""
        path = None if self.folder is None else self.folder / f"{re.sub('[^a-z0-9-]', '-', key.lower())}.json"
        known = read(path) if path is not None and path.exists() else {}
        missing = {name: method for name, method in methods.items() if name not in known}
        if missing:
            known |= rows_of("sweeps", collections, missing)
        if path is not None and missing:
            store(path, known)
        return {name: (known[name][0], known[name][1]) for name in methods}


def spreads(
    collections: Sequence[CachedCollection], methods: Methods, store: Store = Store(None), key: str = ""
) -> dict[str, Spread]:
    """Figures by method; collections of one seed count together."""
    by_seed: dict[int, list[CachedCollection]] = {}
    for kept in collections:
        by_seed.setdefault(kept.seed, []).append(kept)
    found = [store.figures(f"{key}-{seed}", some, methods) for seed, some in by_seed.items()]
    each = {name: np.array([one[name] for one in found]) for name in methods}
    return {
        name: Spread(
            float(figures[:, 0].mean()),
            float(figures[:, 1].mean()),
            float(figures[:, 0].min()),
            float(figures[:, 0].max()),
            len(found),
        )
        for name, figures in each.items()
    }


def swept(
    title: str, by_value: Mapping[str, Sequence[CachedCollection]], names: Sequence[str], store: Store
) -> dict[str, dict[str, Spread]]:
    """Figures by value and method."""
    methods: Methods = {name: (METHODS[name],) for name in names}
    return {value: spreads(collections, methods, store, f"{title}-{value}") for value, collections in by_value.items()}


def shown(title: str, found: Mapping[str, Mapping[str, Spread]], fake: Mapping[str, float] | None = None) -> str:
    """A row a value, a column a method; pair direction of the fake initialisation last."""
    names = list(next(iter(found.values())))
    rows = []
    for value, figures in found.items():
        last = [] if fake is None else [f"{fake[value]:.2f}"]
        rows.append([value, *(str(figures[name]) for name in names), *last])
    return table([title, *names, *([] if fake is None else [FAKE])], rows)


def panel(title: str, found: Mapping[str, Mapping[str, Spread]]) -> Panel:
    """The overall accuracies of a table as curves, from the lowest to the highest seed a band."""
    names = list(next(iter(found.values())))
    return Panel(
        title,
        list(found),
        {name: [figures[name].overall for figures in found.values()] for name in names},
        bands={name: [(figures[name].low, figures[name].high) for figures in found.values()] for name in names},
    )


def largest(matrices: Layers) -> AlignedTensor:
    """The largest matrix, the first of equals."""
    return max(matrices, key=lambda tensor: tensor.size)


def shard(matrices: Layers, which: int) -> Layers:
    """The first or the second half of the matrices by names in order, cut where half of the values are reached."""
    ordered = sorted(matrices, key=lambda tensor: tensor.name)
    before = np.cumsum([0, *(tensor.size for tensor in ordered)])[:-1]
    second = (before >= before[-1] / 2).tolist()
    return [tensor for tensor, later in zip(ordered, second, strict=True) if later == bool(which)]


def with_component(kept: CachedCollection, component: str) -> CachedCollection:
    """A collection of pipelines of which one component is left, matrices alone."""
    return _with(kept, lambda matrices: [one for one in matrices if one.name.startswith(f"{component}.")])


def with_layers(kept: CachedCollection, left: str) -> CachedCollection:
    """A collection of whose models some matrices are left and no vectors; ``left`` is one of ``LAYERS``."""

    def chosen(matrices: Layers) -> Layers:
        heads = [tensor for tensor in matrices if tensor.role is Role.BOUNDARY]
        return LAYERS[left]([tensor for tensor in matrices if tensor.role is not Role.BOUNDARY], heads)

    return _with(kept, chosen)


def _with(kept: CachedCollection, choice: Callable[[Layers], Layers]) -> CachedCollection:
    groups = []
    for group in kept.collection.groups:
        matrices = [tensor for tensor in group.statistics.alignment.tensors if tensor.is_matrix]
        chosen = choice(matrices)
        some = [k for k, tensor in enumerate(matrices) if any(tensor is one for one in chosen)]
        groups.append(replace(group, statistics=with_matrices(group.statistics, some, vectors=False)))
    return replace(kept, collection=replace(kept.collection, groups=tuple(groups), families=()))


def by_alpha(
    collections: Sequence[CachedCollection], names: Sequence[str], store: Store
) -> dict[str, dict[str, Spread]]:
    """Figures by alpha of clusterings along directions."""
    found = {}
    for alpha in ALPHAS:
        rows = {name: (replace(METHODS[name], options=replace(METHODS[name].options, alpha=alpha)),) for name in names}
        found[f"{alpha:g}"] = spreads(collections, rows, store, f"alpha-{alpha:g}")
    return found


def page(sources: Sources) -> Page:
    """All sweeps, and one picture of them; the suites `sweeps`, `paper`, `mixed` and `generations`."""
    parts = [
        "### One property at a time",
        "`nphylo lab table sweeps`, with `--work work/` resumable.",
        f"Overall accuracy [lowest, highest of up to {SEEDS} seeds] / tree direction. The last column of some tables "
        "is the share of true edges that the closed form of the fake initialisation orders rightly, each pair alone.",
    ]
    panels = []
    seeds, store = min(sources.seeds, SEEDS), Store(sources.work)
    suite = sources.suite("sweeps", seeds)
    for title, pattern in SWEEPS.items():
        cells = cells_of(suite, pattern)
        if cells:
            found = swept(title, cells, NAMES, store)
            fake = {value: directed(some, FakeInitialisation()) for value, some in cells.items()}
            parts.append(shown(title, found, fake))
            panels.append(panel(title.split(" (")[0], found))
            sources.progress(title)
    paper = sources.suite("paper", 1)
    by_shots = {how: [kept for kept in paper if kept.cell.endswith(f"-{how}")] for how in SHOTS}
    shots = swept("shots", by_shots, NAMES, store)
    mixed = [*sources.suite("mixed", 1), *sources.suite("generations", 1)]
    layers = swept("layers", {left: [with_layers(kept, left) for kept in mixed] for left in LAYERS}, NAMES, store)
    pipelines = [kept for kept in sources.suite("diffusion", 1) if kept.cell in PIPELINES]
    components = {"all": [with_layers(kept, "all") for kept in pipelines]} | {
        part: [with_component(kept, part) for kept in pipelines] for part in COMPONENTS[1:]
    }
    alphas = by_alpha(mixed, ("kmeans-along", "mean-shift-along", "agglomerative-along"), store)
    for title, found in (
        ("shots, the paper's suite", shots),
        ("matrices that are left of mixed and generations", layers),
        ("component that is left of pipelines", swept("component", components, NAMES, store)),
        ("alpha, mixed and generations", alphas),
    ):
        parts.append(shown(title, found))
        if found is shots or found is alphas:
            panels.append(panel(title, found))
    parts.append("![Accuracy against steps, children, pruning, pixels, shots and alpha](sweeps.png)")
    return Page("\n\n".join(parts), {"sweeps.png": partial(curves, panels)})
