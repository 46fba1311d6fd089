"""KMeans and MeanShift on a Gram matrix: the cost no longer depends on the number of parameters.

The only module besides ``estimators`` that needs scikit-learn, the extra ``cluster``.
"""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.errors import MissingExtraError

try:
    from sklearn.cluster import KMeans, MeanShift, estimate_bandwidth
    from sklearn.exceptions import ConvergenceWarning
except ModuleNotFoundError as error:
    raise MissingExtraError("The KMeans and MeanShift methods", "cluster") from error

Matrix = NDArray[np.float64]


def coordinates(gram: Matrix) -> Matrix:
    """Points whose Euclidean distances are those of the models: Gram ``(n, n)`` -> ``(n, rank)``.

    Exact up to rounding (classical scaling); O(n^3).
    """
    centred = gram - gram.mean(axis=0) - gram.mean(axis=1)[:, None] + gram.mean()
    values, vectors = np.linalg.eigh(centred)
    kept = values > values[-1] * 1e-12
    points: Matrix = vectors[:, kept] * np.sqrt(values[kept])
    return points if points.shape[1] else np.zeros((len(gram), 1))


def kmeans_labels(gram: Matrix, n_clusters: int, seed: int = 0) -> NDArray[np.int64]:
    """Clusters by scikit-learn's KMeans, ten starts."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer distinct models than clusters: no harm
        found = KMeans(n_clusters, n_init=10, random_state=seed).fit(coordinates(gram))
    labels: NDArray[np.int64] = found.labels_.astype(np.int64)
    return labels


def mean_shift_labels(gram: Matrix, bandwidth: float | None = None) -> NDArray[np.int64]:
    """Clusters by scikit-learn's MeanShift; without a bandwidth, the mean distance to the nearest third."""
    points = coordinates(gram)
    width = estimate_bandwidth(points, quantile=0.3) if bandwidth is None else bandwidth
    if not width > 0:
        return np.zeros(len(points), dtype=np.int64)
    labels: NDArray[np.int64] = MeanShift(bandwidth=width).fit(points).labels_.astype(np.int64)
    return labels
