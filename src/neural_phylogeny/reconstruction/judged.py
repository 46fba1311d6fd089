"""A collection that was read and reconstructed once, ready for questions about pairs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from neural_phylogeny.files.cores import using
from neural_phylogeny.inputs import ModelRef
from neural_phylogeny.reconstruction.collect import Collection, gather
from neural_phylogeny.reconstruction.examine import Examined, examine
from neural_phylogeny.reconstruction.family_data import MeasuredFamily
from neural_phylogeny.reconstruction.findings import LEAST_LOG_P
from neural_phylogeny.reconstruction.joined import answered
from neural_phylogeny.reconstruction.options import Reading, with_prior_of
from neural_phylogeny.records import Phylogeny
from neural_phylogeny.relations.existence import Existence
from neural_phylogeny.sources import Models
from neural_phylogeny.trees.family import CommonOrigin
from neural_phylogeny.trees.methods import METHODS


@dataclass(frozen=True)
class Judged:
    """The answer of ``auto`` for a collection, and the statistics behind it."""

    collection: Collection
    examined: Examined
    answer: Phylogeny
    seed: int = 0

    @classmethod
    def of(cls, models: Models, reading: Reading, prior: str = "unknown") -> Judged:
        """Read models and reconstruct their forest; one read of every compared value."""
        with using(reading.cores):
            return cls.measured(gather(models, reading, by_component=True), reading.alpha, reading.seed, prior)

    @classmethod
    def measured(cls, collection: Collection, alpha: float, seed: int = 0, prior: str = "unknown") -> Judged:
        """The same from what was measured; ``prior`` says whether parents are among the models."""
        examined, method = examine(collection, alpha), with_prior_of(METHODS["auto"], prior)
        return cls(collection, examined, answered(collection, method, alpha, seed, examined), seed)

    @property
    def refs(self) -> Sequence[ModelRef]:
        """The models, where they were found."""
        return self.collection.refs

    @cached_property
    def names(self) -> list[str]:
        """Names of the models in order."""
        return [ref.name for ref in self.refs]

    def p_value(self, a: str, b: str) -> float | None:
        """p-value of the relatedness test of two models; None where a layer is identical or none could be made."""
        home = self._home(a, b)
        if home is None:
            return None
        existence, i, j = home
        log_p = float(existence.log_p[i, j])
        if existence.identical[i, j] or math.isnan(log_p):
            return None
        return math.exp(max(log_p, LEAST_LOG_P))

    def is_conclusive(self, a: str, b: str) -> bool:
        """Whether enough of two models could be compared for "unrelated" to be an answer."""
        home = self._home(a, b)
        return home is not None and bool(home[0].conclusive[home[1], home[2]])

    def _home(self, a: str, b: str) -> tuple[Existence, int, int] | None:
        found = self.examined.tested.home([self.names.index(a), self.names.index(b)])
        return None if found is None else (found[1].existence, found[2][0], found[2][1])

    def has_trained_ancestor(self, a: str, b: str) -> bool:
        """Whether two related models have more in common than an initialisation, by the test that ships."""
        i, j = self.names.index(a), self.names.index(b)
        for group, found in self.examined.families:
            if i in group.members and j in group.members:
                rows = (group.members.index(i), group.members.index(j))
                return MeasuredFamily.of(found, rows, self.seed).tested_origin() is CommonOrigin.ANCESTOR
        return False
