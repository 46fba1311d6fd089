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
        gram, witnesses = problem.even(members.tolist()), np.add(*problem.exact(members.tolist()))
        tree, sure = _tree(gram, problem.direction[np.ix_(members, members)], witnesses)
        parents[members] = np.where(tree >= 0, members[tree], -1)
        probability[members] = sure
    return Forest(parents, probability)


def _tree(gram: Matrix, direction: Matrix, exact: Matrix) -> tuple[Parents, NDArray[np.float64]]:
    """The better of the two explanations, and of each edge the probability that it points this way."""
    found = [_explained(gram, exact + said, decays) for decays, said in ((False, 0.0), (True, direction))]
    _, tree, probability = max(found, key=lambda one: one[0])
    return tree, probability


def _explained(gram: Matrix, said: Matrix, decays: bool) -> tuple[float, Parents, NDArray[np.float64]]:
    """Log-likelihood of the best tree of one explanation, the tree, and the probability of each of its directions.

    ``said[i, j]`` are the log-odds of the witnesses that i is the parent of j.
    """
    n = len(gram)

    def score(trees: NDArray[np.int64]) -> NDArray[np.float64]:
        told = (said[np.maximum(trees, 0), np.arange(n)] * (trees >= 0)).sum(axis=1)
        together: NDArray[np.float64] = log_likelihoods(gram, trees, decays) + told
        return together

    distance = log_distances(gram, decays)
    lengths = np.log(np.maximum(np.diag(gram), 1e-12))
    rising = VALUES / 2.0 * (lengths[None, :] - lengths[:, None])
    start = root_tree(minimum_spanning_tree(np.minimum(distance, distance.T)), said if decays else rising + said)
    if n > LARGE:
        likelihood = float(log_likelihoods(gram, start.parents[None], decays)[0])
        return likelihood, start.parents, start.probability
    stars = np.where(np.eye(n, dtype=bool), -1, np.arange(n)[:, None])
    apart = np.minimum(distance, distance.T) + 1e9 * np.eye(n)
    near = np.argsort(np.argsort(apart, axis=0), axis=0) < NEAREST
    tree, _ = best_tree(score, [start.parents, stars[np.argmax(score(stars))]], near)
    around = np.concatenate([tree[None], neighbours(tree, near)])
    scores = score(around)
    return float(log_likelihoods(gram, tree[None], decays)[0]), tree, _directions(tree, around, scores)


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
