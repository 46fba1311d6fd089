"""How alike the compared matrices of two models are: inner products, norms and cosines, summed over all matrices."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.statistics.results import Alike, Statistics, add_in_order, pairs_of, stacked

Matrix = NDArray[np.float64]
Mask = NDArray[np.bool_]


def matrix_gram(statistics: Statistics) -> tuple[Matrix, Matrix, Matrix]:
    """Sums over all compared matrices of a pair: inner product, and both squared norms on the common part.

    Returns ``(product, norm, norm_of_other)``, ``(n_models, n_models)`` each; ``norm[i, j]`` is the squared
    norm of i on what it shares with j.
    """
    n = statistics.alignment.n_models
    product, norm = np.zeros((n, n)), np.zeros((n, n))
    for window in statistics.windows("gram", matrices=True):
        products, norms = [], []
        for places, alike in window:
            gram, members = stacked(alike, "gram"), alike[0][0].members
            finite, own = _finite_pairs(alike, gram), np.diagonal(gram, axis1=1, axis2=2)[:, :, None]
            products.append((places, members, np.where(finite, gram, 0.0)))
            norms.append((places, members, np.where(finite, own, 0.0)))
        add_in_order(product, products)
        add_in_order(norm, norms)
    return product, norm, norm.T


def compared_pairs(statistics: Statistics) -> Mask:
    """Which pairs have a compared matrix with finite values, however small, ``(n_models, n_models)``.

    A cosine does not tell: the squares of denormal weights vanish in single precision.
    """
    n = statistics.alignment.n_models
    found = np.zeros((n, n), dtype=bool)
    for alike in statistics.alike("gram", matrices=True):
        members = alike[0][0].members
        found[np.ix_(members, members)] |= _finite_pairs(alike, stacked(alike, "gram")).any(axis=0)
    return found


def _finite_pairs(alike: Alike, gram: Matrix) -> Mask:
    """Pairs of the members that each tensor counts for and whose values are finite in both, ``(n_tensors, k, k)``."""
    finite = np.isfinite(np.diagonal(gram, axis1=1, axis2=2))
    found: Mask = finite[:, :, None] & finite[:, None, :] & pairs_of(alike)
    return found


def matrix_cosine(statistics: Statistics) -> Matrix:
    """Cosine of the compared matrices of every pair; NaN where nothing is compared."""
    product, norm, norm_of_other = matrix_gram(statistics)
    scale = np.sqrt(norm * norm_of_other)
    return np.clip(np.divide(product, scale, out=np.full_like(product, np.nan), where=scale > 0), -1.0, 1.0)
