r"""Existence: are two models related at all?

The unit-matching statistics :math:`S_t` of all matrices (see ``statistics.matching``) are added with weights that
favour matrices whose null is narrow, and the tail is taken in Bernstein's form

.. math:: \log p = -\frac{S^2}{2 (\sigma^2 + b S / 3)}

where :math:`S = \sum_t w_t S_t` is the weighted sum, :math:`\sigma^2` its variance over permutations and :math:`b` the
largest value a single unit can add. The second term is what keeps small models honest: a matrix of ten units cannot
give a p-value that only a normal tail would.

A copy whose weights were negated, all of them or matrix by matrix, is a copy in disguise. So the same tail is taken of
:math:`\sum_t w_t |S_t|`, times the number of choices of signs, :math:`2^T` for T matrices; the two tests share the
level as 99 to 1.

Matrices of few units have a test of their own beside it: how many units are each other's nearest and at one place (see
``statistics.matching``). The smallest p-value of them, times their number, has half of that last hundredth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.relations.copies import ALMOST_ALL
from neural_phylogeny.relations.similarity import matrix_cosine
from neural_phylogeny.relations.totals import PARTS, Keep, of_first, totals
from neural_phylogeny.statistics.moments import FEWEST
from neural_phylogeny.statistics.results import Statistics, pairs_of, stacked
from neural_phylogeny.tensors.roles import Role

Matrix = NDArray[np.float64]
Mask = NDArray[np.bool_]

ENOUGH = 0.1
"""Share of the smaller model's weights that must be compared before two models are called unrelated."""

REVERSED = PLACES = 0.005
"""Shares of the level that are kept for the test with free signs and for that of units at equal places."""


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
        Whether the two have enough in common for a verdict: at least ``ENOUGH`` of the smaller one is compared, and on
        the matrices that both have a perfect copy of either would have been found.
    identical : array of bool
        Whether some trained matrix is equal in both to the last bit, in all that was read of it, which chance does
        not do.
    large_enough : array of bool, (n_models,)
        Whether a perfect copy of the model would have been found: on all of its compared matrices, and on those that it
        shares with any model that has ``ALMOST_ALL`` of its weights. Third models do not matter then.
    """

    log_p: Matrix
    related: Mask
    cosine: Matrix
    matched: Matrix
    conclusive: Mask
    identical: Mask
    large_enough: Mask

    def of(self, rows: Sequence[int]) -> Existence:
        """The same of some of the models, in the given order."""
        at = np.ix_(rows, rows)
        return Existence(
            self.log_p[at],
            self.related[at],
            self.cosine[at],
            self.matched[at],
            self.conclusive[at],
            self.identical[at],
            self.large_enough[list(rows)],
        )

    @property
    def p_value(self) -> Matrix:
        """p-value of each pair under the null hypothesis that the two models are unrelated, ``(n_models, n_models)``.

        That of the unit-matching test, not corrected for the number of pairs; an upper bound, as Bernstein's is. 0
        where a trained matrix is identical, which the null excludes. It is not a probability that they are unrelated.
        """
        return np.where(self.identical, 0.0, np.exp(self.log_p))


def existence(statistics: Statistics, alpha: float = 1e-3, n_pairs: int | None = None) -> Existence:
    """Test every pair of models for relatedness, at level ``alpha`` for the whole collection (Bonferroni).

    ``n_pairs`` is the number of pairs in the collection where these are only some of its models.

    Where values chose among several alignments of two models, the p-value is multiplied by their number (Bonferroni).

    Costs a few ``(n_models, n_models)`` operations a tensor. Assumes that the output units of unrelated models
    are in no common order; a shared initialisation seed breaks that, and such models are called related. Breaks where
    the units of one model were permuted, or negated one by one: such a copy is called unrelated.
    """
    n = statistics.alignment.n_models
    of_pair = totals(statistics, PARTS)
    log_p = log_p_of(of_pair, statistics)
    level = np.log(alpha) - np.log(max(n * (n - 1) // 2 if n_pairs is None else n_pairs, 1))
    copy_found = log_p_of_copies(statistics) < level
    comparable = (of_pair["variance"] > 0) & ~np.eye(n, dtype=bool)
    norms = of_pair["norms"]
    matched = np.divide(of_pair["aligned"], norms, out=np.zeros((n, n)), where=norms > 0)
    identical = identical_matrices(statistics)
    related = identical | (comparable & (log_p < level))
    enough = statistics.alignment.coverage_of_smaller() >= ENOUGH
    conclusive = (comparable & enough & copy_found & copy_found.T) | related
    cosine = matrix_cosine(statistics)
    own = statistics.alignment.common() >= ALMOST_ALL * statistics.alignment.parameters[:, None]
    too_small = comparable & own & ~copy_found
    large_enough = np.diag(copy_found) & ~too_small.any(axis=1)
    return Existence(log_p, related, cosine, matched, conclusive, identical, large_enough)


def log_p_of(of_pair: Mapping[str, Matrix], statistics: Statistics) -> Matrix:
    """Natural logarithm of the p-value of each pair from the totals of ``PARTS`` over some of the matrices."""
    log_p = np.minimum.reduce(
        [
            bernstein_log_tail(of_pair["statistic"], of_pair["variance"], of_pair["bound"])
            - np.log1p(-REVERSED - PLACES),
            bernstein_log_tail(of_pair["magnitude"], of_pair["variance"], of_pair["bound"])
            + np.log(2.0) * of_pair["matrices"]
            - np.log(REVERSED),
            _of_places(of_pair),
        ]
    )
    choices = statistics.alignment.choices
    if choices is not None:
        log_p = log_p + choices
    found: Matrix = np.minimum(log_p, 0.0)
    return found


def _of_places(of_pair: Mapping[str, Matrix]) -> Matrix:
    """Logarithm of the p-value of the matrix with the most units at equal places (Bonferroni over the matrices)."""
    found: Matrix = np.log(np.maximum(of_pair["matrices"], 1.0)) - of_pair["places"] - np.log(PLACES)
    return found


def log_p_of_copies(statistics: Statistics, keep: Keep | None = None) -> Matrix:
    """The same of i and a perfect copy of i, on the matrices that are tested with j: whether a relation would show."""
    of_copy = totals(statistics, PARTS, of_first, keep)
    sums = bernstein_log_tail(of_copy["statistic"], of_copy["variance"], of_copy["bound"])
    found: Matrix = np.minimum(sums, _of_places(of_copy))
    return found


def identical_matrices(statistics: Statistics) -> Mask:
    """Pairs with an equal kernel of at least ``FEWEST`` different values, ``(n_models, n_models)``.

    Constant, binary and coarsely quantised matrices do not count: unrelated models may have those in common.
    """
    n = statistics.alignment.n_models
    identical = np.zeros((n, n), dtype=bool)
    for alike in statistics.alike("equality.label", matrices=True):
        label, rich = stacked(alike, "equality.label"), stacked(alike, "moments.distinct") >= FEWEST
        is_kernel = np.array([tensor.role is Role.KERNEL for tensor, _ in alike])[:, None, None]
        equal = (label[:, :, None] == label[:, None, :]) & rich[:, None, :] & is_kernel & pairs_of(alike)
        identical[np.ix_(alike[0][0].members, alike[0][0].members)] |= equal.any(axis=0)
    np.fill_diagonal(identical, False)
    return identical


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
