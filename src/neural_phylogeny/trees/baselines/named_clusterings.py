"""Clusterings by name, before or along directions, and how their parameters are chosen."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from neural_phylogeny.trees.baselines.along import agglomerative_along, kmeans_along, mean_shift_along, stable_alpha
from neural_phylogeny.trees.baselines.distances import (
    distances,
    n_clusters_by_eigengap,
    n_clusters_by_silhouette,
    scale,
)
from neural_phylogeny.trees.baselines.star import stars
from neural_phylogeny.trees.family import Labels
from neural_phylogeny.trees.forest import Matrix, Parents


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
        The number of clusters; called by the clusterings that need one.
    alpha : float, optional
        Probability of moving to parents, for KMeans, MeanShift and agglomerative clustering.
    width : float, optional
        Bandwidth or eps; by default from the distances.
    seed : int
        Of starts and draws.

    Raises
    ------
    ValueError
        When there is no clustering of this name, or none along directions.
    MissingExtraError
        When it needs scikit-learn, which is not installed.
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
    """A number of clusters, from 1 to the number of models: as given, or by ``silhouette`` or ``eigengap``."""
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
    """The alpha whose parents are most stable, see ``stable_alpha``; the number of clusters is that of all models."""
    number = n_clusters() if name != "mean-shift" else 1

    def parents(models: Labels, alpha: float, seed: int) -> Parents:
        at = np.ix_(models, models)
        n = min(number, len(models))
        return stars(
            cluster_labels(name, gram[at], direction[at], lambda: n, alpha=alpha, width=width, seed=seed), direction[at]
        )

    return stable_alpha(parents, len(gram))
