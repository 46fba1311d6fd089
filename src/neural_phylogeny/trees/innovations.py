r"""How well a tree explains a family, from the inner products of its models alone.

Under the true tree what a model adds to its parent, its innovation :math:`e_j = \theta_j - b_j \theta_{\pi(j)}`, is at
right angles to everybody else's, but for a few factors that children of one task share. A wrong parent puts the private
part of one training into many innovations. The innovations are a triangular transformation of the models with unit
determinant, so the likelihoods of all trees can be compared:

.. math:: \log L = -\frac{d}{2} \left( \sum_j \log \sigma_j^2 + \log\det\Sigma_k + \mathrm{tr}(\Sigma_k^{-1} R) - n
          \right)

with R the correlations of the innovations and :math:`\Sigma_k` a model of them with k factors. With k = 0 and
:math:`b_j = 1` this is the minimum spanning tree on the logarithms of distances, rooted at the smallest norm.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

VALUES = 100.0
"""Independent values that a family is worth. It has many more, but trainings of one task are never quite at right
angles: with their true number any likeness would be significant."""

MOST_FACTORS, UNIQUE, ROUNDS = 2, 0.2, 12
"""Factors at most; least share of an innovation that is its own; rounds of fitting."""

LEAST_SLOPE = 0.2
"""Weight decay leaves at least so much of a parent in its child."""

PENALTY = 0.5 * float(np.log(VALUES))
"""Of the Bayesian information criterion, for each slope and each loading."""


def log_likelihoods(gram: Array, parents: NDArray[np.int64], decays: bool) -> Array:
    """Of each of b trees over n models, the best number of factors chosen: ``(n, n), (b, n) -> (b,)``.

    Parameters
    ----------
    gram : (n, n)
        Inner products of the models.
    parents : (b, n)
        Trees as parent vectors, -1 for the root.
    decays : bool
        Whether a child may hold less than all of its parent, which weight decay does; each slope is then paid for.

    Notes
    -----
    O(b n^3). Where slopes are free the inner products do not tell a tree from the same tree with another root.
    """
    trees, n = parents.shape
    innovations = _innovations(gram, parents, decays)
    variance = np.maximum(np.einsum("bii->bi", innovations), 1e-12)
    correlation = innovations / np.sqrt(variance[:, :, None] * variance[:, None, :])
    spread = np.log(variance).sum(axis=1)
    child = parents >= 0
    best = np.full(trees, -np.inf)
    for k in range(min(MOST_FACTORS, n - 2) + 1 if n > 2 else 1):
        model = _with_factors(correlation, child, k)
        misfit = np.linalg.slogdet(model)[1] + np.einsum("bij,bji->b", np.linalg.inv(model), correlation) - n
        best = np.maximum(best, -0.5 * VALUES * (spread + misfit) - PENALTY * k * child.sum(axis=1))
    return best - (PENALTY * child.sum(axis=1) if decays else 0.0)


def slopes(gram: Array, decays: bool) -> Array:
    """How much of i is in j if i is its parent: one, or by regression, ``(n, n) -> (n, n)``."""
    if not decays:
        return np.ones_like(gram)
    own = np.maximum(np.diag(gram), 1e-12)
    clipped: Array = np.clip(gram / own[:, None], LEAST_SLOPE, 1.0)
    return clipped


def _innovations(gram: Array, parents: NDArray[np.int64], decays: bool) -> Array:
    """Their inner products, the root's being itself: ``(b, n, n)``."""
    trees, n = parents.shape
    difference = np.tile(np.eye(n), (trees, 1, 1))
    tree, child = np.nonzero(parents >= 0)
    above = parents[tree, child]
    difference[tree, child, above] -= slopes(gram, decays)[above, child]
    found: Array = difference @ gram @ difference.transpose(0, 2, 1)
    return found


def _with_factors(correlation: Array, child: NDArray[np.bool_], k: int) -> Array:
    """Model of the correlations: k factors that children may share, by iterated principal axes, and a diagonal."""
    trees, n, _ = correlation.shape
    if k == 0:
        return np.tile(np.eye(n), (trees, 1, 1))
    shared = np.where(child[:, :, None] & child[:, None, :], correlation, 0.0)
    shared[:, np.arange(n), np.arange(n)] = 1.0
    unique = np.full((trees, n), 0.5)
    loadings = np.zeros((trees, n, k))
    for _ in range(ROUNDS):
        scale = np.sqrt(unique)
        values, vectors = np.linalg.eigh(shared / (scale[:, :, None] * scale[:, None, :]))
        loadings = vectors[:, :, -k:] * np.sqrt(np.maximum(values[:, None, -k:] - 1.0, 0.0)) * scale[:, :, None]
        unique = np.clip(1.0 - (loadings**2).sum(axis=2), UNIQUE, 1.0)
    loadings *= child[:, :, None]
    model: Array = loadings @ loadings.transpose(0, 2, 1)
    model[:, np.arange(n), np.arange(n)] += np.where(child, unique, 1.0)
    return model
