"""The reconstructions as scikit-learn estimators on arrays; needs the extra ``cluster``.

``X`` holds a model a row: its weights, or, with ``metric="precomputed"``, the Gram matrix of all models.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.errors import MissingExtraError
from neural_phylogeny.trees.clustering import kmeans_labels, mean_shift_labels
from neural_phylogeny.trees.spanning import minimum_spanning_tree, root_tree
from neural_phylogeny.trees.star import stars

try:
    from sklearn.base import BaseEstimator, ClusterMixin
    from sklearn.utils.validation import validate_data
except ModuleNotFoundError as error:
    raise MissingExtraError("The estimators", "cluster") from error

Matrix = NDArray[np.float64]


class _Phylogeny(ClusterMixin, BaseEstimator):  # type: ignore[misc]
    """What all estimators share: a Gram matrix and directions from ``X``."""

    metric: str

    def fit(self, X: Any, y: Any = None, direction: Matrix | None = None) -> Self:
        """Reconstruct a forest.

        Parameters
        ----------
        X : (n_models, n_features) or, when precomputed, (n_models, n_models)
            Weights, or their Gram matrix.
        y : ignored
        direction : (n_models, n_models), optional
            Log-odds that i is the parent of j; by default from the paper's distance to a fake initialisation in
            closed form, the difference of squared norms over their mean.

        Returns
        -------
        self
            With ``labels_`` (cluster of each model), ``parents_`` (-1 for a root) and ``roots_``.
        """
        X = validate_data(self, X, dtype=np.float64)
        if self.metric not in ("euclidean", "precomputed"):
            raise ValueError(f"metric must be 'euclidean' or 'precomputed', not {self.metric!r}")
        if self.metric == "precomputed" and X.shape[0] != X.shape[1]:
            raise ValueError(f"a precomputed Gram matrix must be square, not {X.shape}")
        gram = X if self.metric == "precomputed" else X @ X.T
        given = direction_by_norm(gram) if direction is None else np.asarray(direction, dtype=np.float64)
        if given.shape != gram.shape:
            raise ValueError(f"direction must have the shape {gram.shape} of all pairs of models, not {given.shape}")
        self.labels_, self.parents_ = self._reconstruct(gram, given)
        self.roots_ = np.flatnonzero(self.parents_ < 0)
        return self

    def _reconstruct(self, gram: Matrix, direction: Matrix) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        raise NotImplementedError

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = self.metric == "precomputed"
        return tags


class KMeansPhylogeny(_Phylogeny):
    """KMeans, then in each cluster the model most often the parent becomes the parent of all others.

    The paper's reconstruction after clustering. O(n^3) in the number of models, plus the Gram matrix. Breaks for
    more than two generations: a cluster is one star.

    References
    ----------
    R. Yu and X. Wang, *Neural Phylogeny*, ICLR 2025.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[1.0, 0.0], [2.0, 0.1], [0.0, 1.0], [0.1, 3.0]])
    >>> KMeansPhylogeny(n_clusters=2).fit(X).parents_.tolist()
    [-1, 0, -1, 2]
    """

    def __init__(self, n_clusters: int = 2, *, metric: str = "euclidean", random_state: int | None = None) -> None:
        self.n_clusters = n_clusters
        self.metric = metric
        self.random_state = random_state

    def _reconstruct(self, gram: Matrix, direction: Matrix) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        labels = kmeans_labels(gram, self.n_clusters, self.random_state or 0)
        return labels, stars(labels, direction)


class MeanShiftPhylogeny(_Phylogeny):
    """MeanShift, then a star in each cluster by votes; the number of clusters need not be known.

    Without a ``bandwidth`` it is estimated from the distances. O(n^3). References as ``KMeansPhylogeny``.
    """

    def __init__(self, *, bandwidth: float | None = None, metric: str = "euclidean") -> None:
        self.bandwidth = bandwidth
        self.metric = metric

    def _reconstruct(self, gram: Matrix, direction: Matrix) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        labels = mean_shift_labels(gram, self.bandwidth)
        return labels, stars(labels, direction)


class SpanningTreePhylogeny(_Phylogeny):
    """One tree over all models: the spanning tree of largest cosines, rooted where the directions agree best.

    O(n^2) besides the Gram matrix. Assumes that all models are related; split families first.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> first = rng.normal(size=500)
    >>> second = first + rng.normal(size=500)
    >>> third = second + rng.normal(size=500)
    >>> SpanningTreePhylogeny().fit(np.stack([third, first, second])).parents_.tolist()
    [2, -1, 1]
    """

    def __init__(self, *, metric: str = "euclidean") -> None:
        self.metric = metric

    def _reconstruct(self, gram: Matrix, direction: Matrix) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        norms = np.sqrt(np.maximum(np.diag(gram), np.finfo(float).tiny))
        tree = minimum_spanning_tree(1.0 - gram / np.outer(norms, norms))
        return np.zeros(len(gram), dtype=np.int64), root_tree(tree, direction).parents


def direction_by_norm(gram: Matrix) -> Matrix:
    """Positive where i has the smaller norm: the distance to a fake initialisation in closed form, ``(n, n)``."""
    squares = np.diag(gram)
    scale = squares.mean() or 1.0
    difference: Matrix = (squares[None, :] - squares[:, None]) / scale
    return difference
