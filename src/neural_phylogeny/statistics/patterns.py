"""Tables of one magnitude, and banks of filters on a constant: what compresses by no order of the values.

Weights that are trained in one magnitude, as of binary networks, are orthogonal to each other by chance at most, and
have more than one value a row.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

FEWEST = 8
"""Rows and columns below which no pattern of signs or places is looked for."""

COMMON = 0.3
"""Share of the values from which on the most common one is a constant that the others are added to."""


def one_magnitude(matrix: Matrix) -> bool:
    """Whether all values that are not zero have one magnitude, and no two rows overlap, or all are orthogonal.

    Permutations and Hadamard matrices, whatever the order and the signs of their rows. Costs a product of the matrix.

    Examples
    --------
    >>> one_magnitude(np.eye(16)[::-1]), one_magnitude(np.ones((16, 16)))
    (True, False)
    """
    if min(matrix.shape) < FEWEST:
        return False
    magnitude = np.abs(matrix)
    largest = magnitude.max()
    if not largest or not bool(((magnitude == largest) | (magnitude == 0.0)).all()):
        return False
    used = matrix[magnitude.max(axis=1) > 0] / largest
    per_row = np.count_nonzero(used, axis=1)
    if len(used) < FEWEST:
        return False
    if per_row.max() == 1:
        return bool(np.count_nonzero(used, axis=0).max() == 1)
    if len(used) > used.shape[1] or per_row.min() < FEWEST:
        return False
    product = used @ used.T
    return bool(np.abs(product - np.diag(np.diag(product))).max() == 0.0)


def on_a_constant(rule: Callable[[Matrix], bool]) -> Callable[[Matrix], bool]:
    """A rule about a matrix without its most common value, where that is not zero: the logarithm of a filter bank."""

    def holds(matrix: Matrix) -> bool:
        values, counts = np.unique(matrix, return_counts=True)
        common = values[np.argmax(counts)]
        return bool(common and counts.max() >= COMMON * matrix.size and rule(matrix - common))

    return holds
