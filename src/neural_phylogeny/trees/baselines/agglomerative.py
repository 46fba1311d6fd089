"""Agglomerative clustering, plain or along directions: the nearest two clusters are merged until one is left."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.trees.baselines.star import oldest
from neural_phylogeny.trees.family import Labels
from neural_phylogeny.trees.forest import Matrix

Merges = NDArray[np.int64]
"""(n - 1, 2): which two clusters become one, each named by its lowest member, in order."""


def average_merges(distance: Matrix) -> Merges:
    """Average linkage: ``distance (n, n)`` -> merges. As ``merges_along`` with ``alpha`` 0."""
    return merges_along(distance, np.zeros_like(distance), 0.0)


def merges_along(distance: Matrix, direction: Matrix, alpha: float, seed: int = 0) -> Merges:
    """Linkage to the parent estimate with probability ``alpha``, otherwise to all members on average.

    Parameters
    ----------
    distance : (n, n)
        Distances of all pairs, symmetric.
    direction : (n, n)
        Positive where i looks like the parent of j.
    alpha : float
        Probability, drawn for each cluster when it is made, that its distances to the other clusters are those of the
        member that is most often the parent, averaged over the other's members; otherwise over the members of both.
    seed : int
        Of these draws.

    Returns
    -------
    (n - 1, 2)
        The merges, for ``cut``.

    Notes
    -----
    O(n^3) by whole rows, some 20 ms for 200 models. Our analogue of the paper's clustering along directions, which
    it gives for centres only. Assumes that children lie nearer to their parent than to unrelated models.
    """
    rng = np.random.default_rng(seed)
    n = len(distance)
    linkage = distance.astype(np.float64).copy()
    np.fill_diagonal(linkage, np.inf)
    members = np.eye(n, dtype=bool)
    merges = np.zeros((max(n - 1, 0), 2), dtype=np.int64)
    for step in range(n - 1):
        a, b = sorted(divmod(int(np.argmin(linkage)), n))
        merges[step] = a, b
        size_a, size_b = members[a].sum(), members[b].sum()
        members[a] |= members[b]
        members[b] = False
        row = (size_a * linkage[a] + size_b * linkage[b]) / (size_a + size_b)
        if alpha > 0 and rng.random() < alpha:
            parent = oldest(members[a : a + 1], direction)[0]
            sizes = members.sum(axis=1)
            row = np.divide(members @ distance[parent], sizes, out=np.full(n, np.inf), where=sizes > 0)
        row = np.where(np.isfinite(linkage[a]), row, np.inf)
        row[[a, b]] = np.inf
        linkage[a], linkage[:, a] = row, row
        linkage[b], linkage[:, b] = np.inf, np.inf
    return merges


def cut(merges: Merges, n_clusters: int) -> Labels:
    """Labels ``(n,)`` after all merges but the last ``n_clusters - 1``, numbered by first member. O(n^2).

    Examples
    --------
    >>> import numpy as np
    >>> cut(np.array([[1, 2], [0, 1]]), 2).tolist()
    [0, 1, 1]
    """
    labels = np.arange(len(merges) + 1)
    for a, b in merges[: max(len(labels) - n_clusters, 0)]:
        labels[labels == labels[b]] = labels[a]
    found: Labels = np.unique(labels, return_inverse=True)[1].astype(np.int64)
    return found
