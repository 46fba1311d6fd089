"""What a method sees of a family: arrays over its models, computed when they are first used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.relations.fake_init import FakeInitialisation
from neural_phylogeny.trees.forest import Matrix, Vector

Labels = NDArray[np.int64]


class CommonOrigin(Enum):
    """What models without a parent here have in common."""

    ANCESTOR = 1
    """A trained model that is missing."""
    UNDECIDED = 0
    """An ancestor or an initialisation; the weights do not show which."""
    INITIALISATION = -1
    """A random initialisation; each was trained independently."""


@dataclass(frozen=True, kw_only=True)
class Posterior:
    """Probabilities of the parents of n models.

    Attributes
    ----------
    parent : (n, n)
        ``[i, j]``: probability that i is the parent of j; on the diagonal that j has no parent here. Columns add up
        to 1.
    missing : (n,)
        Probability that the parent of j is missing while a sibling is here.
    """

    parent: Matrix
    missing: Vector


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """What is known of every pair of n models, ``(n, n)`` each; see the properties of ``Family``."""

    cosine: Matrix
    gram: Matrix
    distance: Matrix
    direction: Matrix
    lighter_tails: Matrix
    comparable: NDArray[np.bool_]
    share: Matrix
    related: NDArray[np.bool_]

    def of(self, rows: Sequence[int]) -> Pairs:
        """The same of some of the models, in the given order."""
        at = np.ix_(rows, rows)
        return Pairs(
            cosine=self.cosine[at],
            gram=self.gram[at],
            distance=self.distance[at],
            direction=self.direction[at],
            lighter_tails=self.lighter_tails[at],
            comparable=self.comparable[at],
            share=self.share[at],
            related=self.related[at],
        )


class FamilyData(Protocol):
    """Where the arrays of a ``Family`` come from. Every method is called at most once for each family."""

    @property
    def pairs(self) -> Pairs:
        """What is known of every pair."""

    def nearer(self, fake: FakeInitialisation) -> Matrix:
        """See ``Family.nearer``."""

    def retained_gram(self) -> Matrix:
        """See ``Family.retained_gram``."""

    def retained_sizes(self) -> Vector:
        """See ``Family.retained_sizes``."""

    def exact(self) -> Mapping[str, Matrix]:
        """See ``Family.exact``."""

    def detector(self) -> Posterior:
        """See ``Family.detector``."""

    def merges(self) -> Matrix:
        """See ``Family.merges``."""

    def descent(self) -> Matrix:
        """See ``Family.descent``."""

    def true_distances(self) -> Vector | None:
        """See ``Family.true_distances``."""

    def common_origin(self) -> CommonOrigin:
        """What all of these models have in common, if none has a parent here."""

    def subset(self, rows: Sequence[int]) -> FamilyData:
        """The same of some of the models, in the given order."""


class Family:
    """The n models of one family: ``len(family)`` is n, and every array follows their order.

    An array is computed when it is first used, and once. ``trees.array_data.family_of`` makes a family from arrays that
    are known.

    Examples
    --------
    >>> from neural_phylogeny.trees.array_data import family_of
    >>> family = family_of(gram=np.array([[4.0, 3.0], [3.0, 9.0]]))
    >>> len(family), float(family.cosine[0, 1])
    (2, 0.5)
    """

    def __init__(self, data: FamilyData) -> None:
        self.data = data

    def __len__(self) -> int:
        return len(self.cosine)

    @property
    def cosine(self) -> Matrix:
        """Cosine of the compared matrices, ``(n, n)``; NaN where a pair has none."""
        return self.data.pairs.cosine

    @property
    def gram(self) -> Matrix:
        """Inner products of the compared matrices, ``(n, n)``."""
        return self.data.pairs.gram

    @property
    def distance(self) -> Matrix:
        """Euclidean distance over the compared matrices of each pair, ``(n, n)``; NaN where a pair has none."""
        return self.data.pairs.distance

    @property
    def direction(self) -> Matrix:
        """Log-odds that i is the parent of j by all direction features, ``(n, n)``, antisymmetric."""
        return self.data.pairs.direction

    @property
    def lighter_tails(self) -> Matrix:
        """Kurtosis of j less that of i, summed over the matrices that both have, ``(n, n)``."""
        return self.data.pairs.lighter_tails

    @cached_property
    def comparable(self) -> NDArray[np.bool_]:
        """Which pairs have a compared matrix, ``(n, n)``; a model with itself always."""
        found: NDArray[np.bool_] = self.data.pairs.comparable | np.eye(len(self), dtype=bool)
        return found

    @property
    def share(self) -> Matrix:
        """Share of the larger model's values in matrices that is compared, ``(n, n)``."""
        return self.data.pairs.share

    @property
    def related(self) -> NDArray[np.bool_]:
        """Which pairs the test relates by themselves, ``(n, n)``."""
        return self.data.pairs.related

    def nearer(self, fake: FakeInitialisation) -> Matrix:
        """The paper's direction metric, ``(n, n)``: positive where i is nearer to a fake initialisation than j."""
        return self.data.nearer(fake)

    @cached_property
    def retained_gram(self) -> Matrix:
        """Inner products over the layers that no model re-initialised, each scaled to one length, ``(n, n)``."""
        return self.data.retained_gram()

    @cached_property
    def retained_sizes(self) -> Vector:
        """Number of values of each of the m matrices that no model re-initialised, ``(m,)``."""
        return self.data.retained_sizes()

    @cached_property
    def exact(self) -> Mapping[str, Matrix]:
        """Log-odds that i is the parent of j, ``(n, n)`` by the name of each exact feature; 0 where it is silent."""
        return self.data.exact()

    @cached_property
    def detector(self) -> Posterior:
        """The learned detector's probabilities of parents."""
        return self.data.detector()

    @cached_property
    def merges(self) -> Matrix:
        """``[i, j]``: weight of i in j where j is a weighted mean of other models, ``(n, n)``; other columns are 0."""
        return self.data.merges()

    @cached_property
    def descent(self) -> Matrix:
        """Log-odds that j descends from i, against a common initialisation alone, ``(n, n)``; 0 where it is silent."""
        return self.data.descent()

    @cached_property
    def true_distances(self) -> Vector | None:
        """Mean squared distance of each model to the draw that all began with, ``(n,)``; None where it is not found."""
        return self.data.true_distances()

    def common_origin(self, models: Sequence[int]) -> CommonOrigin:
        """What some models have in common, if none of them has a parent here."""
        return self.data.subset(models).common_origin()

    def subset(self, models: Sequence[int]) -> Family:
        """Some of the models, in the given order, as a family of their own."""
        return Family(self.data.subset(models))


@dataclass(frozen=True)
class Families:
    """The families of n models that were measured together.

    Attributes
    ----------
    labels : (n,)
        Family of each model by the relatedness test.
    models : Family
        All n models, as if they were one family.
    seed : int
        For methods that draw.
    """

    labels: Labels
    models: Family
    seed: int = 0

    def __len__(self) -> int:
        return len(self.labels)

    def __iter__(self) -> Iterator[tuple[Labels, Family]]:
        """Each family of at least two models: its members ``(k,)``, ascending, and the family."""
        for members in groups_of(self.labels):
            if len(members) > 1:
                yield members, self.models.subset(members.tolist())


def groups_of(labels: Labels) -> list[Labels]:
    """The members of each label, by label; a negative label is not a group.

    Examples
    --------
    >>> [members.tolist() for members in groups_of(np.array([1, 0, 1, -1]))]
    [[1], [0, 2]]
    """
    return [np.flatnonzero(labels == label) for label in np.unique(labels[labels >= 0])]
