"""The innovation tree: the tree under which what each model adds to its parent is independent of the rest.

Nothing is learned. Norms and angles of the weights decide, exact features are added, and direction features only where
norms do not tell the direction.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.trees.family import Family
from neural_phylogeny.trees.forest import Forest, Matrix, Parents, Vector
from neural_phylogeny.trees.innovations import Innovations, log_likelihoods_alone
from neural_phylogeny.trees.search import best_tree, neighbours
from neural_phylogeny.trees.spanning import Rooted, minimum_spanning_tree, root_tree

MOST_SEARCHED = 32
"""Larger families get the best tree without common factors, which needs no search."""

NEAREST = 8
"""A step of the search may move a model below one of this many nearest others, which bounds its cost."""


def innovation_forest(family: Family, options: object = None) -> Forest:
    """The most likely tree over one family.

    Where weights decay, norms no longer tell which model came first, and the direction features enter. ``p_direction``
    is the share of likelihood, among the trees one step away, of those in which the edge points this way.

    O(n^5) up to ``MOST_SEARCHED`` models, then O(n^2).
    """
    parents, p_direction = _tree(family.retained_gram, family.direction, _exact(family))
    return Forest(parents=parents, p_direction=p_direction)


def _tree(gram: Matrix, direction: Matrix, exact: Matrix) -> tuple[Parents, Vector]:
    """The best tree, and the probability of each edge's direction."""
    if len(gram) > MOST_SEARCHED:
        slopes, alone = log_likelihoods_alone(gram)
        found = spanning(alone + edge_log_odds(slopes, direction, exact))
        return found.parents, found.p_direction
    tree, around, scores = _Search(gram, direction, exact).best()
    return tree, _directions(tree, around, scores)


def parent_probabilities(family: Family) -> Matrix:
    """``[i, j]``: share of trees with i above j in the likelihood of the best tree and all one step away, ``(n, n)``.

    On the diagonal that of trees with root j; columns add up to 1. O(n^5), for at most ``MOST_SEARCHED`` models.
    """
    n, every = len(family), np.arange(len(family))
    _, trees, scores = _Search(family.retained_gram, family.direction, _exact(family)).best()
    found = np.zeros((n, n))
    for tree, weight in zip(trees, np.exp(scores - scores.max()), strict=True):
        found[np.where(tree < 0, every, tree), every] += weight
    found /= found.sum(axis=0)
    return found


def _exact(family: Family) -> Matrix:
    """The log-odds of all exact features together."""
    return sum(family.exact.values(), np.zeros((len(family),) * 2))


def edge_log_odds(slopes: Matrix, direction: Matrix, exact: Matrix) -> Matrix:
    """Log-odds of each edge beside its likelihood: exact features, and direction features where a slope is below one.

    All are ``(n, n)``; the diagonal is zero.
    """
    found: Matrix = exact + np.where(slopes < 1.0, direction, 0.0)
    np.fill_diagonal(found, 0.0)
    return found


def spanning(edges: Matrix) -> Rooted:
    """The best tree if edges are independent, from the log-likelihood of each; on the diagonal that of a root."""
    gain = edges - np.diag(edges)[None, :]
    return root_tree(minimum_spanning_tree(-np.maximum(gain, gain.T)), gain - gain.T)


class _Search:
    """The search for the best tree of one family."""

    def __init__(self, gram: Matrix, direction: Matrix, exact: Matrix) -> None:
        self._innovations = Innovations.of(gram)
        self._log_odds = edge_log_odds(self._innovations.slopes, direction, exact)
        self._edges = self._innovations.alone + self._log_odds

    def best(self) -> tuple[Parents, NDArray[np.int64], Vector]:
        """The best tree found, it and all trees one step away, and their scores."""
        n = len(self._edges)
        stars = np.where(np.eye(n, dtype=bool), -1, np.arange(n)[:, None])
        gain = self._edges - np.diag(self._edges)[None, :]
        far = -np.maximum(gain, gain.T) + np.where(np.eye(n, dtype=bool), np.inf, 0.0)
        near = np.argsort(np.argsort(far, axis=0), axis=0) < NEAREST
        starts = [spanning(self._edges).parents, stars[np.argmax(self._score(stars))]]
        tree, _ = best_tree(self._score, starts, near)
        around = np.concatenate([tree[None], neighbours(tree, near)])
        return tree, around, self._score(around)

    def _score(self, trees: NDArray[np.int64]) -> Vector:
        added = (self._log_odds[np.maximum(trees, 0), np.arange(len(self._log_odds))] * (trees >= 0)).sum(axis=1)
        together: Vector = self._innovations.log_likelihoods(trees) + added
        return together


def _directions(tree: Parents, trees: NDArray[np.int64], scores: Vector) -> Vector:
    """Share of an edge's direction in the likelihood of both directions: ``(n,)``, 1 for the root."""
    weight = np.exp(scores - scores.max())
    probability = np.ones(len(tree))
    for j in np.flatnonzero(tree >= 0):
        forth, back = weight[trees[:, j] == tree[j]].sum(), weight[trees[:, tree[j]] == j].sum()
        probability[j] = forth / (forth + back)
    return probability
