r"""The likelihood of a tree over one family, from the inner products of its models alone.

Under the true tree, what a model adds to its parent, its innovation :math:`e_j = \theta_j - b_j \theta_{\pi(j)}`, is
orthogonal to every other innovation, except for what children learned alike. A wrong parent puts the private part of
one training into several innovations. The innovations are a triangular map of the models with unit determinant,
so that the likelihoods of all trees can be compared:

.. math:: \log L = -\frac{d}{2} \left( \sum_j \log \sigma_j^2 + \log\det\Sigma + \mathrm{tr}(\Sigma^{-1} R) - n \right)

with R the correlations of the innovations and :math:`\Sigma` those that common factors explain (`common_factors`).
Without factors and with :math:`b_j = 1` the best tree is the minimum spanning tree on the logarithms of distances,
rooted at the smallest norm.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.trees.common_factors import TINY, misfit

Array = NDArray[np.float64]

VALUES = 100.0
"""Effective number of independent values of a family. It has many more, but trainings of one task are never quite
orthogonal: with the true number every small correlation would be significant."""

LEAST_SLOPE = 0.2
"""Smallest slope: weight decay leaves at least this share of a parent in its child."""

PRICE = 0.5 * float(np.log(VALUES))
"""Cost of a slope below one, by the Bayesian information criterion; paid once more by a family that has any."""

CHUNK = 1 << 14
"""Trees scored in one batch, which bounds memory."""


@dataclass(frozen=True)
class Innovations:
    """The innovation of every possible edge; ``[i, j]`` makes i the parent of j, ``[j, j]`` makes j a root.

    Attributes
    ----------
    slopes : (n, n)
        Share of i in j: one, or less where weight decay explains more than it costs.
    alone : (n, n)
        Log-likelihood of each edge's innovation, less the price of its slope.
    correlations : (n * n, n * n)
        Correlations between the innovations of all edges; edge ``[i, j]`` is at ``i * n + j``.
    """

    slopes: Array
    alone: Array
    correlations: Array

    @classmethod
    def of(cls, gram: Array) -> Self:
        """From inner products ``(n, n)``; O(n^5) time, O(n^4) memory."""
        n = len(gram)
        slopes, logs = slopes_and_logs(gram)
        edges = np.zeros((n, n, n))
        every = np.arange(n)
        edges[:, every, every] = 1.0
        above, below = np.nonzero(~np.eye(n, dtype=bool))
        edges[above, below, above] -= slopes[above, below]
        rows = edges.reshape(n * n, n)
        covariance = rows @ gram @ rows.T
        scale = np.sqrt(np.maximum(np.diag(covariance), TINY))
        return cls(slopes, _likelihood(slopes, logs), covariance / (scale[:, None] * scale[None, :]))

    def log_likelihoods(self, trees: NDArray[np.int64]) -> Array:
        """Log-likelihood of each of b trees, parent vectors with -1 for the root: ``(b, n) -> (b,)``. O(b n^2)."""
        parts = [self._of_few(trees[start : start + CHUNK]) for start in range(0, len(trees), CHUNK)]
        return np.concatenate(parts)

    def _of_few(self, trees: NDArray[np.int64]) -> Array:
        n = len(self.slopes)
        every = np.arange(n)
        above = np.where(trees < 0, every, trees)
        at = above * n + every
        correlation = self.correlations[at[:, :, None], at[:, None, :]]
        correlation[:, every, every] = 1.0
        decays = (self.slopes[above, every] < 1.0).any(axis=1)
        alone = self.alone[above, every].sum(axis=1) - np.where(decays, PRICE, 0.0)
        found: Array = alone - misfit(correlation, trees >= 0, VALUES)
        return found


def log_likelihoods_alone(gram: Array) -> tuple[Array, Array]:
    """``slopes`` and ``alone`` of ``Innovations``, without the correlations; O(n^2)."""
    slopes, logs = slopes_and_logs(gram)
    return slopes, _likelihood(slopes, logs)


def slopes_and_logs(gram: Array) -> tuple[Array, Array]:
    """Slopes of all edges and the logarithms of their innovations' variances: ``(n, n)`` each.

    A slope below one is used where it is worth its price. A slope above one is not weight decay and is not used.
    """
    own = np.maximum(np.diag(gram), TINY)
    kept = np.clip(gram / own[:, None], LEAST_SLOPE, 1.0)
    whole, decayed = (_logs(gram, own, slope) for slope in (np.ones_like(gram), kept))
    decays = VALUES / 2.0 * (whole - decayed) > PRICE
    np.fill_diagonal(decays, False)
    logs = np.where(decays, decayed, whole)
    np.fill_diagonal(logs, np.log(own))
    return np.where(decays, kept, 1.0), logs


def _logs(gram: Array, own: Array, slope: Array) -> Array:
    found: Array = np.log(np.maximum(own[None, :] - 2.0 * slope * gram + slope**2 * own[:, None], TINY))
    return found


def _likelihood(slopes: Array, logs: Array) -> Array:
    found: Array = -VALUES / 2.0 * logs - np.where(slopes < 1.0, PRICE, 0.0)
    return found
