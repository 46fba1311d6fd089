r"""Existence: are two models related at all?

The unit-matching statistics of all matrices (see ``measures.matching``) are added with weights that favour
tensors whose null is narrow, and the tail is taken in Bernstein's form

.. math:: \log p = -\frac{S^2}{2 (\sigma^2 + b S / 3)}

where :math:`S` is the weighted sum, :math:`\sigma^2` its variance over permutations and :math:`b` the largest
value a single unit can add. The second term is what keeps small models honest: a matrix of ten units cannot
give a p-value that only a normal tail would.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.statistics.results import Statistics
from neural_phylogeny.tensors.roles import Role

Matrix = NDArray[np.float64]

ENOUGH = 0.1
"""Share of the smaller model's weights that must be compared before two models are called unrelated."""

DISTINCT = 64
"""Different values a matrix must have before its equality in two models proves anything."""


@dataclass(frozen=True)
class Existence:
    """The relatedness test of every pair, ``(n_models, n_models)`` each, symmetric.

    Attributes
    ----------
    log_p : array
        Natural logarithm of the p-value of the unit-matching test under unrelatedness; 0 where nothing indicates a
        relation.
    related : array of bool
        Related at the corrected level.
    cosine : array
        Cosine of the compared matrices, as they are; NaN where none are compared.
    matched : array
        Cosine of the sampled matrices once centred along both axes: what the test looks at.
    conclusive : array of bool
        Whether the two have enough in common for a verdict: at least ``ENOUGH`` of the smaller one, and a perfect copy
        of either would have been found in it.
    identical : array of bool
        Whether some trained matrix is equal in both to the last bit, in all that was read of it, which chance does
        not do.
    """

    log_p: Matrix
    related: NDArray[np.bool_]
    cosine: Matrix
    matched: Matrix
    conclusive: NDArray[np.bool_]
    identical: NDArray[np.bool_]

    def of(self, rows: Sequence[int]) -> Existence:
        """The same of some of the models, in the given order."""
        at = np.ix_(rows, rows)
        return Existence(**{field.name: getattr(self, field.name)[at] for field in fields(self)})

    @property
    def p_value(self) -> Matrix:
        """p-value of each pair under the null hypothesis that the two models are unrelated, ``(n_models, n_models)``.

        That of the unit-matching test, not corrected for the number of pairs; an upper bound, as Bernstein's is. 0
        where a trained matrix is identical, which the null excludes. It is no probability that they are unrelated.
        """
        return np.where(self.identical, 0.0, np.exp(self.log_p))


def existence(statistics: Statistics, alpha: float = 1e-3, n_pairs: int | None = None) -> Existence:
    """Test every pair of models for relatedness, at level ``alpha`` for the whole collection (Bonferroni).

    ``n_pairs`` is the number of pairs in the collection where these are only some of its models.

    Costs a few ``(n_models, n_models)`` operations a tensor. Assumes that the output units of unrelated models
    are in no common order; a shared initialisation seed breaks that, and such models are called related.
    """
    n = statistics.alignment.n_models
    sums, own = _Sums.zeros(n), _Sums.zeros(n)
    for tensor, arrays in statistics:
        if "matching.aligned" in arrays:
            terms = _weighted(arrays["matching.aligned"], arrays["matching.variance"], arrays["matching.bound"])
            at, counted = np.ix_(tensor.members, tensor.members), tensor.pairs
            sums.add(at, counted, terms)
            own.add(at, counted, tuple(np.repeat(np.diag(term)[:, None], len(term), axis=1) for term in terms))
    others = ~np.eye(n, dtype=bool)
    log_p, of_copy = sums.log_p(), own.log_p()
    level = np.log(alpha) - np.log(max(n * (n - 1) // 2 if n_pairs is None else n_pairs, 1))
    matched = np.divide(sums.aligned, sums.norms, out=np.zeros((n, n)), where=sums.norms > 0)
    identical = identical_matrices(statistics)
    related = identical | (others & (log_p < level))
    enough = statistics.alignment.coverage_of_smaller() >= ENOUGH
    conclusive = others & enough & (of_copy < level) & (of_copy.T < level)
    return Existence(log_p, related, matrix_cosine(statistics), matched, conclusive | related, identical)


@dataclass(frozen=True)
class _Sums:
    """What the test adds up over the matrices of a pair, ``(n_models, n_models)`` each; ``bound`` is the largest."""

    total: Matrix
    variance: Matrix
    bound: Matrix
    norms: Matrix
    aligned: Matrix

    @classmethod
    def zeros(cls, n: int) -> Self:
        return cls(*(np.zeros((n, n)) for _ in range(5)))

    def add(self, at: Any, counted: NDArray[np.bool_], terms: tuple[Matrix, ...]) -> None:
        """Add the terms of one tensor, of the pairs that it counts for."""
        sums = (self.total, self.variance, self.bound, self.norms, self.aligned)
        for whole, term in zip(sums, terms, strict=True):
            part = np.where(counted, term, 0.0)
            whole[at] = np.maximum(whole[at], part) if whole is self.bound else whole[at] + part

    def log_p(self) -> Matrix:
        return bernstein_log_tail(self.total, self.variance, self.bound)


def identical_matrices(statistics: Statistics) -> NDArray[np.bool_]:
    """Pairs with an equal kernel of at least ``DISTINCT`` different values, ``(n_models, n_models)``.

    Constant, binary and coarsely quantised matrices do not count: strangers may share those.
    """
    n = statistics.alignment.n_models
    identical = np.zeros((n, n), dtype=bool)
    for tensor, arrays in statistics:
        if tensor.is_matrix and tensor.role is Role.KERNEL:
            label, rich = arrays["equality.label"], arrays["moments.distinct"] >= DISTINCT
            equal = (label[:, None] == label[None, :]) & rich & tensor.pairs
            identical[np.ix_(tensor.members, tensor.members)] |= equal
    np.fill_diagonal(identical, False)
    return identical


def _weighted(aligned: Matrix, variance: Matrix, strongest: Matrix) -> tuple[Matrix, ...]:
    """One tensor's weighted statistic, its variance and bound, and the two sums of its cosine.

    The weight is what a relation of any strength is expected to add, over the variance: norms / variance.
    Pairs with a constant or not finite tensor get zeros: it says nothing of them.
    """
    norms = np.sqrt(np.outer(np.diag(aligned), np.diag(aligned)))
    usable = np.isfinite(aligned) & np.isfinite(variance) & (variance > 0) & (norms > 0)
    weight = np.divide(norms, variance, out=np.zeros_like(norms), where=usable)
    clean = np.where(usable, aligned, 0.0)
    return (
        weight * clean,
        weight**2 * np.where(usable, variance, 0.0),
        weight * np.where(usable, np.outer(strongest, strongest), 0.0),
        np.where(usable, norms, 0.0),
        clean,
    )


def bernstein_log_tail(total: Matrix, variance: Matrix, bound: Matrix) -> Matrix:
    """Logarithm of the probability that a sum of that variance and largest term exceeds ``total``.

    Examples
    --------
    >>> float(bernstein_log_tail(np.array(3.0), np.array(1.0), np.array(0.0)))
    -4.5
    """
    positive = np.maximum(total, 0.0)
    width = 2.0 * (variance + bound * positive / 3.0)
    exponent: Matrix = np.divide(positive**2, width, out=np.zeros_like(positive), where=width > 0)
    return -exponent


def matrix_gram(statistics: Statistics) -> tuple[Matrix, Matrix, Matrix]:
    """Sums over all compared matrices of a pair: inner product, and both squared norms on the common part.

    Returns ``(product, norm, norm_of_other)``, ``(n_models, n_models)`` each; ``norm[i, j]`` is the squared
    norm of i on what it shares with j.
    """
    n = statistics.alignment.n_models
    product, norm = np.zeros((n, n)), np.zeros((n, n))
    for tensor, arrays in statistics:
        if not tensor.is_matrix:
            continue
        gram = arrays["gram"]
        squares = np.diag(gram)
        finite = np.isfinite(squares)[:, None] & np.isfinite(squares)[None, :] & tensor.pairs
        at = np.ix_(tensor.members, tensor.members)
        product[at] += np.where(finite, gram, 0.0)
        norm[at] += np.where(finite, squares[:, None], 0.0)
    return product, norm, norm.T


def matrix_cosine(statistics: Statistics) -> Matrix:
    """Cosine of the compared matrices of every pair; NaN where nothing is compared."""
    product, norm, norm_of_other = matrix_gram(statistics)
    scale = np.sqrt(norm * norm_of_other)
    return np.clip(np.divide(product, scale, out=np.full_like(product, np.nan), where=scale > 0), -1.0, 1.0)
