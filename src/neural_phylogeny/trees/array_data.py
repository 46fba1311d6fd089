"""Families from arrays that are known: for tests, and for evidence from elsewhere than this package's pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from neural_phylogeny.relations.fake_init import FakeInitialisation
from neural_phylogeny.trees.family import CommonOrigin, Family, Pairs, Posterior
from neural_phylogeny.trees.forest import Matrix, Vector


def family_of(
    *,
    gram: Matrix,
    cosine: Matrix | None = None,
    distance: Matrix | None = None,
    direction: Matrix | None = None,
    lighter_tails: Matrix | None = None,
    share: Matrix | None = None,
    nearer: Callable[[FakeInitialisation], Matrix] | None = None,
    retained_gram: Matrix | None = None,
    exact: Mapping[str, Matrix] | None = None,
    detector: Posterior | None = None,
    merges: Matrix | None = None,
    origin: CommonOrigin = CommonOrigin.ANCESTOR,
    descent: Matrix | None = None,
    retained_sizes: Sequence[int] = (),
) -> Family:
    """A family of n models from arrays ``(n, n)``.

    What is not given follows from the Gram matrix (distances; the model of smaller norm is the parent) or is silent: no
    exact feature, no merge.

    Parameters
    ----------
    gram, cosine, ..., merges
        As the properties of ``Family`` of these names; ``nearer`` as its method.
    origin : CommonOrigin
        What ``Family.common_origin`` answers.
    retained_sizes : (m,)
        As ``Family.retained_sizes``.

    Examples
    --------
    >>> family_of(gram=np.array([[1.0, 1.0], [1.0, 1.5]])).distance.round(2).tolist()
    [[0.0, 0.71], [0.71, 0.0]]
    """
    squares = np.diag(gram)
    by_norm = squares[None, :] - squares[:, None]
    scale = np.sqrt(np.outer(squares, squares))
    cosine = _or(cosine, np.divide(gram, scale, out=np.full_like(scale, np.nan), where=scale > 0))
    pairs = Pairs(
        cosine=cosine,
        gram=gram,
        distance=_or(distance, np.sqrt(np.maximum(squares[:, None] + squares - gram - gram.T, 0.0))),
        direction=_or(direction, np.sign(by_norm)),
        lighter_tails=_or(lighter_tails, np.zeros_like(scale)),
        comparable=np.isfinite(cosine),
        share=_or(share, np.ones_like(scale)),
        related=~np.eye(len(gram), dtype=bool),
    )
    return Family(
        ArrayData(
            pairs=pairs,
            nearer_by=nearer or (lambda fake: by_norm if fake.summed else np.sign(by_norm)),
            retained=_or(retained_gram, gram),
            exact_odds=exact or {},
            posterior=detector,
            means=_or(merges, np.zeros_like(scale)),
            origin=origin,
            descent_odds=descent,
            sizes=tuple(retained_sizes),
        )
    )


@dataclass(frozen=True, kw_only=True)
class ArrayData:
    """``FamilyData`` from arrays; a subset has the entries of its models, and its posterior is renormalised."""

    pairs: Pairs
    nearer_by: Callable[[FakeInitialisation], Matrix]
    retained: Matrix
    exact_odds: Mapping[str, Matrix]
    posterior: Posterior | None
    means: Matrix
    origin: CommonOrigin
    descent_odds: Matrix | None = None
    sizes: tuple[int, ...] = ()

    def nearer(self, fake: FakeInitialisation) -> Matrix:
        """As given."""
        return self.nearer_by(fake)

    def retained_gram(self) -> Matrix:
        """As given."""
        return self.retained

    def retained_sizes(self) -> Vector:
        """As given."""
        return np.array(self.sizes, dtype=np.float64)

    def exact(self) -> Mapping[str, Matrix]:
        """As given."""
        return self.exact_odds

    def detector(self) -> Posterior:
        """As given; raises ValueError where nothing was."""
        if self.posterior is None:
            raise ValueError("these arrays have no detector's posterior: give `detector`, a `Posterior`")
        return self.posterior

    def merges(self) -> Matrix:
        """As given."""
        return self.means

    def true_distances(self) -> Vector | None:
        """Arrays have no draw."""
        return None

    def descent(self) -> Matrix:
        """As given; silent where nothing was."""
        return np.zeros_like(self.means) if self.descent_odds is None else self.descent_odds

    def common_origin(self) -> CommonOrigin:
        """As given."""
        return self.origin

    def subset(self, rows: Sequence[int]) -> ArrayData:
        """The entries of some models."""
        at, nearer, posterior = np.ix_(rows, rows), self.nearer_by, self.posterior
        if posterior is not None:
            parent = posterior.parent[at]
            posterior = Posterior(parent=parent / parent.sum(axis=0), missing=posterior.missing[list(rows)])
        return ArrayData(
            pairs=self.pairs.of(rows),
            nearer_by=lambda fake: nearer(fake)[at],
            retained=self.retained[at],
            exact_odds={name: odds[at] for name, odds in self.exact_odds.items()},
            posterior=posterior,
            means=self.means[at],
            origin=self.origin,
            descent_odds=None if self.descent_odds is None else self.descent_odds[at],
            sizes=self.sizes,
        )


def _or(given: Matrix | None, otherwise: Matrix) -> Matrix:
    return otherwise if given is None else given
