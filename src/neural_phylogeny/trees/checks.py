"""What an array must be before a kernel works on it: one check per concept, one sentence per failure."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neural_phylogeny.trees.spanning import topological_order

ROUNDING = 1e-6
"""Largest deviation from symmetry, as a share of the largest entry, that counts as rounding."""


def square(what: str, matrix: ArrayLike) -> NDArray[np.float64]:
    """``matrix`` as float64 ``(n, n)``; raises ValueError, naming it ``what``, when it is not square."""
    array = np.asarray(matrix, dtype=np.float64)
    if array.ndim != 2 or array.shape[0] != array.shape[1]:
        raise ValueError(f"{what} must be square, not {array.shape}")
    return array


def gram_matrix(gram: ArrayLike) -> NDArray[np.float64]:
    """Inner products of all pairs of models, ``(n, n)``: square, finite, symmetric, no negative square.

    Raises
    ------
    ValueError
        Saying which of these fails.
    """
    array = square("a precomputed Gram matrix", gram)
    if not np.isfinite(array).all():
        raise ValueError("a Gram matrix must be finite: leave out models with NaN or infinite weights")
    if _deviation(array, array.T) > ROUNDING:
        raise ValueError("a Gram matrix must be symmetric: entry [i, j] is the inner product of models i and j")
    if (np.diag(array) < 0).any():
        raise ValueError("a Gram matrix must have squared norms on its diagonal, which are never negative")
    return array


def direction_matrix(direction: ArrayLike, n: int) -> NDArray[np.float64]:
    """Log-odds ``(n, n)`` that i is the parent of j: finite and antisymmetric.

    Raises
    ------
    ValueError
        Saying which of these fails.
    """
    array = np.asarray(direction, dtype=np.float64)
    if array.shape != (n, n):
        raise ValueError(f"direction must have the shape {(n, n)} of all pairs of models, not {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError("direction must be finite: write 0 for a pair of which nothing is known")
    if _deviation(array, -array.T) > ROUNDING:
        raise ValueError("direction must be antisymmetric: the log-odds for i before j are minus those for j before i")
    return array


def parent_vector(parents: ArrayLike, n: int) -> NDArray[np.int64]:
    """The parent of each of ``n`` models, -1 for a root: integers, in range, without a cycle.

    Raises
    ------
    ValueError
        Saying which of these fails.
    """
    given = np.asarray(parents)
    if given.shape != (n,) or given.dtype.kind not in "iu":
        raise ValueError(
            f"a parent vector must be {n} integers, one per model, not {given.dtype} of shape {given.shape}"
        )
    array = given.astype(np.int64)
    outside = np.flatnonzero((array < -1) | (array >= n))
    if outside.size:
        raise ValueError(
            f"the parent of model {outside[0]} must be from -1 (a root) to {n - 1}, not {given[outside[0]]}"
        )
    topological_order(array)
    return array


def _deviation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Largest difference as a share of the largest entry of ``a``; 0 for two empty or zero matrices."""
    largest = np.abs(a).max(initial=0.0)
    return float(np.abs(a - b).max(initial=0.0) / largest) if largest else 0.0
