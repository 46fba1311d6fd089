"""The learning-free best: the tree under which innovations are independent, directions only where they are needed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.trees.forest import Forest
from neural_phylogeny.trees.innovations import Innovations, log_likelihoods_alone
from neural_phylogeny.trees.problem import Problem
from neural_phylogeny.trees.search import best_tree, neighbours
from neural_phylogeny.trees.spanning import Parents, Rooted, minimum_spanning_tree, root_tree

Matrix = NDArray[np.float64]

FEW, MOST_TREE_ODDS = 16, 12.0
"""Models of a family whose trees are weighed against each other, and the most that this says."""

LARGE = 32
"""Families of more models get the best tree without shared factors, which needs no search."""

NEAREST = 8
"""A model may be hung below so many of its nearest on the way."""


def innovation_forest(problem: Problem, options: object) -> Forest:
    """One tree in each family of the existence test.

    Lengths and angles tell it, and exact witnesses. Where weights decay, lengths no longer tell which came first, and
    the direction witnesses are heard. An edge's probability is that of its direction among the trees one step away.
    """
    n = len(problem.families)
    parents, probability = np.full(n, -1, dtype=np.int64), np.ones(n)
    for family in np.unique(problem.families):
        members = np.flatnonzero(problem.families == family)
        if len(members) < 2:
            continue
        chosen = members.tolist()
        exact = sum(problem.exact(chosen).values(), np.zeros((len(members),) * 2))
        tree, sure = _tree(problem.even(chosen), problem.direction[np.ix_(members, members)], exact)
        parents[members] = np.where(tree >= 0, members[tree], -1)
        probability[members] = sure
    return Forest(parents=parents, p_direction=probability)


def tree_odds(gram: Matrix) -> Matrix:
    """Log-odds that i is the parent of j, against that j is a root, among the trees around the best: ``(n, n)``.

    At most ``MOST_TREE_ODDS`` either way; zero on the diagonal, and everywhere for families of two or of more than
    ``FEW`` models. O(n^5).
    """
    n = len(gram)
    if not 2 < n <= FEW:
        return np.zeros((n, n))
    _, trees, scores = _Search(gram, np.zeros_like(gram), np.zeros_like(gram)).best()
    found = np.full((n, n), -np.inf)
    for j, above in enumerate(np.where(trees < 0, np.arange(n), trees).T):
        for i in np.unique(above):
            found[i, j] = np.logaddexp.reduce(scores[above == i])
    found = np.maximum(found - found.max(axis=0), -MOST_TREE_ODDS)
    odds: Matrix = found - np.diag(found)
    return odds


def _tree(gram: Matrix, direction: Matrix, exact: Matrix) -> tuple[Parents, NDArray[np.float64]]:
    """The best tree, and of each edge the probability that it points this way."""
    if len(gram) > LARGE:
        slopes, alone = log_likelihoods_alone(gram)
        found = spanning(alone + heard(slopes, direction, exact))
        return found.parents, found.p_direction
    tree, around, scores = _Search(gram, direction, exact).best()
    return tree, _directions(tree, around, scores)


def heard(slopes: Matrix, direction: Matrix, exact: Matrix) -> Matrix:
    """Log-odds of the witnesses for each edge: exact ones always, those of direction where a slope is below one."""
    found: Matrix = exact + np.where(slopes < 1.0, direction, 0.0)
    np.fill_diagonal(found, 0.0)
    return found


def spanning(edges: Matrix) -> Rooted:
    """The best tree when edges are independent, from the log-likelihood of each; that of a root on the diagonal."""
    gain = edges - np.diag(edges)[None, :]
    return root_tree(minimum_spanning_tree(-np.maximum(gain, gain.T)), gain - gain.T)


class _Search:
    """For the best tree of a family."""

    def __init__(self, gram: Matrix, direction: Matrix, exact: Matrix) -> None:
        self._innovations = Innovations.of(gram)
        self._said = heard(self._innovations.slopes, direction, exact)
        self._edges = self._innovations.alone + self._said

    def best(self) -> tuple[Parents, NDArray[np.int64], NDArray[np.float64]]:
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

    def _score(self, trees: NDArray[np.int64]) -> NDArray[np.float64]:
        told = (self._said[np.maximum(trees, 0), np.arange(len(self._said))] * (trees >= 0)).sum(axis=1)
        together: NDArray[np.float64] = self._innovations.log_likelihoods(trees) + told
        return together


def _directions(tree: Parents, trees: NDArray[np.int64], scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """For each edge: by likelihood, the share of the trees with this edge in which it points as in the tree."""
    weight = np.exp(scores - scores.max())
    probability = np.ones(len(tree))
    for j in np.flatnonzero(tree >= 0):
        forth, back = weight[trees[:, j] == tree[j]].sum(), weight[trees[:, tree[j]] == j].sum()
        probability[j] = forth / (forth + back)
    return probability
