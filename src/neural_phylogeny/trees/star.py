"""Stars: one parent per cluster, all others its children - the paper's reconstruction after clustering."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def parent_by_votes(direction: NDArray[np.float64]) -> int:
    """The model that is most often the parent in pairwise votes; ties go to the larger sum of log-odds.

    ``direction (n, n)`` is positive where i looks like the parent of j. Source: Neural Phylogeny, ICLR 2025.
    """
    wins = np.sign(direction).sum(axis=1)
    return int(np.lexsort((direction.sum(axis=1), wins))[-1])


def stars(labels: NDArray[np.int64], direction: NDArray[np.float64]) -> NDArray[np.int64]:
    """One star per cluster: ``labels (n,)`` -> parent vector ``(n,)``; a negative label is a model by itself.

    Examples
    --------
    >>> import numpy as np
    >>> age = np.array([1.0, 3.0, 2.0])
    >>> stars(np.array([0, 0, 0]), age - age[:, None]).tolist()
    [-1, 0, 0]
    """
    parents = np.full(len(labels), -1, dtype=np.int64)
    for label in np.unique(labels[labels >= 0]):
        members = np.flatnonzero(labels == label)
        parent = members[parent_by_votes(direction[np.ix_(members, members)])]
        parents[members[members != parent]] = parent
    return parents
