r"""Common factors of the innovations of one family: what its children learned alike, with loadings of one sign.

The innovations of children that were trained on one task are correlated. With loadings :math:`\Lambda \geq 0` the
correlations are :math:`\Sigma = \Lambda\Lambda^T + \Psi`. Non-negative loadings identify the root: seen from one of
several siblings, the step back to the parent has a negative correlation with what the others learned, and no factor
explains that.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.trees.forest import Matrix, Vector

FACTORS = 2
"""Number of factors, tasks that the children of a family were trained on. Sensitive: on 323 families whose trees were
compared, one factor changes 52 trees and three change 22."""

UNIQUE = 0.2
"""Least share of an innovation's variance that no factor explains; above zero, or the correlations were singular. Of
the same 323 trees 28 change at 0.1 and 48 at 0.4."""

ROUNDS = 20
"""Iterations of the least-squares fit of one factor; 12 of the 323 trees change with twice as many."""

STEP = 0.5
"""Damping of an iteration: with full steps the loadings of two correlated innovations alternate between two values."""

FIRST = 0.7
"""First value of a loading, as a share of the square root of its largest correlation; with 1, one of the
323 trees changes."""

TINY = 1e-12
"""Least variance: guards divisions and logarithms."""


def misfit(correlation: Matrix, child: NDArray[np.bool_], values: float) -> Vector:
    r"""Negative log-likelihood under the fitted factors, with their price, less that without factors; at most 0.

    Parameters
    ----------
    correlation : (b, n, n)
        Correlations of the innovations of b trees, ones on the diagonal.
    child : (b, n)
        Which models have a parent. A root has no training in common with its descendants.
    values : float
        Number d of independent values behind the correlations.

    Returns
    -------
    (b,)
        :math:`\frac{d}{2} (\log\det\Sigma + \mathrm{tr}(\Sigma^{-1} R) - n)` plus the price of the loadings,
        :math:`\frac14 \log(1 + d \lambda^2)` each: half of what a parameter costs once it is clear of zero, since a
        correlation takes two.

    Notes
    -----
    O(b n^2). Factors are fitted one after the other by least squares on what is left, not by likelihood.
    """
    n = correlation.shape[1]
    every = np.arange(n)
    left = np.where(child[:, :, None] & child[:, None, :], np.maximum(correlation, 0.0), 0.0)
    left[:, every, every] = 0.0
    loadings = np.empty((*child.shape, FACTORS))
    for k in range(FACTORS):
        loadings[:, :, k] = factor = _factor(left)
        left = np.maximum(left - factor[:, :, None] * factor[:, None, :], 0.0)
        left[:, every, every] = 0.0
    common = (loadings**2).sum(axis=2)
    loadings *= np.sqrt(np.minimum(1.0, (1.0 - UNIQUE) / np.maximum(common, TINY)))[:, :, None]
    price = 0.25 * np.log1p(values * loadings**2).sum(axis=(1, 2))
    found: Vector = np.minimum(values / 2.0 * _distance(correlation, loadings) + price, 0.0)
    return found


def _factor(shared: Matrix) -> Vector:
    """Non-negative loadings whose products are closest to the off-diagonal correlations: ``(b, n)``."""
    loading: Vector = FIRST * np.sqrt(shared.max(axis=2))
    for _ in range(ROUNDS):
        others = (loading**2).sum(axis=1, keepdims=True) - loading**2
        best = (shared @ loading[:, :, None])[:, :, 0] / np.maximum(others, TINY)
        loading = (1.0 - STEP) * loading + STEP * np.minimum(best, np.sqrt(1.0 - UNIQUE))
    return loading


def _distance(correlation: Matrix, loadings: Matrix) -> Vector:
    """Twice the Kullback-Leibler divergence per value, less the part of the correlations alone: ``(b,)``.

    By the Woodbury identity, so that only matrices of as many rows as factors are inverted.
    """
    own = 1.0 - (loadings**2).sum(axis=2)
    scaled = loadings / own[:, :, None]
    inner = np.eye(loadings.shape[2]) + loadings.transpose(0, 2, 1) @ scaled
    outer = scaled.transpose(0, 2, 1) @ correlation @ scaled
    explained = np.einsum("bkl,blk->b", np.linalg.inv(inner), outer)
    logdet = np.log(own).sum(axis=1) + np.linalg.slogdet(inner)[1]
    found: Vector = logdet + (1.0 / own).sum(axis=1) - explained - correlation.shape[1]
    return found
