"""Rows of one matrix for those of another: cosines of all pairs, an assignment by them, and what chance would give."""

from __future__ import annotations

import numpy as np

from neural_phylogeny.relations.axes import Floats, Ints

MANY_ROWS = 1536
"""Products of more rows are made in single precision."""


def cosines(x: Floats, y: Floats) -> Floats:
    """Of all rows of two matrices, ``(m, k), (n, k) -> (m, n)``; 0 for rows of zeros."""
    lengths = [np.maximum(np.linalg.norm(m, axis=1, keepdims=True), 1e-300) for m in (x, y)]
    if len(x) > MANY_ROWS:  # half of the memory
        found: Floats = (x / lengths[0]).astype(np.float32) @ (y / lengths[1]).astype(np.float32).T
    else:
        found = (x / lengths[0]) @ (y / lengths[1]).T
    return found


def assignment(score: Floats) -> Ints:
    """For each row a column of its own: pairs that are each other's best first, until none is left; ``(m, n)``, m <= n.

    Not the best sum, but the same one wherever rows are clearly alike; a few passes over what is left of the matrix.

    Examples
    --------
    >>> assignment(np.array([[0.1, 0.9], [0.2, 0.8]])).tolist()
    [1, 0]
    """
    rows, columns = np.arange(score.shape[0]), np.arange(score.shape[1])
    found = np.full(len(rows), -1)
    while rows.size:
        best = score.argmax(axis=1)
        taken = np.flatnonzero(score.argmax(axis=0)[best] == np.arange(len(rows)))
        if not taken.size:
            found[rows] = columns[: len(rows)]
            break
        found[rows[taken]] = columns[best[taken]]
        left = np.delete(np.arange(len(rows)), taken), np.delete(np.arange(len(columns)), best[taken])
        score, rows, columns = score[np.ix_(*left)], rows[left[0]], columns[left[1]]
    return found


def beyond_chance(cosines: Floats, order: Ints) -> float:
    """Mean of the cosines that belong together, 0 where it is that of the others and 1 where all are one.

    Rows of positive weights are alike in any two models, and constant rows are the same.

    Examples
    --------
    >>> beyond_chance(np.array([[1.0, 0.5], [0.5, 0.8]]), np.arange(2)), beyond_chance(np.ones((2, 2)), np.arange(2))
    (0.8, 0.0)
    """
    matched = float(cosines[np.arange(len(cosines)), order].mean())
    others = float(np.abs(cosines).sum()) - float(np.abs(cosines[np.arange(len(cosines)), order]).sum())
    return round(excess(matched, others / max(cosines.size - len(cosines), 1)), 12)


def excess(matched: float, chance: float) -> float:
    """A mean cosine, 0 where it is that of chance and 1 where it is one; 0 where chance alone gives one."""
    return (matched - chance) / (1.0 - chance) if chance < 1.0 - 1e-6 else 0.0
