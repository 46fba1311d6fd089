"""Forests in which some models are means of others, and so have several parents."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

MERGED = 8.0
"""Log-odds that a model which is an exact mean of others was made from them."""


def with_merges(parent: Matrix, shares: Matrix) -> Matrix:
    """Probabilities of parents where it is known which models are means of others.

    The parents of a mean are its parts, the likeliest the one with the largest share, among equals the one that was
    likelier before; a part was not made from the mean.

    Parameters
    ----------
    parent : (n, n)
        As ``fused`` has it.
    shares : (n, n)
        ``[i, j]``: share of i in j; columns of zeros where j is no mean.

    Examples
    --------
    >>> said = np.array([[0.2, 0.1, 0.1], [0.1, 0.2, 0.1], [0.7, 0.7, 0.8]])
    >>> with_merges(said, np.array([[0, 0, 0.7], [0, 0, 0.3], [0, 0, 0]])).round(2).tolist()
    [[0.67, 0.33, 0.7], [0.33, 0.67, 0.3], [0.0, 0.0, 0.0]]
    """
    merged, odds = shares.any(axis=0), np.exp(-MERGED)
    found = np.where(shares.T > 0, parent * odds, parent)
    found /= found.sum(axis=0)
    among = np.where(shares > 0, shares * (1.0 + 1e-6 * parent), 0.0)
    among += odds * np.eye(len(parent))
    among /= among.sum(axis=0)
    mixed: Matrix = np.where(merged, among, found)
    return mixed


def without_circles(shares: Matrix, parents: NDArray[np.int64]) -> Matrix:
    """Shares of parts in means, less those of a part that a forest has made from its mean: ``(n, n), (n,) -> (n, n)``.

    Examples
    --------
    >>> without_circles(np.array([[0, 0, 0.6], [0, 0, 0.4], [0, 0, 0]]), np.array([-1, 2, 0])).tolist()
    [[0.0, 0.0, 0.6], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """
    above = np.eye(len(parents), dtype=bool)

    def join(i: int, j: int) -> None:
        above[np.ix_(above[:, i], above[j])] = True

    for child in np.flatnonzero(parents >= 0).tolist():
        join(int(parents[child]), child)
    kept = shares.copy()
    for i, j in np.argwhere(shares > 0).tolist():
        if above[j, i]:
            kept[i, j] = 0.0
        else:
            join(i, j)
    return kept
