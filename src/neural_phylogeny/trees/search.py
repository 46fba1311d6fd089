"""Search in the space of rooted trees: exhaustive for a few nodes, else hill climbing from several starts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.trees.forest import Parents
from neural_phylogeny.trees.spanning import reroot

Score = Callable[[NDArray[np.int64]], NDArray[np.float64]]
"""Score of each of b trees, ``(b, n) -> (b,)``; larger is better."""

EXHAUSTIVE = 5
"""Largest number of nodes for which all n^(n-1) rooted trees are scored: 625 trees of five nodes."""

STEPS = 60
"""Largest number of steps of one climb; of 198 climbs none took more than 14."""

GAIN = 1e-9
"""A step must gain more than rounding, or equal trees would alternate."""


def best_tree(score: Score, starts: Sequence[Parents], near: NDArray[np.bool_]) -> tuple[Parents, float]:
    """The best tree found, and its score; exact for at most ``EXHAUSTIVE`` nodes.

    Parameters
    ----------
    starts : sequence of (n,)
        Trees to climb from. A step moves one subtree, chooses another root, or exchanges the root with a node.
    near : (n, n)
        ``[i, j]``: whether a step may make i the parent of j; it bounds the cost of a step.
    """
    n = len(starts[0])
    if n <= EXHAUSTIVE:
        trees = all_trees(n)
        scores = score(trees)
        return trees[np.argmax(scores)], float(scores.max())
    found = [_climb(score, start, near) for start in starts]
    return max(found, key=lambda pair: pair[1])


def all_trees(n: int) -> NDArray[np.int64]:
    """Every rooted tree over n nodes as a parent vector: ``(n^(n-1), n)``.

    Examples
    --------
    >>> all_trees(2).tolist()
    [[-1, 0], [1, -1]]
    """
    vectors = np.array([v for v in product(range(-1, n), repeat=n) if v.count(-1) == 1], dtype=np.int64)
    reached = vectors.copy()
    for _ in range(n):
        reached = np.where(reached >= 0, np.take_along_axis(vectors, np.maximum(reached, 0), axis=1), -1)
    return vectors[(reached < 0).all(axis=1)]


def neighbours(tree: Parents, near: NDArray[np.bool_]) -> NDArray[np.int64]:
    """All trees one step away, ``(b, n)``."""
    n = len(tree)
    below = np.eye(n, dtype=bool)
    for j in range(n):
        above = int(tree[j])
        while above >= 0:
            below[above, j] = True
            above = int(tree[above])
    root = int(np.flatnonzero(tree < 0)[0])
    found = []
    for j in range(n):
        for i in np.flatnonzero(near[:, j] & ~below[j]) if j != root else ():
            if i != tree[j]:
                moved = tree.copy()
                moved[j] = i
                found.append(moved)
    for k in range(n):
        if k != root:
            found += [reroot(tree, k), _exchanged(tree, root, k)]
    return np.array(found, dtype=np.int64).reshape(-1, n)


def _climb(score: Score, tree: Parents, near: NDArray[np.bool_]) -> tuple[Parents, float]:
    current = float(score(tree[None])[0])
    for _ in range(STEPS):
        candidates = neighbours(tree, near)
        scores = score(candidates)
        best = int(np.argmax(scores))
        if scores[best] <= current + GAIN:
            break
        tree, current = candidates[best], float(scores[best])
    return tree, current


def _exchanged(tree: Parents, a: int, b: int) -> Parents:
    """The same tree with two nodes in each other's place."""
    place = np.arange(len(tree))
    place[[a, b]] = b, a
    found = np.full_like(tree, -1)
    found[place] = np.where(tree >= 0, place[tree], -1)
    return found
