"""The learning-free best: the tree under which innovations are independent, directions only where they are needed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.trees.innovations import VALUES, log_likelihoods, slopes
from neural_phylogeny.trees.problem import Forest, Problem
from neural_phylogeny.trees.search import best_tree, neighbours
from neural_phylogeny.trees.spanning import Parents, minimum_spanning_tree, root_tree

Matrix = NDArray[np.float64]

LARGE = 16
"""Families of more models get the best tree without shared factors, which needs no search."""

NEAREST = 8
"""A model may be hung below so many of its nearest on the way."""


def evidence_forest(problem: Problem, options: object) -> Forest:
    """One tree in each family of the existence test, the best of two explanations.

    Either children hold all of their parents; then lengths tell the root. Or weights decay, every child holds a part of
    its parent, and the direction witnesses tell the root. Exact witnesses are heard in both. An edge's probability is
    that of its direction among the trees one step away.
    """
    n = len(problem.families)
    parents, probability = np.full(n, -1, dtype=np.int64), np.ones(n)
    for family in np.unique(problem.families):
        members = np.flatnonzero(problem.families == family)
        if len(members) < 2:
            continue
        gram, witnesses = problem.even(members.tolist()), _heard(problem, members.tolist())
        tree, sure = _tree(gram, problem.direction[np.ix_(members, members)], witnesses)
        parents[members] = np.where(tree >= 0, members[tree], -1)
        probability[members] = sure
    return Forest(parents, probability)


def _heard(problem: Problem, members: list[int]) -> Matrix:
    """What all exact witnesses say together."""
    return sum(problem.exact(members).values(), np.zeros((len(members),) * 2))


def log_posterior(gram: Matrix) -> Matrix:
    """Logarithm of how likely i is the parent of j among the trees around the best without decay: ``(n, n)``.

    The diagonal is for a root; 0 is the likeliest of a column, and what no tree shows is cut at -20. O(n^5).
    """
    n = len(gram)
    search = _Search(gram, np.zeros_like(gram), decays=False)
    _, trees, scores = search.best()
    found = np.full((n, n), -np.inf)
    for j, above in enumerate(np.where(trees < 0, np.arange(n), trees).T):
        for i in np.unique(above):
            found[i, j] = np.logaddexp.reduce(scores[above == i])
    cut: Matrix = np.maximum(found - found.max(axis=0), -20.0)
    return cut


def _tree(gram: Matrix, direction: Matrix, exact: Matrix) -> tuple[Parents, NDArray[np.float64]]:
    """The better of the two explanations, and of each edge the probability that it points this way."""
    found = [_explained(gram, exact + said, decays) for decays, said in ((False, 0.0), (True, direction))]
    _, tree, probability = max(found, key=lambda one: one[0])
    return tree, probability


def _explained(gram: Matrix, said: Matrix, decays: bool) -> tuple[float, Parents, NDArray[np.float64]]:
    """Log-likelihood of the best tree of one explanation, the tree, and the probability of each of its directions."""
    search = _Search(gram, said, decays)
    if len(gram) > LARGE:
        found = search.spanning
        return float(log_likelihoods(gram, found.parents[None], decays)[0]), found.parents, found.probability
    tree, around, scores = search.best()
    return float(log_likelihoods(gram, tree[None], decays)[0]), tree, _directions(tree, around, scores)


class _Search:
    """For the best tree of one explanation; ``said[i, j]`` are the log-odds of the witnesses that i is j's parent."""

    def __init__(self, gram: Matrix, said: Matrix, decays: bool) -> None:
        self._gram, self._said, self._decays = gram, said, decays
        distance = log_distances(gram, decays)
        self._distance = np.minimum(distance, distance.T)
        lengths = np.log(np.maximum(np.diag(gram), 1e-12))
        rising = VALUES / 2.0 * (lengths[None, :] - lengths[:, None])
        self.spanning = root_tree(minimum_spanning_tree(self._distance), said if decays else rising + said)

    def best(self) -> tuple[Parents, NDArray[np.int64], NDArray[np.float64]]:
        """The best tree found, it and all trees one step away, and their scores."""
        n = len(self._gram)
        stars = np.where(np.eye(n, dtype=bool), -1, np.arange(n)[:, None])
        near = np.argsort(np.argsort(self._distance + 1e9 * np.eye(n), axis=0), axis=0) < NEAREST
        tree, _ = best_tree(self._score, [self.spanning.parents, stars[np.argmax(self._score(stars))]], near)
        around = np.concatenate([tree[None], neighbours(tree, near)])
        return tree, around, self._score(around)

    def _score(self, trees: NDArray[np.int64]) -> NDArray[np.float64]:
        told = (self._said[np.maximum(trees, 0), np.arange(len(self._gram))] * (trees >= 0)).sum(axis=1)
        together: NDArray[np.float64] = log_likelihoods(self._gram, trees, self._decays) + told
        return together


def log_distances(gram: Matrix, decays: bool) -> Matrix:
    """Logarithm of the variance of j's innovation if i is its parent: ``(n, n)``."""
    own, slope = np.diag(gram), slopes(gram, decays)
    found: Matrix = np.log(np.maximum(own[None, :] - 2.0 * slope * gram + slope**2 * own[:, None], 1e-12))
    return found


def _directions(tree: Parents, trees: NDArray[np.int64], scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """For each edge: by likelihood, the share of the trees with this edge in which it points as in the tree."""
    weight = np.exp(scores - scores.max())
    probability = np.ones(len(tree))
    for j in np.flatnonzero(tree >= 0):
        forth, back = weight[trees[:, j] == tree[j]].sum(), weight[trees[:, tree[j]] == j].sum()
        probability[j] = forth / (forth + back)
    return probability
