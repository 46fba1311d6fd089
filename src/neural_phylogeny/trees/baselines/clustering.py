"""Clusterings on a Gram matrix: the cost no longer depends on the number of parameters.

A label of -1 is a model in no cluster. Needs scikit-learn, the extra ``cluster``.
"""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.errors import MissingExtraError
from neural_phylogeny.graphs import components
from neural_phylogeny.trees.baselines.distances import affinities, distances, scale
from neural_phylogeny.trees.family import Labels
from neural_phylogeny.trees.forest import Matrix

try:
    from sklearn.cluster import DBSCAN, HDBSCAN, AgglomerativeClustering, KMeans, MeanShift, SpectralClustering
    from sklearn.exceptions import ConvergenceWarning
except ModuleNotFoundError as error:
    raise MissingExtraError("Clustering by scikit-learn", "cluster") from error


def coordinates(gram: Matrix) -> Matrix:
    """Points whose Euclidean distances are those of the models: Gram ``(n, n)`` -> ``(n, rank)``.

    Exact up to rounding (classical scaling); O(n^3).
    """
    centred = gram - gram.mean(axis=0) - gram.mean(axis=1)[:, None] + gram.mean()
    values, vectors = np.linalg.eigh(centred)
    kept = values > values[-1] * 1e-12
    points: Matrix = vectors[:, kept] * np.sqrt(values[kept])
    return points if points.shape[1] else np.zeros((len(gram), 1))


def kmeans_labels(gram: Matrix, n_clusters: int, seed: int = 0) -> Labels:
    """Clusters by scikit-learn's KMeans, ten starts. O(n^3) for the coordinates."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer distinct models than clusters is allowed
        found = KMeans(n_clusters, n_init=10, random_state=seed).fit(coordinates(gram))
    return _labels(found.labels_)


def mean_shift_labels(gram: Matrix, bandwidth: float | None = None) -> Labels:
    """Clusters by scikit-learn's MeanShift; without a bandwidth it is the scale of the distances. O(n^3)."""
    width = scale(distances(gram)) if bandwidth is None else bandwidth
    if not width > 0:
        return np.zeros(len(gram), dtype=np.int64)
    return _labels(MeanShift(bandwidth=width).fit(coordinates(gram)).labels_)


def agglomerative_labels(gram: Matrix, n_clusters: int) -> Labels:
    """Clusters by scikit-learn's average linkage of the distances. O(n^2 log n)."""
    if len(gram) < 2:
        return np.zeros(len(gram), dtype=np.int64)
    found = AgglomerativeClustering(n_clusters, metric="precomputed", linkage="average").fit(distances(gram))
    return _labels(found.labels_)


def dbscan_labels(gram: Matrix, eps: float | None = None, min_samples: int = 2) -> Labels:
    """Clusters by scikit-learn's DBSCAN; without ``eps`` it is the scale of the distances. O(n^2), the scale O(n^3).

    A density has no centre that could move to a parent: there is no variant along directions.
    """
    distance = distances(gram)
    radius = scale(distance) if eps is None else eps
    if not radius > 0:
        return np.zeros(len(gram), dtype=np.int64)
    return _labels(DBSCAN(eps=radius, min_samples=min_samples, metric="precomputed").fit(distance).labels_)


def hdbscan_labels(gram: Matrix, min_cluster_size: int = 2, eps: float | None = None) -> Labels:
    """Clusters by scikit-learn's HDBSCAN, those nearer than ``eps`` joined; by default the scale of the distances.

    O(n^2), the scale O(n^3). With ``eps`` 0 it is HDBSCAN alone, which splits loose families and calls up to half of a
    lone family noise. No variant along directions, as for DBSCAN.
    """
    distance = distances(gram)
    radius = scale(distance) if eps is None else eps
    if len(gram) < 2 or not distance.any():
        return np.zeros(len(gram), dtype=np.int64)
    smallest = min(min_cluster_size, len(gram))
    found = HDBSCAN(
        min_cluster_size=smallest, min_samples=1, allow_single_cluster=True, metric="precomputed", copy=True
    )
    labels = _labels(found.fit(distance).labels_)
    if not radius > 0:
        return labels
    # by hand: HDBSCAN's own cluster_selection_epsilon raises a TypeError with NumPy 2.4
    joined = components(((labels[:, None] == labels) & (labels >= 0)) | (distance <= radius))
    alone = (labels < 0) & (np.bincount(joined)[joined] == 1)
    return np.where(alone, -1, joined)


def spectral_labels(gram: Matrix, n_clusters: int, seed: int = 0) -> Labels:
    """Clusters by scikit-learn's spectral clustering of locally scaled affinities. O(n^3).

    Its centres lie in the space of eigenvectors, where no model can be one: there is no variant along directions.
    """
    if n_clusters <= 1 or len(gram) <= n_clusters:
        return np.zeros(len(gram), dtype=np.int64) if n_clusters <= 1 else np.arange(len(gram))
    found = SpectralClustering(n_clusters, affinity="precomputed", random_state=seed)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Graph is not fully connected", UserWarning)  # families far apart are the aim
        return _labels(found.fit(np.maximum(affinities(distances(gram)), 1e-12)).labels_)


def _labels(found: NDArray[np.int32]) -> Labels:
    return found.astype(np.int64)
