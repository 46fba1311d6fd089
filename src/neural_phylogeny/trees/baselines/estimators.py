"""The reconstructions as scikit-learn estimators on arrays; import them from ``trees.baselines``.

``X`` has one row for each model: its weights, or, with ``metric="precomputed"``, the Gram matrix of all models. Where
there is an ``alpha``, None clusters first and takes directions afterwards; a probability clusters along directions,
moving to parents with it; ``"stable"`` chooses the one whose parents are most stable, ``alpha_``. Where there is an
``n_clusters``, it may be a number, ``"silhouette"`` or ``"eigengap"``.
"""

from __future__ import annotations

import numpy as np

from neural_phylogeny.trees.baselines.base_estimator import (
    ClusterEstimator,
    PhylogenyEstimator,
    direction_by_kurtosis,
    direction_by_norm,
)
from neural_phylogeny.trees.baselines.directed import PENALTY, mother, nearest_older
from neural_phylogeny.trees.baselines.distances import distances
from neural_phylogeny.trees.baselines.named_clusterings import cluster_labels, count_clusters
from neural_phylogeny.trees.driver import parents_in_groups
from neural_phylogeny.trees.family import Labels
from neural_phylogeny.trees.forest import Matrix, Parents
from neural_phylogeny.trees.spanning import minimum_spanning_tree, root_tree, roots_of

__all__ = [
    "AgglomerativePhylogeny",
    "DBSCANPhylogeny",
    "HDBSCANPhylogeny",
    "KMeansPhylogeny",
    "MeanShiftPhylogeny",
    "MotherPhylogeny",
    "NearestPhylogeny",
    "SpanningTreePhylogeny",
    "SpectralPhylogeny",
]


class KMeansPhylogeny(ClusterEstimator):
    """KMeans, then in each cluster the model most often the parent becomes the parent of all others.

    The paper's reconstruction. O(n^3) in the number of models, plus the Gram matrix. Breaks for more than two
    generations: a cluster is one star.

    References
    ----------
    R. Yu and X. Wang, *Neural Phylogeny*, ICLR 2025.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[1.0, 0.0], [2.0, 0.1], [0.0, 1.0], [0.1, 3.0]])
    >>> KMeansPhylogeny(n_clusters=2).fit(X).parents_.tolist()
    [-1, 0, -1, 2]
    >>> KMeansPhylogeny(n_clusters=2, alpha=0.5).fit(X).parents_.tolist()
    [-1, 0, -1, 2]
    """

    clustering = "kmeans"

    def __init__(
        self,
        n_clusters: int | str = 2,
        *,
        alpha: float | str | None = None,
        metric: str = "euclidean",
        random_state: int | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.alpha = alpha
        self.metric = metric
        self.random_state = random_state


class MeanShiftPhylogeny(ClusterEstimator):
    """MeanShift, then a star in each cluster by majority; the number of clusters need not be known.

    Without a ``bandwidth`` it is estimated from the distances. O(n^3). References as ``KMeansPhylogeny``; breaks where
    families differ much in width.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[1.0, 0.0], [1.2, 0.1], [0.0, 1.0], [0.1, 1.3]])
    >>> MeanShiftPhylogeny(alpha="stable").fit(X).parents_.tolist()
    [-1, 0, -1, 2]
    """

    clustering = "mean-shift"

    def __init__(
        self,
        *,
        bandwidth: float | None = None,
        alpha: float | str | None = None,
        metric: str = "euclidean",
        random_state: int | None = None,
    ) -> None:
        self.bandwidth = bandwidth
        self.alpha = alpha
        self.metric = metric
        self.random_state = random_state


class AgglomerativePhylogeny(ClusterEstimator):
    """Average linkage, then a star in each cluster; with ``alpha``, linkage to parent estimates.

    O(n^3). Breaks as ``KMeansPhylogeny`` does, whose parameters these are; the variant along directions is our analogue
    of the paper's.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[1.0, 0.0], [2.0, 0.1], [0.0, 1.0], [0.1, 2.0]])
    >>> AgglomerativePhylogeny(2, alpha=1.0).fit(X).parents_.tolist()
    [-1, 0, -1, 2]
    """

    clustering = "agglomerative"

    def __init__(
        self,
        n_clusters: int | str = 2,
        *,
        alpha: float | str | None = None,
        metric: str = "euclidean",
        random_state: int | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.alpha = alpha
        self.metric = metric
        self.random_state = random_state


class DBSCANPhylogeny(ClusterEstimator):
    """DBSCAN, two models making a cluster, then a star in each; ``eps`` is estimated when None.

    A model near no other is a root by itself and has the label -1. O(n^2), the estimate O(n^3). A density has no centre
    that could move to a parent, so there is no ``alpha``.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[1.0, 0.0], [1.2, 0.1], [0.0, 9.0]])
    >>> DBSCANPhylogeny(eps=1.0).fit(X).labels_.tolist()
    [0, 0, -1]
    """

    clustering = "dbscan"

    def __init__(self, *, eps: float | None = None, metric: str = "euclidean") -> None:
        self.eps = eps
        self.metric = metric


class HDBSCANPhylogeny(ClusterEstimator):
    """HDBSCAN, clusters nearer than ``eps`` joined, then a star in each; ``eps`` is estimated when None.

    With ``eps`` 0 it is HDBSCAN alone, which splits loose families. O(n^2), the estimate O(n^3). No ``alpha``, as for
    ``DBSCANPhylogeny``.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[1.0, 0.0], [1.2, 0.1], [0.0, 9.0], [0.0, 9.5]])
    >>> HDBSCANPhylogeny().fit(X).parents_.tolist()
    [-1, 0, -1, 2]
    """

    clustering = "hdbscan"

    def __init__(self, *, eps: float | None = None, metric: str = "euclidean") -> None:
        self.eps = eps
        self.metric = metric


class SpectralPhylogeny(ClusterEstimator):
    """Spectral clustering of locally scaled affinities, then a star in each cluster.

    O(n^3). Its centres lie in the space of eigenvectors, where no model can be one, so there is no ``alpha``.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[1.0, 0.0], [1.2, 0.1], [0.0, 9.0], [0.0, 9.5], [0.1, 9.2]])
    >>> SpectralPhylogeny(random_state=0).fit(X).parents_.tolist()
    [-1, 0, -1, 2, 2]
    """

    clustering = "spectral"

    def __init__(
        self, n_clusters: int | str = 2, *, metric: str = "euclidean", random_state: int | None = None
    ) -> None:
        self.n_clusters = n_clusters
        self.metric = metric
        self.random_state = random_state


class NearestPhylogeny(PhylogenyEstimator):
    """The baseline in which every model's parent is its nearest neighbour that the direction calls older.

    ``distance`` is ``"l2"`` or ``"cosine"``; models with the same root share a label. O(n^2) besides the Gram matrix.
    Assumes that all models are related: the oldest of all is the only root, unless two are equally old.

    Examples
    --------
    >>> import numpy as np
    >>> NearestPhylogeny().fit(np.array([[1.0], [3.0], [2.0]])).parents_.tolist()
    [-1, 2, 0]
    """

    def __init__(self, *, distance: str = "l2", metric: str = "euclidean") -> None:
        self.distance = distance
        self.metric = metric

    def _reconstruct(self, gram: Matrix, direction: Matrix) -> tuple[Labels, Labels]:
        if self.distance not in ("l2", "cosine"):
            raise ValueError(f"distance must be 'l2' or 'cosine', not {self.distance!r}")
        parents = nearest_older(distances(gram) if self.distance == "l2" else _one_less_cosine(gram), direction)
        return np.unique(roots_of(parents), return_inverse=True)[1], parents


class MotherPhylogeny(PhylogenyEstimator):
    """MoTHer: in each cluster of average linkage the least spanning tree of distance plus a penalty on direction.

    Without a ``direction`` it is that of kurtosis where ``X`` holds weights, and of norms where it is a Gram matrix.
    O(n^3) for the clusters. See ``neural_phylogeny.trees.baselines.directed.mother``.

    Examples
    --------
    >>> import numpy as np
    >>> age = np.array([2.0, 0.0, 1.0])
    >>> X = np.array([[1.0], [3.0], [2.0]])
    >>> MotherPhylogeny().fit(X, direction=age[:, None] - age).parents_.tolist()
    [-1, 2, 0]
    """

    def __init__(self, n_clusters: int | str = 1, *, penalty: float = PENALTY, metric: str = "euclidean") -> None:
        self.n_clusters = n_clusters
        self.penalty = penalty
        self.metric = metric

    def _own_direction(self, X: Matrix, gram: Matrix) -> Matrix:
        return direction_by_norm(gram) if self.metric == "precomputed" else direction_by_kurtosis(X)

    def _reconstruct(self, gram: Matrix, direction: Matrix) -> tuple[Labels, Labels]:
        if not self.penalty >= 0:
            raise ValueError(f"penalty must be a number not below 0, not {self.penalty!r}")
        number = count_clusters(self.n_clusters, gram)
        labels = cluster_labels("agglomerative", gram, direction, lambda: number, alpha=0.0)
        distance = distances(gram)

        def tree(members: Labels) -> Parents:
            at = np.ix_(members, members)
            return mother(distance[at], direction[at], self.penalty)

        return labels, parents_in_groups(labels, tree)


class SpanningTreePhylogeny(PhylogenyEstimator):
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

    def _reconstruct(self, gram: Matrix, direction: Matrix) -> tuple[Labels, Labels]:
        tree = minimum_spanning_tree(_one_less_cosine(gram))
        return np.zeros(len(gram), dtype=np.int64), root_tree(tree, direction).parents


def _one_less_cosine(gram: Matrix) -> Matrix:
    norms = np.sqrt(np.maximum(np.diag(gram), np.finfo(float).tiny))
    found: Matrix = 1.0 - gram / np.outer(norms, norms)
    return found
