"""The forest of largest total weight where only some edges are possible: for families of thousands of models."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.trees.forest import Parents

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


def sparse_forest(parents: Integers, children: Integers, weights: Floats, roots: Floats) -> Parents:
    """The forest over n models of largest sum of weights, of its edges and of its roots; exact.

    By contraction of cycles (Chu and Liu 1965, Edmonds 1967), all cycles of a round at once. O(n_edges log n_edges) a
    round; as many rounds as cycles lie in each other, which are few.

    Parameters
    ----------
    parents, children, weights : (n_edges,)
        The possible edges.
    roots : (n,)
        Weight of each model as a root, finite.

    Returns
    -------
    (n,)
        Parents, -1 for a root.

    Examples
    --------
    >>> edges = np.array([0, 1, 2]), np.array([1, 2, 1])
    >>> sparse_forest(*edges, np.array([-1.0, -0.1, -0.2]), np.array([-0.5, -9.0, -9.0])).tolist()
    [-1, 0, 1]
    """
    n = len(roots)
    tails = np.concatenate([np.full(n, n), parents]).astype(np.int64)
    heads = np.concatenate([np.arange(n), children]).astype(np.int64)
    chosen = _chosen(tails, heads, np.concatenate([roots, weights]).astype(np.float64), n + 1)
    found = tails[chosen]
    return np.where(found == n, -1, found)


def _chosen(tails: Integers, heads: Integers, weights: Floats, n_nodes: int) -> Integers:
    """Position of the edge into each node but the last, the root of all, in the best arborescence."""
    into = _best(heads, weights, n_nodes)
    cycle = _cycles(np.append(tails[into], -1))
    alone = cycle < 0
    if alone.all():
        return into
    n_alone = np.count_nonzero(alone)
    label = np.where(alone, np.cumsum(alone) - 1, n_alone - 1 + cycle)
    label[-1] = n_alone + cycle.max()  # the root stays last
    gain = weights - np.where(alone[heads], 0.0, weights[into[heads]])
    left = np.flatnonzero(label[tails] != label[heads])
    inner = _chosen(label[tails[left]], label[heads[left]], gain[left], int(label[-1]) + 1)
    entering = left[inner]
    into[heads[entering]] = entering
    return into


def _best(heads: Integers, weights: Floats, n_nodes: int) -> Integers:
    """Position of the heaviest edge into each node but the last, the first of equal ones."""
    order = np.lexsort((-weights, heads))  # a stable sort
    first = np.searchsorted(heads[order], np.arange(n_nodes - 1))
    return order[first]


def _cycles(above: Integers) -> Integers:
    """The number of the cycle that each node lies on, -1 on none; ``above`` leads to a root, -1, or into a cycle."""
    found = np.full(len(above), -1, dtype=np.int64)
    state = [0] * len(above)
    parents = above.tolist()
    count = 0
    for start in range(len(parents)):
        path, node = [], start
        while node >= 0 and not state[node]:
            state[node] = 1
            path.append(node)
            node = parents[node]
        if node >= 0 and state[node] == 1:
            found[path[path.index(node) :]] = count
            count += 1
        for passed in path:
            state[passed] = 2
    return found
