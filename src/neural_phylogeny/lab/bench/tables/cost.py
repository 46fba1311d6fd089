"""What each method costs: processor and memory against the number of models, and the pass against parameters."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable, Iterator

import numpy as np

from neural_phylogeny.lab.bench.cached import CachedCollection
from neural_phylogeny.lab.bench.runs import ALPHA
from neural_phylogeny.lab.bench.tables.base import Page, Sources
from neural_phylogeny.lab.markdown import table
from neural_phylogeny.reconstruction.api import reconstruct
from neural_phylogeny.reconstruction.decide import phylogeny
from neural_phylogeny.reconstruction.examine import examine
from neural_phylogeny.trees.methods import METHODS

CELLS = ("sweep-children-5", "sweep-children-20", "sweep-children-50")

MODELS, SIDES = 8, (100, 316, 1000, 3162)
"""Models that are read, and sizes of their one square matrix."""

RELATIONS = "relations (for all methods)"


def spent(what: Callable[[], object]) -> str:
    """Seconds of processor and the peak of what was allocated meanwhile, in MB."""
    tracemalloc.start()
    started = time.process_time()
    what()
    seconds, peak = time.process_time() - started, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return f"{seconds:.3f} / {peak / 1e6:.1f}"


def column(kept: CachedCollection) -> Iterator[tuple[str, str]]:
    """Of the relations and of each method, on a collection after the pass."""
    yield RELATIONS, spent(lambda: examine(kept.collection, ALPHA))
    examined = examine(kept.collection, ALPHA)
    for name, method in METHODS.items():
        yield name, spent(lambda method=method: phylogeny(kept.collection, method, ALPHA, 0, examined))  # type: ignore[misc]


def by_parameters() -> Iterator[list[str]]:
    """A row for each size: the pass over models in memory and the simplest method."""
    rng = np.random.default_rng(0)
    for side in SIDES:
        root = rng.normal(size=(side, side)).astype(np.float32)
        steps = (rng.normal(scale=0.1 * (k > 0), size=root.shape).astype(np.float32) for k in range(MODELS))
        models = {f"m{k}": {"w": root + step} for k, step in enumerate(steps)}
        yield [f"{side * side:,}", spent(lambda models=models: reconstruct(models, method="star", threads=1))]  # type: ignore[misc]


def page(sources: Sources) -> Page:
    """A row a method, a column a number of models; then the pass by parameters."""
    known = {kept.cell: kept for kept in sources.suite("sweeps", 1) if kept.cell in CELLS}
    for name in METHODS:  # what is imported and loaded once
        phylogeny(known[CELLS[0]].collection, METHODS[name], ALPHA, 0)
    columns = {}
    for cell in CELLS:
        columns[f"{len(known[cell].collection.refs)} models"] = dict(column(known[cell]))
        sources.progress(cell)
    rows = [[name, *(found[name] for found in columns.values())] for name in (RELATIONS, *METHODS)]
    parts = [
        "### What each method costs",
        "`nphylo lab table cost`.",
        "Seconds of one processor, allocations being traced, / their peak in MB after the pass, on stars of 5, 20 and "
        "50 children. A method sees statistics of pairs alone, so that the number of parameters has no bearing on it; "
        "`auto` and `detector` need the ensemble of networks, the others less.",
        table(["s / MB", *columns], rows),
        f"The pass, the same for all methods, over {MODELS} models in memory, a root and its children, and a star:",
        table(["parameters each", "s / MB"], by_parameters()),
    ]
    return Page("\n\n".join(parts))
