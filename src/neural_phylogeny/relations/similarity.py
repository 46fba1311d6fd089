"""How alike the compared matrices of two models are: inner products, norms and cosines, summed over all matrices."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.statistics.results import Statistics
from neural_phylogeny.tensors.alignment import AlignedTensor

Matrix = NDArray[np.float64]
Mask = NDArray[np.bool_]


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
        finite, at = _finite_pairs(tensor, gram), np.ix_(tensor.members, tensor.members)
        product[at] += np.where(finite, gram, 0.0)
        norm[at] += np.where(finite, np.diag(gram)[:, None], 0.0)
    return product, norm, norm.T


def compared_pairs(statistics: Statistics) -> Mask:
    """Which pairs have a compared matrix with finite values, however small, ``(n_models, n_models)``.

    A cosine does not tell: the squares of denormal weights vanish in single precision.
    """
    n = statistics.alignment.n_models
    found = np.zeros((n, n), dtype=bool)
    for tensor, arrays in statistics:
        if tensor.is_matrix:
            found[np.ix_(tensor.members, tensor.members)] |= _finite_pairs(tensor, arrays["gram"])
    return found


def _finite_pairs(tensor: AlignedTensor, gram: Matrix) -> Mask:
    """Pairs of a tensor's members that it counts for and whose values are finite in both."""
    finite = np.isfinite(np.diag(gram))
    found: Mask = finite[:, None] & finite[None, :] & tensor.pairs
    return found


def matrix_cosine(statistics: Statistics) -> Matrix:
    """Cosine of the compared matrices of every pair; NaN where nothing is compared."""
    product, norm, norm_of_other = matrix_gram(statistics)
    scale = np.sqrt(norm * norm_of_other)
    return np.clip(np.divide(product, scale, out=np.full_like(product, np.nan), where=scale > 0), -1.0, 1.0)
