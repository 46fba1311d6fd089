"""Forests in which some models are put together from others, and so have several parents."""

from __future__ import annotations

import numpy as np

from neural_phylogeny.relations.exact import CERTAIN
from neural_phylogeny.trees.forest import Matrix, Parents

TIE = 1e-6
"""Of parts with equal weights, the one that was more probable before is the main parent: by so much of its weight."""


def with_merges(parent: Matrix, merges: Matrix) -> Matrix:
    """Probabilities of parents given which models were put together from others.

    The parents of a merge are its parts, the one with the largest weight first; a part has no merge of it for a parent.

    Parameters
    ----------
    parent : (n, n)
        As ``Posterior.parent``.
    merges : (n, n)
        ``[i, j]``: weight of i in j, of either sign; columns of zeros where j is not a merge.

    Examples
    --------
    >>> parent = np.array([[0.2, 0.1, 0.1], [0.1, 0.2, 0.1], [0.7, 0.7, 0.8]])
    >>> with_merges(parent, np.array([[0, 0, 0.7], [0, 0, 0.3], [0, 0, 0]])).round(2).tolist()
    [[0.67, 0.33, 0.7], [0.33, 0.67, 0.3], [0.0, 0.0, 0.0]]
    """
    means, odds = merges.any(axis=0), np.exp(-CERTAIN)
    others = np.where(merges.T != 0, parent * odds, parent)
    others /= others.sum(axis=0)
    parts = np.abs(merges) * (1.0 + TIE * parent)
    parts += odds * np.eye(len(parent))
    parts /= parts.sum(axis=0)
    found: Matrix = np.where(means, parts, others)
    return found


def without_cycles(merges: Matrix, parents: Parents) -> Matrix:
    """Merges less the parts that descend from their merge in a forest: ``(n, n), (n,) -> (n, n)``.

    Examples
    --------
    >>> without_cycles(np.array([[0, 0, 0.6], [0, 0, 0.4], [0, 0, 0]]), np.array([-1, 2, 0])).tolist()
    [[0.0, 0.0, 0.6], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """
    above = np.eye(len(parents), dtype=bool)

    def join(i: int, j: int) -> None:
        above[np.ix_(above[:, i], above[j])] = True

    for child in np.flatnonzero(parents >= 0).tolist():
        join(int(parents[child]), child)
    kept = merges.copy()
    for i, j in np.argwhere(merges).tolist():
        if above[j, i]:
            kept[i, j] = 0.0
        else:
            join(i, j)
    return kept
