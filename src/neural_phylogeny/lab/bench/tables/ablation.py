"""Ablation: what ``auto`` loses, suite by suite, when one piece of evidence is taken away.

A row for each exact feature, and for the innovation tree. The interval is that of the paired difference to ``auto``,
over collections drawn again; a row whose intervals hold zero in every suite is below noise. What two models have
beyond a common draw is in the table ``one_seed``: cached collections do not hold it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.lab.bench.cached import CachedCollection
from neural_phylogeny.lab.bench.runs import ALPHA, counts_by
from neural_phylogeny.lab.bench.suites import SUITES, cached_collections, data_folder
from neural_phylogeny.lab.bench.tables.ablated_families import counts_without
from neural_phylogeny.lab.bench.tables.base import Page, Sources
from neural_phylogeny.lab.families.batches import batch_paths, is_left_out
from neural_phylogeny.lab.markdown import table
from neural_phylogeny.reconstruction.examine import Examined, examine
from neural_phylogeny.relations.exact import BESIDE, DIRECTED, ORDERED
from neural_phylogeny.trees.auto import auto_forest
from neural_phylogeny.trees.beside_tree import INNOVATION_TREE
from neural_phylogeny.trees.driver import in_each_family
from neural_phylogeny.trees.methods import METHODS, Method

METRICS = ("exact_parent", "tree_direction")
EVIDENCE = (*DIRECTED, *ORDERED, *BESIDE)
"""What is taken away from the evidence beside the detector, one at a time."""

DRAWS = 2000
"""Bootstrap samples of the collections."""


@dataclass(frozen=True)
class Row:
    """What one suite loses without one piece of evidence; ``low`` and ``high`` bound 95 % of the difference."""

    suite: str
    without: str
    metric: str
    auto: float
    difference: float
    low: float
    high: float

    @property
    def is_noise(self) -> bool:
        """Whether the interval holds zero."""
        return self.low <= 0.0 <= self.high


def ablation(data: Path, suites: Sequence[str] = tuple(SUITES), seeds: int = 8) -> Iterator[Row]:
    """The rows of each suite; costs as much as ``auto`` on its cached collections, once more for each that speaks."""
    for suite in suites:
        collections = cached_collections(SUITES[suite], data, seeds)
        examined = [examine(kept.collection, ALPHA) for kept in collections]
        auto = _counts(collections, examined, METHODS["auto"])
        for name in (*EVIDENCE, INNOVATION_TREE):
            if name == INNOVATION_TREE or _says_something(name, examined):
                yield from _rows(suite, name, auto, _counts(collections, examined, _without({name})))


def of_batches(title: str, paths: Sequence[Path]) -> Iterator[Row]:
    """The rows of the families of some batches; costs as much as ``auto`` on them, once."""
    found = counts_without(paths)
    _, auto = next(found)
    for name, counts in found:
        yield from _rows(title, name, auto, counts)


def rows_table(rows: Sequence[Row]) -> str:
    """One line a row: suite, what is taken away, metric, ``auto``, and the difference with its interval."""
    fields = []
    for row in rows:
        change = f"{row.difference:+.4f} [{row.low:+.4f}, {row.high:+.4f}]"
        fields.append([f"{row.suite}, {row.without}", row.metric, f"{row.auto:.3f}", change])
    return table(["suite, without", "metric", "auto", "difference"], fields)


def page(sources: Sources) -> Page:
    """The rows of every suite, and what is below noise in all of them; a quarter of an hour."""
    rows: list[Row] = []
    for title, folder in (("left-out families", sources.batches), ("larger networks", sources.wide)):
        if folder is not None:
            rows += of_batches(title, [path for path in batch_paths(folder) if is_left_out(path)])
    rows += ablation(data_folder(sources.data), seeds=sources.seeds)
    below = ", ".join(noise(rows)) or "nothing"
    intro = (
        f"`nphylo lab table ablation --seeds {sources.seeds} --batches batches/ --wide wide/`. What `auto` loses when "
        "one piece of evidence is taken away; in brackets 95 % of the paired difference when collections, or families "
        "of batches, are drawn again. Nothing was chosen or fitted on these batches."
    )
    end = f"Below noise in every suite: {below}."
    return Page("\n\n".join(["### Ablation of auto", intro, rows_table(rows), end]))


def noise(rows: Sequence[Row]) -> list[str]:
    """What can be taken away without a difference beyond noise in any suite."""
    clear = {row.without for row in rows if not row.is_noise}
    return [name for name in dict.fromkeys(row.without for row in rows) if name not in clear]


def _without(names: Collection[str]) -> Method:
    return replace(METHODS["auto"], kernel=in_each_family(partial(auto_forest, without=names)))


def _says_something(name: str, examined: Sequence[Examined]) -> bool:
    """Whether an exact feature is not zero everywhere."""
    tables = [found.exact[name] for one in examined for _, found in one.families if name in found.exact]
    return any(table.any() for table in tables)


Array = NDArray[np.float64]

_Counts = dict[str, Array]  # (n_collections, 2) by metric


def _counts(collections: Sequence[CachedCollection], examined: Sequence[Examined], method: Method) -> _Counts:
    found = [counts_by(method, kept, one) for kept, one in zip(collections, examined, strict=True)]
    return {metric: np.array([counts[metric] for counts in found]) for metric in METRICS}


def _rows(suite: str, name: str, auto: _Counts, ablated: _Counts) -> Iterator[Row]:
    for metric in auto:
        with_it, without_it = auto[metric], ablated[metric]
        draws = np.random.default_rng(0).integers(len(with_it), size=(DRAWS, len(with_it)))
        if with_it[:, 1].sum() == 0:
            continue
        difference = _proportion(without_it.sum(axis=0)) - _proportion(with_it.sum(axis=0))
        drawn = _proportion(without_it[draws].sum(axis=1)) - _proportion(with_it[draws].sum(axis=1))
        low, high = np.nanquantile(drawn, [0.025, 0.975])
        whole = float(_proportion(with_it.sum(axis=0)))
        yield Row(suite, name, metric, whole, float(difference), float(low), float(high))


def _proportion(counts: Array) -> Array:
    """Right over total, NaN where there is nothing to count: ``(..., 2) -> (...)``."""
    found: Array = np.divide(
        counts[..., 0], counts[..., 1], out=np.full(counts.shape[:-1], np.nan), where=counts[..., 1] > 0
    )
    return found
