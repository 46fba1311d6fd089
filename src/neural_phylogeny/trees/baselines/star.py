"""Stars: one parent per cluster, all others its children - the paper's reconstruction after clustering."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.trees.driver import parents_in_groups
from neural_phylogeny.trees.family import Labels
from neural_phylogeny.trees.forest import Matrix, Parents

Choice = Callable[[Matrix], int]
"""The parent of a cluster, from the direction matrix of its members."""


def parent_by_votes(direction: Matrix) -> int:
    """The model that is most often the parent by the majority of pairs; ties go to the larger sum of log-odds.

    ``direction (n, n)`` is positive where i looks like the parent of j. Source: Neural Phylogeny, ICLR 2025.
    """
    return int(oldest(np.ones((1, len(direction)), dtype=bool), direction)[0])


def parent_by_total(direction: Matrix) -> int:
    """The model whose row has the largest sum: where rows are differences of a distance, that of the least distance.

    The paper's reviewers proposed it instead of a majority.
    """
    return int(np.argmax(direction.sum(axis=1)))


def oldest(groups: NDArray[np.bool_], direction: Matrix) -> NDArray[np.int64]:
    """The member of each group that wins most often, ties going to the larger sum: ``(k, n)``, ``(n, n)`` -> ``(k,)``.

    O(k n^2), all groups at once; groups may overlap, and an empty one gives 0.

    Examples
    --------
    >>> import numpy as np
    >>> age = np.array([1.0, 3.0, 2.0])
    >>> oldest(np.array([[True, True, True], [True, False, True]]), age - age[:, None]).tolist()
    [0, 0]
    """
    member = groups.astype(np.float64)
    wins = np.where(groups, member @ np.sign(direction).T, -np.inf)
    best = wins == wins.max(axis=1, keepdims=True, initial=-np.inf)
    found: NDArray[np.int64] = np.argmax(np.where(groups & best, member @ direction.T, -np.inf), axis=1)
    return found


def stars(labels: Labels, direction: Matrix, choose: Choice = parent_by_votes) -> Parents:
    """One star per cluster: ``labels (n,)`` -> parent vector ``(n,)``; a negative label is a model by itself.

    Examples
    --------
    >>> import numpy as np
    >>> age = np.array([1.0, 3.0, 2.0])
    >>> stars(np.array([0, 0, 0]), age - age[:, None]).tolist()
    [-1, 0, 0]
    """

    def star(members: Labels) -> Parents:
        parents = np.full(len(members), choose(direction[np.ix_(members, members)]), dtype=np.int64)
        parents[parents[0]] = -1
        return parents

    return parents_in_groups(labels, star)
