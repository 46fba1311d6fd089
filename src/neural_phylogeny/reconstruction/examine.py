"""What the relations say of each group of a collection, and what a method may look at of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.reconstruction.collect import Collection
from neural_phylogeny.reconstruction.evidence import (
    direction_evidence,
    exact_evidence,
    existence_evidence,
    shared_evidence,
)
from neural_phylogeny.reconstruction.family_data import MeasuredFamily
from neural_phylogeny.reconstruction.relate import Relations, related_pairs
from neural_phylogeny.records import KINDS, Evidence, Kind
from neural_phylogeny.relations.copies import copies
from neural_phylogeny.relations.direction import log_odds
from neural_phylogeny.relations.exact import exact_marks
from neural_phylogeny.relations.existence import Existence
from neural_phylogeny.relations.kinds import exact_kinds
from neural_phylogeny.relations.shared import shared_values
from neural_phylogeny.statistics.cache import Group
from neural_phylogeny.statistics.results import Statistics
from neural_phylogeny.trees.family import Families, Family

LEAST_LOG_P = -300.0 * np.log(10.0)
"""Smaller p-values are reported as 1e-300: no null distribution is known that far out."""


@dataclass(frozen=True)
class Findings:
    """What the relations say of one group of models, as arrays over its members."""

    statistics: Statistics
    existence: Existence
    direction: NDArray[np.float64]
    votes: dict[str, NDArray[np.float64]]
    exact: dict[str, NDArray[np.float64]]
    coverage: NDArray[np.float64]
    copies: list[list[int]]

    @classmethod
    def of(cls, statistics: Statistics, found: Existence) -> Findings:
        """Ask all questions of one family; who is related to whom is known."""
        direction, votes = log_odds(statistics)
        exact = exact_marks(statistics)
        return cls(statistics, found, direction, votes, exact, statistics.alignment.coverage(), copies(statistics))

    def redrawn(self, rng: np.random.Generator) -> Findings:
        """The same group by other matrices, drawn with replacement; who is related to whom is not asked again."""
        statistics = self.statistics.drawn(rng)
        direction, votes = log_odds(statistics)
        return replace(self, statistics=statistics, direction=direction, votes=votes, exact=exact_marks(statistics))

    @cached_property
    def kin(self) -> NDArray[np.bool_]:
        """Related pairs, see ``relate.related_pairs``."""
        return related_pairs(self.statistics, self.existence, self.copies)

    def evidence(self, i: int, j: int, names: tuple[str, str]) -> tuple[Evidence, ...]:
        """All evidence on a pair, existence first."""
        relatives = np.flatnonzero(self.kin[i] & self.kin[j]).tolist()
        shared = shared_evidence(shared_values(self.statistics, i, j, relatives))
        exact = exact_evidence(self.exact, i, j, names)
        return (existence_evidence(self.existence, i, j), *shared, *exact, *direction_evidence(self.votes, i, j, names))

    def similarity(self, i: int, j: int) -> float:
        """Cosine of the compared matrices, 0 where none are."""
        cosine = float(self.existence.cosine[i, j])
        return cosine if np.isfinite(cosine) else 0.0

    def p_value(self, i: int, j: int) -> float | None:
        """p-value of the relatedness test, at least 1e-300; None where a layer is identical, so that none is needed."""
        return None if self.existence.identical[i, j] else float(np.exp(max(self.existence.log_p[i, j], LEAST_LOG_P)))

    def kind(self, parent: int, child: int) -> Kind:
        """How a child was made from its parent: what exact facts prove, else by training."""
        return next((kind for kind in KINDS if kind in self._kinds and self._kinds[kind][parent, child]), "finetune")

    @cached_property
    def _kinds(self) -> dict[str, NDArray[np.bool_]]:
        return exact_kinds(self.statistics)

    def families(self, rows: list[int], labels: NDArray[np.int64], seed: int) -> Families:
        """What a method sees of some of the members, whose families are given."""
        return Families(labels, Family(MeasuredFamily.of(self, rows, seed)), seed)


@dataclass(frozen=True)
class Examined:
    """What the relations say of a collection: the part of an answer that no method changes.

    Attributes
    ----------
    kin : (n_models, n_models) of bool
        Related pairs.
    remarks : list of str
        Why a model could not be judged, or what of it was left out; empty where all is well.
    copies : list of list of int
        Models that are copies of each other.
    families : list of (Group, Findings)
        Each family of at least two models, and what the relations say of it.
    groups : list of (Group, Relations)
        The groups in which the families were found.
    """

    kin: NDArray[np.bool_]
    remarks: list[str]
    copies: list[list[int]]
    families: list[tuple[Group, Findings]]
    groups: list[tuple[Group, Relations]]

    @cached_property
    def whole(self) -> list[tuple[Group, Findings]]:
        """Each group as one, for methods that tell families apart themselves."""
        return [(group, Findings.of(found.statistics, found.existence)) for group, found in self.groups]


def examine(collection: Collection, alpha: float) -> Examined:
    """Who is related to whom by the boxes of pairs, and all else of each family on its own."""
    n = len(collection.refs)
    kin = np.zeros((n, n), dtype=bool)
    remarks = ["there is no other model to compare it with" if n == 1 else ""] * n
    families, groups, same, judged = [], [], [], set[int]()
    for group in collection.groups:
        relations = Relations.of(group.statistics, alpha, n * (n - 1) // 2)
        kin[np.ix_(group.members, group.members)] |= relations.pairs
        for row, model in enumerate(group.members):
            if model not in judged:
                remarks[model] = relations.remark(row)
        judged |= set(group.members)
        same += [[group.members[row] for row in rows] for rows in relations.copies]
        for rows in relations.families():
            family = collection.family(group, rows)
            families.append((family, Findings.of(family.statistics, relations.existence.of(rows))))
        groups.append((group, relations))
    return Examined(kin, remarks, same, families, groups)
