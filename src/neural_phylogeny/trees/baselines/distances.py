"""Distances from Gram matrices; the number of clusters and their scale without labels."""

from __future__ import annotations

import numpy as np

from neural_phylogeny.trees.family import Labels
from neural_phylogeny.trees.forest import Matrix, Parents
from neural_phylogeny.trees.spanning import minimum_spanning_tree, roots_of

STRUCTURE = 0.25
"""Mean silhouette below which a partition is no better than a single cluster: "no substantial structure has been
found" in Kaufman and Rousseeuw, Finding Groups in Data, 1990."""

ROUNDING = 1e-7
"""Distances below this share of the largest norm are rounding: the models are equal."""

NEIGHBOUR = 3
"""Rank of the nearest neighbour whose distance is the local scale of affinities: families are small."""


def distances(gram: Matrix) -> Matrix:
    """Euclidean distances of all pairs: Gram ``(n, n)`` -> ``(n, n)``, symmetric, zero on the diagonal. O(n^2)."""
    squares = np.diag(gram)
    squared = np.maximum(squares[:, None] + squares - gram - gram.T, 0.0)
    found: Matrix = np.sqrt(squared)
    found[found < ROUNDING * np.sqrt(squares.max(initial=0.0))] = 0.0
    np.fill_diagonal(found, 0.0)
    return found


def affinities(distance: Matrix) -> Matrix:
    """Gaussian affinities with a scale of each point's own: ``(n, n)``, in [0, 1], one on the diagonal.

    The scale is the distance to the third nearest neighbour (Zelnik-Manor and Perona, NIPS 2004, take the seventh);
    it breaks for families of fewer than four.
    """
    if len(distance) < 2:
        return np.ones_like(distance)
    own = np.sort(distance, axis=1)[:, min(NEIGHBOUR, len(distance) - 1)]
    scale = np.outer(own, own)
    ratio = np.divide(distance**2, scale, out=np.where(distance > 0, np.inf, 0.0), where=scale > 0)
    return np.exp(-ratio)


def silhouette(distance: Matrix, labels: Labels) -> float:
    """Mean silhouette of a partition into at least two clusters, in [-1, 1]; a model by itself counts 0. O(n^2 k).

    Source: Rousseeuw, J. Comput. Appl. Math. 20, 1987.
    """
    kinds, index = np.unique(labels, return_inverse=True)
    if len(kinds) < 2:
        return 0.0
    members = np.eye(len(kinds))[index]
    sizes, rows = members.sum(axis=0), np.arange(len(labels))
    sums = distance @ members
    own = sums[rows, index] / np.maximum(sizes[index] - 1, 1)
    means = sums / sizes
    means[rows, index] = np.inf
    other = means.min(axis=1)
    widest = np.maximum(own, other)
    values = np.divide(other - own, widest, out=np.zeros_like(own), where=(widest > 0) & (sizes[index] > 1))
    return float(values.mean())


def n_clusters_by_silhouette(distance: Matrix) -> int:
    """How many clusters of average linkage have the largest mean silhouette; 1 where none reaches ``STRUCTURE``.

    O(n^3). Assumes clusters of like spread: a loose family next to tight ones is split or swallowed.
    """
    from neural_phylogeny.trees.baselines.agglomerative import average_merges, cut

    merges = average_merges(distance)
    return _best_cut(distance, [cut(merges, k) for k in range(2, len(distance))])[0]


def n_clusters_by_eigengap(distance: Matrix) -> int:
    """How many eigenvalues of the normalised Laplacian lie before the widest gap, at most half of the models.

    O(n^3). Source: von Luxburg, Statistics and Computing 17, 2007; affinities as in ``affinities``.
    """
    n = len(distance)
    if n < 3:
        return 1
    weights = affinities(distance)
    root = 1.0 / np.sqrt(weights.sum(axis=1))
    values = np.linalg.eigvalsh(np.eye(n) - root[:, None] * weights * root)
    return int(np.argmax(np.diff(values[: n // 2 + 1]))) + 1


def scale(distance: Matrix) -> float:
    """A radius inside which models are one cluster, from the distances alone; 0 where all models are equal.

    Halfway between the longest edge of the minimum spanning tree that is kept and the shortest that is cut, where the
    cut is the one of largest silhouette; a hair above the largest distance where there is a single cluster, so that
    rounding does not split it. O(n^3). Assumes that families are farther apart than the widest step within one.
    Unrelated models alone look like one loose cluster: only the relatedness test separates the two.
    """
    tree = minimum_spanning_tree(distance)
    children = np.flatnonzero(tree >= 0)
    lengths = distance[children, tree[children]]
    descending = children[np.argsort(-lengths, kind="stable")]
    cuts = [_components_without(tree, descending[:k]) for k in range(1, len(descending))]
    n_clusters, _ = _best_cut(distance, cuts)
    if n_clusters == 1:
        return float(distance.max(initial=0.0)) * (1.0 + 1e-6)
    ordered = np.sort(lengths)[::-1]
    return float(ordered[n_clusters - 2] + ordered[n_clusters - 1]) / 2.0


def _best_cut(distance: Matrix, cuts: list[Labels]) -> tuple[int, float]:
    """(number of clusters, silhouette) of the best of the partitions into 2, 3, ... clusters."""
    values = [silhouette(distance, labels) for labels in cuts]
    if not values or max(values) < STRUCTURE:
        return 1, 0.0
    best = int(np.argmax(values))
    return best + 2, values[best]


def _components_without(tree: Parents, removed: Labels) -> Labels:
    """Labels of the parts of a tree without the edges above some of its nodes."""
    forest = tree.copy()
    forest[removed] = -1
    return roots_of(forest)
