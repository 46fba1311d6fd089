"""What a method sees of a family, taken from the findings on its group when the method first uses it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.reconstruction.findings import Findings
from neural_phylogeny.relations.fake_init import FakeInitialisation, nearer, summed
from neural_phylogeny.relations.initialisations.independence import CLEAR, INDEPENDENT, descent, distances
from neural_phylogeny.relations.matrix_scores import kurtosis_score
from neural_phylogeny.relations.similarity import compared_pairs, matrix_gram
from neural_phylogeny.trees.family import CommonOrigin, Families, Family, Pairs, Posterior
from neural_phylogeny.trees.forest import Matrix, Vector

if TYPE_CHECKING:
    from neural_phylogeny.detector.measurements import Measurements


@dataclass(frozen=True)
class MeasuredFamily:
    """``trees.family.FamilyData`` from one pass: some rows of a group, and the seed of what is drawn."""

    found: Findings
    rows: tuple[int, ...]
    pairs: Pairs
    seed: int

    @classmethod
    def of(cls, found: Findings, rows: Sequence[int], seed: int) -> MeasuredFamily:
        """Some members of a group. O(n^2) a matrix."""
        product, norm, norm_of_other = matrix_gram(found.statistics)
        squared = np.where(norm > 0, np.maximum(norm + norm_of_other - 2.0 * product, 0.0), np.nan)
        pairs = Pairs(
            cosine=found.existence.cosine,
            gram=product,
            distance=np.sqrt(squared),
            direction=found.direction,
            lighter_tails=summed(kurtosis_score(found.statistics)),
            comparable=compared_pairs(found.statistics),
            share=found.statistics.alignment.matrix_coverage(),
            related=found.existence.related,
        )
        return cls(found, tuple(rows), pairs.of(rows), seed)

    def nearer(self, fake: FakeInitialisation) -> Matrix:
        """By the distances of all models of the group, which share the draws of the initialisation."""
        return nearer(self.found.statistics, fake, self.seed)[np.ix_(self.rows, self.rows)]

    def retained_gram(self) -> Matrix:
        """Of the layers that none of these models re-initialised."""
        return self._measurements.retained.even_gram()

    def retained_sizes(self) -> Vector:
        """Of the matrices that none of these models re-initialised."""
        return self._measurements.retained.sizes

    def exact(self) -> dict[str, Matrix]:
        """From the tables of the group."""
        return {name: table[np.ix_(self.rows, self.rows)] for name, table in self.found.exact.items()}

    def detector(self) -> Posterior:
        """By the detector that ships."""
        if (known := self.found.detected) is not None and self.rows == tuple(range(len(known[1]))):
            return Posterior(parent=known[0], missing=known[1])
        from neural_phylogeny.detector.network import Inputs
        from neural_phylogeny.detector.shipped import detector

        found = detector().probabilities(Inputs.of(self._measurements))
        return Posterior(parent=found.parent, missing=found.missing)

    def merges(self) -> Matrix:
        """What was put together from others of this family."""
        return self.found.merges(self.rows).weights

    def descent(self) -> Matrix:
        """By the draw, which is looked for when first needed, unless large weights leave no doubt; else silent.

        Silent too of two models with an identical trained matrix, which nothing but descent leaves.
        """
        if not self.found.leading:
            return np.zeros((len(self.rows),) * 2)
        leading = [tensor.of(self.rows) for tensor in self.found.leading]
        without = descent(leading)
        is_clear = (without[~np.eye(len(without), dtype=bool)] >= CLEAR).all()
        if is_clear or self.found.draw is None:
            return np.zeros_like(without)
        same = self.found.existence.identical[np.ix_(self.rows, self.rows)]
        found: Matrix = np.where(same, 0.0, descent(leading, self.found.draw))
        return found

    def true_distances(self) -> Vector | None:
        """By the draw that a search over seeds finds."""
        if not self.found.leading or self.found.draw is None:
            return None
        return distances([tensor.of(self.rows) for tensor in self.found.leading], self.found.draw)

    def common_origin(self) -> CommonOrigin:
        """By large weights, then by the draw, then by ``tested_origin``; of models without a parent."""
        if self.found.leading:
            odds = descent([tensor.of(self.rows) for tensor in self.found.leading])
            upper = np.triu_indices(len(odds), 1)
            if float(np.median(odds[upper])) < INDEPENDENT:
                return CommonOrigin.INITIALISATION
            drawn = self.descent()
            if drawn.any() and float(np.median(np.maximum(drawn, drawn.T)[upper])) < 0.0:
                return CommonOrigin.INITIALISATION
        return self.tested_origin()

    def tested_origin(self) -> CommonOrigin:
        """By the test for a common initialisation that ships; of parents and children too."""
        from neural_phylogeny.detector.initialisation import initialisation_test

        return CommonOrigin(initialisation_test().verdict(self._measurements))

    def subset(self, rows: Sequence[int]) -> MeasuredFamily:
        """Some of these models, in the given order."""
        return MeasuredFamily(self.found, tuple(self.rows[k] for k in rows), self.pairs.of(rows), self.seed)

    @cached_property
    def _measurements(self) -> Measurements:
        """These models as the detector sees them."""
        from neural_phylogeny.detector.measurements import Measurements

        return Measurements.of(self.found.statistics, list(self.rows))


def families_of(found: Findings, rows: list[int], labels: NDArray[np.int64], seed: int) -> Families:
    """What a method sees of some members of a group, whose families are given."""
    return Families(labels, Family(MeasuredFamily.of(found, rows, seed)), seed)
