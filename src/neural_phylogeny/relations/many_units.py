"""Thousands of units of two matrices that belong together, by sketches of what they read.

Rows are projected to few random directions. Rows that are each other's nearest belong together; those that are not
alike after all are compared once more, without a projection. The cosines of all pairs are never held.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.relations.assigning import assignment, cosines, excess
from neural_phylogeny.relations.axes import Floats, Ints

MANY = 512
"""Fewer rows are assigned by the cosines of all pairs."""

WIDTH = 256
"""Random directions: a cosine of strangers is 0.06 then, the largest of some thousands 0.3."""

BLOCK = 512
"""Rows that are compared with all others at a time."""

FIRM = 0.5
"""Cosine of two rows from which on no other row is looked for."""

LEFT, LEAST = 4096, 1 / 64
"""Rows that are compared without a projection at most, and share of the rows that a step must settle."""

SHIFTS = (1, 2, 3, 5, 8, 13, 21, 34)
"""Distances of rows that do not belong together."""


def nearest(x: Floats, y: Floats) -> Ints:
    """For each row of x a row of y of its own, by the sizes of their cosines; ``(n, k), (n, k) -> (n,)``.

    O(n k WIDTH + n^2 WIDTH) operations, O(n WIDTH) memory.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x, order = rng.normal(size=(700, 40)), rng.permutation(700)
    >>> bool((nearest(x, x[order])[order] == np.arange(700)).all())
    True
    """
    u, v = (_sketch(m) for m in (x, y))
    found = _settled(u, v)
    there = found >= 0
    there[there] = np.abs(paired(x[there], y[found[there]])) >= FIRM
    found[~there] = -1
    rows, free = np.flatnonzero(~there), np.setdiff1d(np.arange(len(x)), found[there])
    if len(rows) > LEFT:
        own = _settled(u[rows], v[free])
        own[own < 0] = np.setdiff1d(np.arange(len(rows)), own)
    elif len(rows):
        own = assignment(np.abs(cosines(x[rows], y[free])))
    if len(rows):
        found[rows] = free[own]
    return found


def paired(x: Floats, y: Floats) -> Floats:
    """The cosine of each row with the row of the same number; 0 of rows of zeros."""
    lengths = [np.maximum(np.sqrt(np.einsum("ij,ij->i", m, m)), 1e-30) for m in (x, y)]
    found: Floats = np.einsum("ij,ij->i", x, y) / lengths[0] / lengths[1]
    return found


def agreement(x: Floats, y: Floats) -> float:
    """Mean size of the cosines of rows of the same number, beyond that of rows which do not belong together."""
    matched = float(np.abs(paired(x, y)).mean())
    some = np.linspace(0, len(x) - 1, min(len(x), BLOCK)).astype(np.int64)
    others = [float(np.abs(paired(x[some], y[(some + shift) % len(y)])).mean()) for shift in SHIFTS]
    return excess(matched, sum(others) / len(others))


def _sketch(x: Floats) -> Floats:
    """Rows of length 1 in ``WIDTH`` random directions, in single precision; as they are where they are short."""
    found: NDArray[Any] = x.astype(np.float32)
    if x.shape[1] > 2 * WIDTH:
        directions = np.random.default_rng(x.shape[1]).standard_normal((x.shape[1], WIDTH), dtype=np.float32)
        found = found @ directions
    found /= np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-30)
    return found


def _settled(u: Floats, v: Floats) -> Ints:
    """Rows that are each other's nearest, those first, then of what is left, while it helps; -1 for the others."""
    found = np.full(len(u), -1)
    rows, columns = np.arange(len(u)), np.arange(len(v))
    while len(rows):
        one, other = _mutual(u[rows], v[columns])
        found[rows[one]] = columns[other]
        if len(one) < max(1.0, LEAST * len(rows)):
            break
        rows, columns = np.delete(rows, one), np.delete(columns, other)
    return found


def _mutual(u: Floats, v: Floats) -> tuple[Ints, Ints]:
    """Rows of both that are each other's nearest."""
    best, back = np.zeros(len(u), dtype=np.int64), np.zeros(len(v), dtype=np.int64)
    most = np.full(len(v), -1.0, dtype=np.float32)
    for at in range(0, len(u), BLOCK):
        size = u[at : at + BLOCK] @ v.T
        np.abs(size, out=size)
        best[at : at + BLOCK] = size.argmax(axis=1)
        row = size.argmax(axis=0)
        own = size[row, np.arange(len(v))]
        better = own > most
        most[better], back[better] = own[better], row[better] + at
    rows = np.flatnonzero(back[best] == np.arange(len(u)))
    return rows, best[rows]
