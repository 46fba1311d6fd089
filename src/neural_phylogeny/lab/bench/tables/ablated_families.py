"""Ablation of ``auto`` on families of left-out batches: what each piece of evidence beside the detector is worth there.

The detector's posterior is computed once for each family; what is taken away is taken from the evidence beside it. The
sum of the direction features, by which the spanning tree and the nearest-neighbour trees are rooted, is judged by the
direction of the true edges by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.lab.families.batches import KnownFamily, read_batches
from neural_phylogeny.lab.fitting.fusion import Evidence, Weights, ancestors, judged_groups
from neural_phylogeny.relations.direction import DIRECTION_FEATURES, log_odds
from neural_phylogeny.trees.forest import Matrix
from neural_phylogeny.trees.fusion import factors
from neural_phylogeny.trees.likeliest import likeliest_forest

Counts = dict[str, tuple[float, float]]

SUM = "direction sum"
"""The metric of the direction features alone: a true edge whose direction is not decided counts a half."""


@dataclass(frozen=True)
class JudgedFamily:
    """A family, the evidence on it, and its direction features without some of them, by what was left out."""

    evidence: Evidence
    direction: Matrix
    weaker: Mapping[str, Matrix]

    @classmethod
    def of(cls, known: KnownFamily) -> JudgedFamily:
        """The cost of ``auto``, once, and of each direction feature."""
        features = DIRECTION_FEATURES
        groups = dict.fromkeys(feature.group for feature in features)
        without = {one.name: [other for other in features if other is not one] for one in features}
        without |= {f"group {group}": [one for one in features if one.group != group] for group in groups}
        weaker = {name: log_odds(known.statistics, left)[0] for name, left in without.items()}
        return cls(Evidence.of(known), log_odds(known.statistics)[0], weaker)

    def counts(self, beside: Mapping[str, Matrix], direction: Matrix, weights: Weights) -> Counts:
        """Every metric with this evidence beside the detector and this sum."""
        truth = self.evidence.truth
        forest = likeliest_forest(Evidence(self.evidence.parent, beside, truth).posterior(weights))
        above, n = ancestors(forest), len(truth)
        children = np.flatnonzero(truth != np.arange(n))
        decided = np.sign(direction[truth[children], children])
        return {
            "exact_parent": (float((np.where(forest < 0, np.arange(n), forest) == truth).sum()), float(n)),
            "tree_direction": (float(above[truth[children], children].sum()), float(len(children))),
            SUM: (float((0.5 + 0.5 * decided).sum()), float(len(children))),
        }


def counts_without(paths: Iterable[Path]) -> Iterator[tuple[str, dict[str, NDArray[np.float64]]]]:
    """What is left out, "" first, and (right, total) by metric for each family ``(families, 2)``."""
    judged = [JudgedFamily.of(group) for known in read_batches(paths) for group in judged_groups(known)]
    names = sorted({name for one in judged for name, odds in one.evidence.beside.items() if odds.any()})
    weights = factors()

    def stacked(found: list[Counts]) -> dict[str, NDArray[np.float64]]:
        return {metric: np.array([counts[metric] for counts in found]) for metric in found[0]}

    yield "", stacked([one.counts(one.evidence.beside, one.direction, weights) for one in judged])
    for name in names:
        found = []
        for one in judged:
            beside = {other: odds for other, odds in one.evidence.beside.items() if other != name}
            found.append(one.counts(beside, one.direction, weights))
        yield name, stacked(found)
    for name in judged[0].weaker:
        yield name, stacked([one.counts(one.evidence.beside, one.weaker[name], weights) for one in judged])
