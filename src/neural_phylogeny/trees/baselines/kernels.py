"""What the methods of the table do: from a ``Problem`` and a row's options to a ``Forest``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.relations.direction import RELIABILITY
from neural_phylogeny.relations.fake_init import FakeInitialisation
from neural_phylogeny.trees.baselines.along import agglomerative_along, kmeans_along, mean_shift_along, stable_alpha
from neural_phylogeny.trees.baselines.directed import PENALTY, mother, nearest_older
from neural_phylogeny.trees.baselines.distances import (
    distances,
    n_clusters_by_eigengap,
    n_clusters_by_silhouette,
    scale,
)
from neural_phylogeny.trees.baselines.star import parent_by_total, parent_by_votes, stars
from neural_phylogeny.trees.forest import Forest
from neural_phylogeny.trees.problem import Problem
from neural_phylogeny.trees.spanning import Parents, minimum_spanning_tree, root_tree

Matrix = NDArray[np.float64]
Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Options:
    """The parameters of a row; a kernel looks at those it knows.

    Attributes
    ----------
    clustering : str
        ``existence`` (the families as they are), ``kmeans``, ``mean-shift``, ``agglomerative``, ``dbscan``,
        ``hdbscan`` or ``spectral``.
    alpha : float or "stable", optional
        Clustering along directions with this probability of moving to parents, or with the one whose parents are the
        most stable; without it directions come after clustering.
    n_clusters : int or str
        A number, ``existence`` (as many as families), ``silhouette`` or ``eigengap``.
    metric : FakeInitialisation
        The direction metric of stars. Where ``summed``, the parent is the model of least distance, not of most votes.
    decides_families : bool
        Whether clusters become families, as in the paper; otherwise the existence test splits them further.
    distance : str
        ``l2`` or ``cosine``, for the nearest neighbour.
    penalty : float
        Of MoTHer.
    """

    clustering: str = "existence"
    alpha: float | str | None = None
    n_clusters: int | str = "existence"
    metric: FakeInitialisation = field(default_factory=FakeInitialisation)
    decides_families: bool = False
    distance: str = "l2"
    penalty: float = PENALTY


def spanning_tree(problem: Problem, options: Options) -> Forest:
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
        probability[members] = rooted.p_direction
    return Forest(parents=parents, p_direction=probability)


def star_in_clusters(problem: Problem, options: Options) -> Forest:
    """One parent per cluster by the distance to a fake initialisation.

    Unless clusters decide, there is no edge between models that the existence test calls unrelated. An edge is as
    probable as the votes of its whole cluster for the parent, for nothing else is asked.
    """
    metric = problem.nearer(options.metric)
    labels = _clusters(problem, options, metric)
    if not options.decides_families:
        labels = _split(labels, problem.families)
    parents = stars(labels, metric, parent_by_total if options.metric.summed else parent_by_votes)
    children = np.flatnonzero(parents >= 0)
    together = (labels[:, None] == labels) & ~np.eye(len(labels), dtype=bool)
    share = (np.sign(metric) * together).sum(axis=1) / np.maximum(together.sum(axis=1), 1)
    odds = np.log(RELIABILITY / (1.0 - RELIABILITY)) * share[parents[children]]
    probability = np.ones(len(parents))
    probability[children] = 1.0 / (1.0 + np.exp(-odds))
    return Forest(parents=parents, p_direction=probability, families=labels if options.decides_families else None)


def nearest(problem: Problem, options: Options) -> Forest:
    """In each family every model's parent is its nearest neighbour that the witnesses together call older."""
    distance = problem.distance if options.distance == "l2" else 1.0 - problem.cosine
    parents = _in_families(problem, lambda at: nearest_older(distance[at], problem.direction[at]))
    children = np.flatnonzero(parents >= 0)
    probability = np.ones(len(parents))
    probability[children] = 1.0 / (1.0 + np.exp(-problem.direction[parents[children], children]))
    return Forest(parents=parents, p_direction=probability)


def mother_trees(problem: Problem, options: Options) -> Forest:
    """In each family MoTHer's tree; it gives no confidences, so each edge gets that of a single witness."""
    parents = _in_families(problem, lambda at: mother(problem.distance[at], problem.lighter_tails[at], options.penalty))
    return Forest(parents=parents, p_direction=np.where(parents >= 0, RELIABILITY, 1.0))


def cluster_labels(
    name: str,
    gram: Matrix,
    direction: Matrix,
    n_clusters: Callable[[], int],
    *,
    alpha: float | None = None,
    width: float | None = None,
    seed: int = 0,
) -> Labels:
    """Labels by a clustering's name, after (``alpha`` None) or along directions; -1 for a model in no cluster.

    Parameters
    ----------
    name : str
        As in ``Options.clustering``, without ``existence``.
    gram, direction : (n, n)
        Inner products; positive where i looks like the parent of j.
    n_clusters : callable
        Asked by the clusterings that need a number.
    alpha : float, optional
        Probability of moving to parents, for KMeans, MeanShift and agglomerative clustering.
    width : float, optional
        Bandwidth or eps; by default from the distances.
    seed : int
        Of starts and draws.

    Raises
    ------
    ValueError
        When there is no such clustering, or none along directions.
    MissingExtraError
        When it is scikit-learn's and that is not installed.
    """
    if alpha is not None:
        if name == "kmeans":
            return kmeans_along(gram, direction, n_clusters(), alpha, seed=seed)
        if name == "mean-shift":
            bandwidth = scale(distances(gram)) if width is None else width
            return mean_shift_along(gram, direction, bandwidth, alpha, seed=seed)
        if name == "agglomerative":
            return agglomerative_along(gram, direction, n_clusters(), alpha, seed=seed)
        raise ValueError(f"no clustering along directions is called {name!r}: kmeans, mean-shift and agglomerative are")
    from neural_phylogeny.trees.baselines.clustering import (
        agglomerative_labels,
        dbscan_labels,
        hdbscan_labels,
        kmeans_labels,
        mean_shift_labels,
        spectral_labels,
    )

    after: dict[str, Callable[[], Labels]] = {
        "kmeans": lambda: kmeans_labels(gram, n_clusters(), seed),
        "mean-shift": lambda: mean_shift_labels(gram, width),
        "agglomerative": lambda: agglomerative_labels(gram, n_clusters()),
        "dbscan": lambda: dbscan_labels(gram, width),
        "hdbscan": lambda: hdbscan_labels(gram, eps=width),
        "spectral": lambda: spectral_labels(gram, n_clusters(), seed),
    }
    if name not in after:
        raise ValueError(f"no clustering is called {name!r}: choose from {', '.join(after)}")
    return after[name]()


def count_clusters(how: int | str, gram: Matrix) -> int:
    """A number of clusters, at most one a model: given, or by ``silhouette`` or ``eigengap``."""
    if isinstance(how, str):
        ways = {"silhouette": n_clusters_by_silhouette, "eigengap": n_clusters_by_eigengap}
        if how not in ways:
            raise ValueError(f"n_clusters must be a number, 'silhouette' or 'eigengap', not {how!r}")
        return ways[how](distances(gram))
    if not 1 <= how <= len(gram):
        raise ValueError(f"n_clusters must be from 1 to the number of models, n_samples={len(gram)}, not {how}")
    return int(how)


def chosen_alpha(
    name: str, gram: Matrix, direction: Matrix, n_clusters: Callable[[], int], width: float | None = None
) -> float:
    """The alpha of most stable parents, see ``stable_alpha``; the number of clusters stays that of all models."""
    number = n_clusters() if name != "mean-shift" else 1

    def parents(models: NDArray[np.int64], alpha: float, seed: int) -> Parents:
        at = np.ix_(models, models)
        n = min(number, len(models))
        return stars(
            cluster_labels(name, gram[at], direction[at], lambda: n, alpha=alpha, width=width, seed=seed), direction[at]
        )

    return stable_alpha(parents, len(gram))


def _clusters(problem: Problem, options: Options, metric: Matrix) -> Labels:
    """A row's clusters, a model in no cluster in one of its own."""
    if options.clustering == "existence":
        return problem.families

    def number() -> int:
        if options.n_clusters == "existence":
            return len(np.unique(problem.families))
        return count_clusters(options.n_clusters, problem.gram)

    width = scale(distances(problem.gram)) if options.clustering in ("mean-shift", "dbscan", "hdbscan") else None
    alpha = options.alpha
    if isinstance(alpha, str):
        alpha = chosen_alpha(options.clustering, problem.gram, metric, number, width)
    labels = cluster_labels(
        options.clustering, problem.gram, metric, number, alpha=alpha, width=width, seed=problem.seed
    )
    return np.where(labels < 0, len(labels) + np.arange(len(labels)), labels)


def _split(labels: Labels, families: Labels) -> Labels:
    """Clusters cut along the borders of families."""
    _, found = np.unique(np.stack([labels, families]), axis=1, return_inverse=True)
    return found.astype(np.int64)


def _in_families(problem: Problem, solve: Callable[[tuple[NDArray[np.int64], ...]], Parents]) -> Parents:
    """Parents found in each family by itself; ``solve`` is given the index of its pairs."""
    parents = np.full(len(problem.families), -1, dtype=np.int64)
    for family in np.unique(problem.families):
        members = np.flatnonzero(problem.families == family)
        found = solve(np.ix_(members, members))
        parents[members] = np.where(found >= 0, members[found], -1)
    return parents
