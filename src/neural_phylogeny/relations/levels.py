"""Lengths of rows and columns made equal, and the factors of units that do so; by the squares of a matrix alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.relations.axes import Floats

ROUNDS = 12
"""Times that lengths of rows and of columns are made equal in turn."""

LARGE = 1 << 20
"""Values from which on single precision is enough, at half of the memory."""

BLOCK = 1 << 22
"""Values that are subtracted at a time."""


def precise(a: NDArray[Any]) -> Floats:
    """A copy in double precision, of a large matrix in single precision."""
    found: Floats = a.astype(np.float64 if a.size < LARGE else np.float32)
    return found


def levelled(a: Floats) -> Floats:
    """Rows and columns at equal lengths; ``(rows, columns, places)``, a product with a vector for each round.

    Examples
    --------
    >>> levelled(np.array([[[3.0], [3.0]], [[0.5], [0.5]]]))[..., 0].tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """
    found = precise(a)
    peak = float(np.abs(found).max(initial=0.0))
    found /= peak if peak > 0 else 1.0  # squares of huge weights overflow
    squares = _squares(found)
    row, column = np.ones(len(a)), np.ones(a.shape[1])
    for _ in range(ROUNDS):
        row /= _positive(row * _product(squares, column) / (a.shape[1] * a.shape[2]))
        column /= _positive(column * _product(squares.T, row) / (len(a) * a.shape[2]))
    found *= np.sqrt(row).astype(found.dtype)[:, None, None]
    found *= np.sqrt(column).astype(found.dtype)[None, :, None]
    return found


def factors(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Of the rows and the columns of b, what gives them the lengths that those of a have; ``(m, n, places)`` each."""
    peak = max(float(np.abs(m).max(initial=0.0)) for m in (a, b)) or 1.0
    true, squares = _squares(a / a.dtype.type(peak)), _squares(b / b.dtype.type(peak))
    lengths = true.sum(axis=1, dtype=np.float64), true.sum(axis=0, dtype=np.float64)
    row, column = np.ones(len(a)), np.ones(a.shape[1])
    for _ in range(ROUNDS):
        for own, other, matrix, length in ((row, column, squares, lengths[0]), (column, row, squares.T, lengths[1])):
            with np.errstate(all="ignore"):
                ratio = np.sqrt(length / (np.square(own) * _product(matrix, np.square(other))))
            own *= np.where(np.isfinite(ratio) & (ratio > 0), ratio, 1.0)
    middle = float(np.exp(np.median(np.log(row))))
    return row / middle, column * middle


def square_error(a: Floats, b: Floats, row: Floats | None = None, column: Floats | None = None) -> float:
    """Sum of squares of what b, with factors of its rows and columns, differs from a; a part at a time."""
    total, step = 0.0, max(1, BLOCK // max(a[0].size, 1))
    for at in range(0, len(a), step):
        part = b[at : at + step].astype(np.float64)
        if row is not None and column is not None:
            part *= row[at : at + step, None, None] * column[None, :, None]
        part -= a[at : at + step]
        total += float(np.vdot(part, part))
    return total


def _squares(a: Floats) -> Floats:
    """Squares, added over places."""
    found: Floats = np.square(a[..., 0]) if a.shape[2] == 1 else np.einsum("mnk,mnk->mn", a, a)
    return found


def _product(squares: Floats, weights: Floats) -> Floats:
    found: Floats = (squares @ weights.astype(squares.dtype)).astype(np.float64)
    return found


def _positive(lengths: Floats) -> Floats:
    return np.where(lengths > 0, lengths, 1.0)
