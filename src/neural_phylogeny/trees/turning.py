"""Edges that exact evidence forbids are turned round: two neighbours stay neighbours when their order is known."""

from __future__ import annotations

import numpy as np

from neural_phylogeny.trees.forest import Matrix
from neural_phylogeny.trees.fusion import LEAST


def turned(parent: Matrix, log_odds: Matrix) -> Matrix:
    """Probabilities of parents after edges against exact evidence are turned round: ``(n, n) -> (n, n)``.

    A posterior by columns forgets that j above i and i above j are one guess: that the two are next to each other.
    Where evidence excludes that j is the parent of i, the probability m of that edge is not lost: i becomes the parent
    of j, and i takes the place of j below the parent of j. So column j is ``(1 - m) p_j + m e_i``, and column i gets m
    times column j. Of several such i, the surest counts, shared by all of them in proportion. O(n^2).

    Parameters
    ----------
    parent : (n, n)
        As ``Posterior.parent``.
    log_odds : (n, n)
        Log-odds of exact evidence that i is the parent of j, beside its opposite.

    Examples
    --------
    >>> parent = np.array([[1.0, 0.4, 0.6], [0.0, 0.0, 0.4], [0.0, 0.6, 0.0]])
    >>> decayed = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 8.0], [0.0, -8.0, 0.0]])
    >>> turned(parent, decayed).round(2).tolist()
    [[1.0, 1.0, 0.24], [0.0, 0.0, 0.76], [0.0, 0.0, 0.0]]
    """
    n = len(parent)
    against = np.minimum(log_odds - log_odds.T, 0.0)  # [j, i] < 0: j is not the parent of i
    moved = np.where(np.eye(n, dtype=bool), 0.0, parent * -np.expm1(against))
    most, total = moved.max(axis=1), moved.sum(axis=1)
    found = parent - moved
    for j, i in zip(*np.nonzero(moved > LEAST), strict=True):
        place = parent[:, j].copy()
        place[j], place[i] = 0.0, parent[j, j]
        if place.sum() > LEAST:
            found[:, i] += moved[j, i] * place / place.sum()
    found /= np.maximum(found.sum(axis=0), LEAST)
    taken = np.divide(moved, total[:, None], out=np.zeros_like(moved), where=total[:, None] > LEAST)
    result: Matrix = found * (1.0 - most) + (taken * most[:, None]).T
    return result
