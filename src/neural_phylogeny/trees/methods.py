"""The methods: from the evidence on all pairs to a forest. A table, so that adding one is adding a row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.trees.spanning import Parents, minimum_spanning_tree, root_tree
from neural_phylogeny.trees.star import stars

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Problem:
    """What a method may look at: a family, or the whole collection, as arrays over its models.

    Attributes
    ----------
    families : (n,)
        Label of the family of each model, from the existence test.
    cosine : (n, n)
        Cosine of the compared matrices; NaN where none are.
    gram : (n, n)
        Inner products of the compared matrices.
    direction : (n, n)
        Log-odds that i is the parent of j.
    distance_votes : (n, n)
        Votes of the paper's distance to a fake initialisation alone, in [-1, 1].
    drawn_votes : callable
        The same votes over draws of the fake initialisation instead of in closed form; computed when called.
    seed : int
        For methods that draw.
    """

    families: NDArray[np.int64]
    cosine: Matrix
    gram: Matrix
    direction: Matrix
    distance_votes: Matrix
    drawn_votes: Callable[[], Matrix]
    seed: int


@dataclass(frozen=True)
class Forest:
    """A method's answer: parents ``(n,)``, and the probability of each model's edge pointing this way ``(n,)``."""

    parents: Parents
    probability: NDArray[np.float64]


@dataclass(frozen=True)
class Method:
    """A row of the table that ``nphylo methods`` prints."""

    name: str
    summary: str
    reference: str
    cost: str
    solve: Callable[[Problem], Forest]
    extra: str | None = None


def spanning_tree(problem: Problem) -> Forest:
    """In each family the spanning tree of largest cosines, rooted where the directions of its edges agree best."""
    parents = np.full(len(problem.families), -1, dtype=np.int64)
    probability = np.ones(len(problem.families))
    dissimilarity = np.where(np.isfinite(problem.cosine), 1.0 - problem.cosine, 2.0)
    for family in np.unique(problem.families):
        members = np.flatnonzero(problem.families == family)
        at = np.ix_(members, members)
        rooted = root_tree(minimum_spanning_tree(dissimilarity[at]), problem.direction[at])
        children = rooted.parents >= 0
        parents[members[children]] = members[rooted.parents[children]]
        probability[members] = rooted.probability
    return Forest(parents, probability)


def star(problem: Problem) -> Forest:
    """In each family one parent by votes of the distance to a fake initialisation."""
    return _star_forest(problem.families, problem)


def star_sampled(problem: Problem) -> Forest:
    """The same, the votes being over draws of the fake initialisation too."""
    return _star_forest(problem.families, replace(problem, distance_votes=problem.drawn_votes()))


def kmeans(problem: Problem) -> Forest:
    """KMeans with as many clusters as there are families, then a star in each."""
    from neural_phylogeny.trees.clustering import kmeans_labels

    n_clusters = len(np.unique(problem.families))
    return _star_forest(kmeans_labels(problem.gram, n_clusters, problem.seed), problem)


def mean_shift(problem: Problem) -> Forest:
    """MeanShift, then a star in each cluster."""
    from neural_phylogeny.trees.clustering import mean_shift_labels

    return _star_forest(mean_shift_labels(problem.gram), problem)


def _star_forest(labels: NDArray[np.int64], problem: Problem) -> Forest:
    """Stars in each cluster, but never between models that the existence test calls unrelated."""
    _, clusters = np.unique(np.stack([labels, problem.families]), axis=1, return_inverse=True)
    parents = stars(clusters.astype(np.int64), problem.distance_votes)
    probability = np.ones(len(parents))
    children = np.flatnonzero(parents >= 0)
    probability[children] = 1.0 / (1.0 + np.exp(-problem.direction[parents[children], children]))
    return Forest(parents, probability)


METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        Method(
            "auto",
            "the best of what is here: today the spanning tree",
            "this package",
            "O(n^2) after the pass",
            spanning_tree,
        ),
        Method(
            "spanning-tree",
            "spanning tree on 1 - cosine in each family, rooted by the votes of all direction witnesses",
            "kruskal/prim trees on weights after Horwitz et al., MoTHer (arXiv:2405.18432)",
            "O(n^2) after the pass",
            spanning_tree,
        ),
        Method(
            "star",
            "one parent per family by votes on the distance to a fake initialisation",
            "Yu and Wang, Neural Phylogeny (ICLR 2025), with the existence test as clustering",
            "O(n^2) after the pass",
            star,
        ),
        Method(
            "star-sampled",
            "the same, with votes over draws of a Gaussian fake initialisation instead of its closed form",
            "Yu and Wang, Neural Phylogeny (ICLR 2025), as printed",
            "O(n^3) a matrix after the pass",
            star_sampled,
        ),
        Method(
            "kmeans",
            "KMeans, then one parent per cluster by votes on the distance to a fake initialisation",
            "Yu and Wang, Neural Phylogeny (ICLR 2025)",
            "O(n^3) after the pass",
            kmeans,
            extra="cluster",
        ),
        Method(
            "mean-shift",
            "MeanShift, then one parent per cluster by votes on the distance to a fake initialisation",
            "Yu and Wang, Neural Phylogeny (ICLR 2025)",
            "O(n^3) after the pass",
            mean_shift,
            extra="cluster",
        ),
    )
}
"""All methods by name."""
