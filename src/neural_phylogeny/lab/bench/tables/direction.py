"""Which direction features point the right way, and how often: on batches, on the suites, on public checkpoints.

Every feature that the tool uses, and those that were tried and dropped, on all true edges. Features were chosen by the
batches, not by the suites or by public checkpoints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.detector.matrix_features import NORMAL
from neural_phylogeny.lab.bench.cached import CachedCollection
from neural_phylogeny.lab.bench.tables.base import Page, Sources
from neural_phylogeny.lab.families.batches import batch_paths, read_batches
from neural_phylogeny.lab.markdown import table
from neural_phylogeny.relations.direction import DIRECTION_FEATURES, RELIABILITY, growing, log_odds
from neural_phylogeny.relations.exact import DIRECTED, ORDERED, exact_marks
from neural_phylogeny.relations.matrix_scores import UNIFORM, largest_score, quantile_distance
from neural_phylogeny.relations.retained import retained as retained_layers
from neural_phylogeny.relations.shared import shared_values
from neural_phylogeny.relations.tables import Differences, Table, differences, matrices_only, mean_sign_of
from neural_phylogeny.statistics.results import Statistics
from neural_phylogeny.statistics.sketch import QUANTILES

SUITES = ("paper", "mixed", "generations", "wild")

TRUNCATED = np.array([0.0680, 0.2051, 0.3452, 0.4908, 0.7266, 0.9989, 1.3461, 1.6737, 2.1010])
"""Quantiles of magnitudes over their root mean square when weights are normal, cut off at two deviations."""

INITIAL, TRAINED = 0.02, 0.04
"""Distances to a uniform distribution up to which a head looks re-initialised and from which on it looks trained."""

ALL = "all together"

Edges = list[tuple[int, int]]
Measured = tuple[str, Statistics, Edges]
"""The kind of a family, its statistics, its true edges by row."""


def families_of(paths: Iterable[Path]) -> Iterator[Measured]:
    """The related groups of batches that have an edge."""
    for family in read_batches(paths):
        for known in family.related():
            edges = [(int(parent), child) for child, parent in enumerate(known.parents) if parent >= 0]
            if edges:
                yield str(known.about["topology"]), known.statistics, edges


def families_of_suite(collections: Iterable[CachedCollection]) -> Iterator[Measured]:
    """The groups of cached collections that have a documented edge."""
    for cached in collections:
        for group in cached.collection.groups:
            at = {cached.collection.refs[model].name: row for row, model in enumerate(group.members)}
            edges = [e for e in cached.truth.edges if e.documented and {e.parent, e.child} <= at.keys()]
            if edges:
                yield cached.cell, group.statistics, [(at[edge.parent], at[edge.child]) for edge in edges]


def _quantiles(statistics: Statistics) -> NDArray[np.float64]:
    return statistics.per_model("sketch.quantiles")


def nearest_score(statistics: Statistics) -> Table:
    """Distance to the nearest family of initialisations."""
    found = [quantile_distance(_quantiles(statistics), family) for family in (UNIFORM, NORMAL, TRUNCATED)]
    return matrices_only(statistics, np.min(found, axis=0))


def distance_to(family: NDArray[np.float64]) -> Callable[[Statistics], Table]:
    """Distance to one family of initialisations, given by its quantiles."""
    return lambda statistics: matrices_only(statistics, quantile_distance(_quantiles(statistics), family))


def beyond_root(statistics: Statistics) -> Table:
    """Share of values beyond the bound of a uniform distribution of the same mean square."""
    ends = np.concatenate([_quantiles(statistics), largest_score(statistics)[..., None]], axis=-1)
    shares = np.array([*QUANTILES, 1.0])
    found = [[1.0 - np.interp(np.sqrt(3.0), row, shares) for row in rows] for rows in ends]
    return matrices_only(statistics, np.where(np.isfinite(ends).all(axis=-1), found, np.nan))


def spectrum_number(k: int, sign: float) -> Callable[[Statistics], Table]:
    """One of the numbers of ``sketch.spectrum``."""
    return lambda statistics: matrices_only(statistics, sign * statistics.per_model("sketch.spectrum")[..., k])


def third_moments(statistics: Statistics) -> Differences:
    """Third moments of pairs of standardised weights, as for a linear effect with light tails."""
    n = statistics.alignment.n_models
    found = np.full((len(statistics.arrays), n, n), np.nan)
    for t, (tensor, arrays) in enumerate(statistics):
        if tensor.is_matrix and "cross.third" in arrays:
            with np.errstate(all="ignore"):
                length = np.sqrt(np.diag(arrays["cross.product"]))
                third = arrays["cross.third"] / (length[:, None] ** 3 * length[None, :])
            found[t][np.ix_(tensor.members, tensor.members)] = third.T - third
    return found


def reinitialised(statistics: Statistics, clear: bool) -> Differences:
    """In layers that one of two models re-initialised: the one that looks more like an initialisation is the child."""
    scores = distance_to(UNIFORM)(statistics)
    found = -differences(scores)
    if clear:
        sure = (scores[:, None, :] < INITIAL) & (scores[:, :, None] > TRAINED)
        found = np.where(sure | sure.transpose(0, 2, 1), found, np.nan)
    return np.where(retained_layers(statistics), np.nan, found)


DROPPED: dict[str, Callable[[Statistics], Differences]] = {
    "largest-weight": growing(largest_score),
    "uniform-distance": growing(distance_to(UNIFORM)),
    "nearest of uniform, normal, truncated normal": growing(nearest_score),
    "normal-distance": growing(distance_to(NORMAL)),
    "truncated-normal-distance": growing(distance_to(TRUNCATED)),
    "outside sqrt(3) root mean squares": growing(beyond_root),
    "largest over median singular value": growing(spectrum_number(1, 1.0)),
    "inverse stable rank": growing(spectrum_number(0, -1.0)),
    "third moments of pairs": third_moments,
}
"""What was tried beside, in retained layers."""

REINITIALISED: dict[str, Callable[[Statistics], Differences]] = {
    "re-initialised layer": lambda statistics: reinitialised(statistics, clear=False),
    f"re-initialised layer, below {INITIAL} against {TRAINED}": lambda statistics: reinitialised(
        statistics, clear=True
    ),
}
"""What was tried in the others."""


def signs_of(statistics: Statistics, edges: Edges) -> list[dict[str, float]]:
    """Of each edge every feature by its name: positive where it points from the parent to the child, 0 where silent."""
    together, tables = log_odds(statistics)
    retained = retained_layers(statistics)
    tables[ALL] = together / np.log(RELIABILITY / (1.0 - RELIABILITY)) / len({one.group for one in DIRECTION_FEATURES})
    tables |= {name: mean_sign_of(np.where(retained, one(statistics), np.nan)) for name, one in DROPPED.items()}
    tables |= {name: mean_sign_of(one(statistics)) for name, one in REINITIALISED.items()}
    for name, odds in exact_marks(statistics).items():
        if name in DIRECTED or name in ORDERED:
            tables[name] = (odds - odds.T) / (2.0 if name in DIRECTED else 1.0)
    return [{name: float(found[edge]) for name, found in tables.items()} for edge in edges]


@dataclass(frozen=True)
class Signs:
    """Every feature on all edges of one set: the group of each edge, and the features by name."""

    title: str
    edges: list[tuple[str, dict[str, float]]]

    @classmethod
    def of(cls, title: str, families: Iterable[Measured]) -> Self:
        """From all families of a set."""
        with np.errstate(all="ignore"):
            found = [(cell, signs) for cell, statistics, edges in families for signs in signs_of(statistics, edges)]
        return cls(title, found)

    def figures(self, name: str) -> str:
        """Share of edges on which a feature speaks; of those, share right, and the same weighted by strength."""
        values = np.array([signs.get(name, 0.0) for _, signs in self.edges])
        known = values[values != 0]
        if not len(known):
            return "–"
        weighted = np.abs(known[known > 0]).sum() / np.abs(known).sum()
        return f"{len(known) / len(values):.2f}: {(known > 0).mean():.3f}, {weighted:.3f}"

    def mean_over_groups(self, name: str) -> str:
        """Mean over groups of the share of edges pointed right, silence counting a half."""
        groups: dict[str, list[float]] = {}
        for cell, signs in self.edges:
            groups.setdefault(cell, []).append((1.0 + float(np.sign(signs.get(name, 0.0)))) / 2.0)
        return f"{np.mean([np.mean(values) for values in groups.values()]):.3f}" if groups else "–"


def shared_in(paths: Sequence[Path]) -> str:
    """How many pairs share values that a third model has not, and how many of them are of one tree."""
    related: list[bool] = []
    after: list[bool] = []
    for known in read_batches(paths):
        lines = [lineage(known.parents, k) for k in range(len(known))]
        for i, j in combinations(range(len(lines)), 2):
            if shared_values(known.statistics, i, j, [k for k in range(len(lines)) if k not in (i, j)]):
                related.append(bool(known.trees[i] == known.trees[j]))
            root = lines[i][-1]
            if root == lines[j][-1] and root not in (i, j) and shared_values(known.statistics, i, j, [root]):
                after.append(len(set(lines[i]) & set(lines[j])) > 1)
    return (
        f"Shared values, in {len(paths)} batches with strangers in their groups: {len(related)} pairs share some "
        f"that a third model has not, {sum(related)} of them are of one tree. {len(after)} pairs share some that "
        f"their root has not, {sum(after)} of them have a common ancestor after it, or one is that of the other."
    )


def lineage(parents: NDArray[np.int64], model: int) -> list[int]:
    """A model and all its ancestors, the root last."""
    found = [model]
    while parents[found[-1]] >= 0:
        found.append(int(parents[found[-1]]))
    return found


def page(sources: Sources) -> Page:
    """Every direction feature on every set of edges. Two minutes."""
    sets, paths = [], list[Path]()
    for title, folder in (("batches", sources.batches), ("batches, larger networks", sources.wide)):
        if folder is not None:
            chosen = batch_paths(folder)
            paths += chosen
            sets.append(Signs.of(title, families_of(chosen)))
            sources.progress(f"{title}: {len(sets[-1].edges)} edges")
    for name in SUITES:
        sets.append(Signs.of(name, families_of_suite(sources.suite(name))))
        sources.progress(f"{name}: {len(sets[-1].edges)} edges")
    parts = [
        "### Direction features",
        "`nphylo lab table direction --batches batches/ --wide wide/`, two minutes. A cell: the share of true edges on "
        "which the feature speaks, the share of those that it points the right way, and the same weighted by strength; "
        "0.5 is chance. The last column is the mean over public groups, silence counting a half. Features were chosen "
        "by the columns of batches. Layers that one of the two re-initialised do not count.",
    ]
    names = [*(one.name for one in DIRECTION_FEATURES), ALL]
    for title, rows in (("used", names), ("dropped", [*DROPPED, *REINITIALISED]), ("exact", [*DIRECTED, *ORDERED])):
        header = [title, *(f"{one.title} ({len(one.edges)} edges)" for one in sets), "wild, mean over groups"]
        parts.append(
            table(
                header,
                ([name, *(one.figures(name) for one in sets), sets[-1].mean_over_groups(name)] for name in rows),
            )
        )
    if paths:
        parts.append(shared_in(paths))
    return Page("\n\n".join(parts))
