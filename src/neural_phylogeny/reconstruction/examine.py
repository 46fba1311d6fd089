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
from neural_phylogeny.records import Evidence
from neural_phylogeny.relations.copies import copies
from neural_phylogeny.relations.direction import log_odds
from neural_phylogeny.relations.exact import exact_marks
from neural_phylogeny.relations.existence import Existence, existence
from neural_phylogeny.relations.shared import shared_values
from neural_phylogeny.statistics.cache import Group
from neural_phylogeny.statistics.results import Statistics
from neural_phylogeny.trees.family import Families, Family

PARTLY = "left out:"
"""How the remark on a model begins that was judged all the same."""


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
    def of(cls, statistics: Statistics, alpha: float, n_pairs: int) -> Findings:
        """Ask all questions of one group."""
        direction, votes = log_odds(statistics)
        found = existence(statistics, alpha, n_pairs)
        exact = exact_marks(statistics)
        return cls(statistics, found, direction, votes, exact, statistics.alignment.coverage(), copies(statistics))

    def redrawn(self, rng: np.random.Generator) -> Findings:
        """The same group by other matrices, drawn with replacement; who is related to whom is not asked again."""
        statistics = self.statistics.drawn(rng)
        direction, votes = log_odds(statistics)
        return replace(self, statistics=statistics, direction=direction, votes=votes, exact=exact_marks(statistics))

    @cached_property
    def kin(self) -> NDArray[np.bool_]:
        """Related pairs: by the test, or because the two are copies with matrices that are not constant."""
        kin = self.existence.related.copy()
        for group in self.copies:
            if any(
                tensor.is_matrix
                and group[0] in tensor.members
                and arrays["moments.distinct"][tensor.members.index(group[0])] > 1
                for tensor, arrays in self.statistics
            ):
                kin[np.ix_(group, group)] = True
        np.fill_diagonal(kin, False)
        return kin

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

    def p_value(self, i: int, j: int) -> float:
        """p-value of the relatedness test under unrelatedness, see ``Existence.p_value``."""
        return float(self.existence.p_value[i, j])

    def kinship(self, i: int, j: int) -> float:
        """One less the p-value of strangers matching so well; certainty where a matrix is identical."""
        return 1.0 if self.existence.identical[i, j] else float(1.0 - np.exp(self.existence.log_p[i, j]))

    def remark(self, row: int) -> str:
        """Why a model could not be judged, or which of its tensors were left out; empty when all is well."""
        tensors = self._tensors[row]
        broken = [name for name, _, is_finite in tensors if not is_finite]
        matrices = [name for name, is_matrix, _ in tensors if is_matrix]
        if not tensors:
            return "it has no floating-point tensor in common with any other model"
        if not matrices:
            return "not enough evidence: it shares no matrices, and vectors or single rows prove nothing"
        if set(matrices) <= set(broken):
            return f"its weights are NaN, infinite, too large or unreadable, {broken[0]!r} first"
        if not self.kin[row].any() and not self.existence.conclusive[row].any():
            if not self.existence.large_enough[row]:
                return "too small: even an identical copy would not be statistically significant"
            return "nothing sound to compare it with: other models have too few usable matrices in common with it"
        return f"{PARTLY} NaN, infinite, too large or unreadable values in {', '.join(broken)}" if broken else ""

    @cached_property
    def _tensors(self) -> list[list[tuple[str, bool, bool]]]:
        """Of each model its compared tensors: the name, whether it is a matrix, whether its values are finite."""
        found: list[list[tuple[str, bool, bool]]] = [[] for _ in range(self.statistics.alignment.n_models)]
        for tensor, arrays in self.statistics:
            finite = np.isfinite(np.diag(arrays["gram"])).tolist()
            for member, is_finite in zip(tensor.members, finite, strict=True):
                found[member].append((tensor.name, tensor.is_matrix, is_finite))
        return found

    def families(self, rows: list[int], labels: NDArray[np.int64], seed: int) -> Families:
        """What a method sees of some of the members, whose families are given."""
        return Families(labels, Family(MeasuredFamily.of(self, rows, seed)), seed)


Examined = list[tuple[Group, Findings]]
"""Each group of a collection and what the relations say of it."""


def examine(collection: Collection, alpha: float) -> Examined:
    """What the relations say of each group of a collection: the part of an answer that no method changes."""
    n = len(collection.refs)
    return [(group, Findings.of(group.statistics, alpha, n * (n - 1) // 2)) for group in collection.groups]
