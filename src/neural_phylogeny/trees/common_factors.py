r"""What children of one family learnt alike, as factors that only add up.

The innovations of children trained on one task point in part the same way. With loadings :math:`\Lambda \geq 0` the
correlations are :math:`\Sigma = \Lambda\Lambda^T + \Psi`. That no loading is negative is what tells the root: seen from
one of several siblings, the way back to the parent points *against* what the others learnt alike with it, which no
factor may explain.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

FACTORS, UNIQUE = 2, 0.2
"""Factors; least share of an innovation that is its own."""

ROUNDS, STEP = 20, 0.5
"""Of fitting a factor, and how far each goes."""

FIRST = 0.7
"""Share of its largest correlation's root that a loading begins with."""


def misfit(correlation: Array, child: NDArray[np.bool_], values: float) -> Array:
    r"""By how much innovations are less likely than if their correlations were fully explained, and free.

    Parameters
    ----------
    correlation : (b, n, n)
        Of the innovations of b trees, ones on the diagonal.
    child : (b, n)
        Which models have a parent; a root shares nothing with its descendants' training.
    values : float
        Independent values d that the correlations rest on.

    Returns
    -------
    (b,)
        :math:`\frac{d}{2} (\log\det\Sigma + \mathrm{tr}(\Sigma^{-1} R) - n)` and the price of the loadings,
        :math:`\frac14 \log(1 + d \lambda^2)` each: half of what a parameter costs once it is clear of zero, since a
        correlation takes two. At most 0, which is what it is without factors.

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
    loadings *= np.sqrt(np.minimum(1.0, (1.0 - UNIQUE) / np.maximum(common, 1e-12)))[:, :, None]
    price = 0.25 * np.log1p(values * loadings**2).sum(axis=(1, 2))
    found: Array = np.minimum(values / 2.0 * _distance(correlation, loadings) + price, 0.0)
    return found


def _factor(shared: Array) -> Array:
    """Loadings, none negative, whose products are closest to the correlations off the diagonal: ``(b, n)``."""
    loading: Array = FIRST * np.sqrt(shared.max(axis=2))
    for _ in range(ROUNDS):
        others = (loading**2).sum(axis=1, keepdims=True) - loading**2
        best = (shared @ loading[:, :, None])[:, :, 0] / np.maximum(others, 1e-12)
        loading = (1.0 - STEP) * loading + STEP * np.minimum(best, np.sqrt(1.0 - UNIQUE))
    return loading


def _distance(correlation: Array, loadings: Array) -> Array:
    """Twice the Kullback-Leibler distance a value, less what the correlations alone make of it: ``(b,)``.

    By the Woodbury identity, so that only matrices of as many rows as factors are inverted.
    """
    own = 1.0 - (loadings**2).sum(axis=2)
    scaled = loadings / own[:, :, None]
    inner = np.eye(loadings.shape[2]) + loadings.transpose(0, 2, 1) @ scaled
    outer = scaled.transpose(0, 2, 1) @ correlation @ scaled
    explained = np.einsum("bkl,blk->b", np.linalg.inv(inner), outer)
    logdet = np.log(own).sum(axis=1) + np.linalg.slogdet(inner)[1]
    found: Array = logdet + (1.0 / own).sum(axis=1) - explained - correlation.shape[1]
    return found
