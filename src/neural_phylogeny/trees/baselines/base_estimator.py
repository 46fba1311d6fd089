"""What all estimators share: ``X``, directions, and scikit-learn's contract; needs the extra ``cluster``."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from neural_phylogeny.errors import MissingExtraError
from neural_phylogeny.trees.baselines.named_clusterings import chosen_alpha, cluster_labels, count_clusters
from neural_phylogeny.trees.baselines.star import stars
from neural_phylogeny.trees.checks import direction_matrix, gram_matrix
from neural_phylogeny.trees.family import Labels
from neural_phylogeny.trees.forest import Matrix

try:
    from sklearn.base import BaseEstimator, ClusterMixin
    from sklearn.utils import check_random_state
    from sklearn.utils.validation import validate_data
except ModuleNotFoundError as error:
    raise MissingExtraError("The estimators", "cluster") from error


class PhylogenyEstimator(ClusterMixin, BaseEstimator):  # type: ignore[misc]
    """Abstract: a Gram matrix and directions from ``X``. Subclasses define how they become a forest."""

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
            With ``labels_`` (cluster of each model, -1 in none), ``parents_`` (-1 for a root) and ``roots_``.

        Raises
        ------
        ValueError
            When a parameter or an array is not what it must be; the message says what it must be.
        """
        X = validate_data(self, X, dtype=np.float64)
        if self.metric not in ("euclidean", "precomputed"):
            raise ValueError(f"metric must be 'euclidean' or 'precomputed', not {self.metric!r}")
        gram = gram_matrix(X) if self.metric == "precomputed" else X @ X.T
        given = self._own_direction(X, gram) if direction is None else direction_matrix(direction, len(gram))
        self.labels_, self.parents_ = self._reconstruct(gram, given)
        self.roots_ = np.flatnonzero(self.parents_ < 0)
        return self

    def _own_direction(self, X: Matrix, gram: Matrix) -> Matrix:
        """Directions where none are given."""
        return direction_by_norm(gram)

    def _reconstruct(self, gram: Matrix, direction: Matrix) -> tuple[Labels, Labels]:
        """``(labels, parents)``, ``(n,)`` each."""
        raise NotImplementedError

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = self.metric == "precomputed"
        return tags


class ClusterEstimator(PhylogenyEstimator):
    """Abstract: stars in the clusters of ``clustering``, by those parameters that a subclass has."""

    clustering: str

    def _reconstruct(self, gram: Matrix, direction: Matrix) -> tuple[Labels, Labels]:
        alpha = getattr(self, "alpha", None)
        width = getattr(self, "bandwidth", getattr(self, "eps", None))
        if alpha is not None and alpha != "stable" and not (isinstance(alpha, int | float) and 0 <= alpha <= 1):
            raise ValueError(f"alpha must be None, 'stable' or a probability, not {alpha!r}")
        if width is not None and not width >= 0:
            raise ValueError(f"bandwidth and eps must be distances not below 0, or None, not {width!r}")
        counted = count_clusters(self.n_clusters, gram) if hasattr(self, "n_clusters") else 1
        if alpha == "stable":
            alpha = chosen_alpha(self.clustering, gram, direction, lambda: counted, width)
        if hasattr(self, "alpha"):
            self.alpha_ = alpha
        seed = int(check_random_state(getattr(self, "random_state", 0)).randint(2**31))
        labels = cluster_labels(self.clustering, gram, direction, lambda: counted, alpha=alpha, width=width, seed=seed)
        return labels, stars(labels, direction)


def direction_by_norm(gram: Matrix) -> Matrix:
    """Positive where i has the smaller norm: the distance to a fake initialisation in closed form, ``(n, n)``."""
    squares = np.diag(gram)
    scale = squares.mean() or 1.0
    difference: Matrix = (squares[None, :] - squares[:, None]) / scale
    return difference


def direction_by_kurtosis(X: Matrix) -> Matrix:
    """Positive where i has the lighter tails, the difference of kurtosis: ``(n, n_features)`` -> ``(n, n)``.

    Constant models have none and count as 0.
    """
    centred = X - X.mean(axis=1, keepdims=True)
    squares = (centred**2).mean(axis=1)
    constant = squares <= np.finfo(np.float64).eps ** 2 * (X**2).mean(axis=1)
    usable = (squares > 0) & ~constant
    relative = centred / np.sqrt(np.where(usable, squares, 1.0))[:, None]
    kurtosis = np.where(usable, (relative**4).mean(axis=1), 0.0)
    difference: Matrix = kurtosis[None, :] - kurtosis[:, None]
    return difference
