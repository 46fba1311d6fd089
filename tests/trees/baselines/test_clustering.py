import numpy as np
import pytest

pytest.importorskip("sklearn")
from scipy.spatial.distance import pdist, squareform

from neural_phylogeny.trees.baselines.clustering import (
    agglomerative_labels,
    coordinates,
    dbscan_labels,
    hdbscan_labels,
    kmeans_labels,
    mean_shift_labels,
    spectral_labels,
)

CLUSTERINGS = {
    "kmeans": lambda gram: kmeans_labels(gram, 3),
    "mean-shift": mean_shift_labels,
    "agglomerative": lambda gram: agglomerative_labels(gram, 3),
    "dbscan": dbscan_labels,
    "hdbscan": hdbscan_labels,
    "spectral": lambda gram: spectral_labels(gram, 3),
}


def blobs(rng):
    centres = rng.normal(size=(3, 200)) * 10
    return np.repeat(centres, 4, axis=0) + rng.normal(size=(12, 200))


def test_coordinates_keep_all_distances(rng):
    X = rng.normal(size=(6, 50))
    found = squareform(pdist(coordinates(X @ X.T)))
    np.testing.assert_allclose(found, squareform(pdist(X)), atol=1e-9)


@pytest.mark.parametrize("name", CLUSTERINGS)
def test_planted_blobs_are_found(name, rng):
    X = blobs(rng)
    labels = CLUSTERINGS[name](X @ X.T)
    assert len({tuple(labels[k : k + 4]) for k in (0, 4, 8)}) == 3
    assert all(len(set(labels[k : k + 4])) == 1 for k in (0, 4, 8))


@pytest.mark.parametrize("name", ["mean-shift", "dbscan", "hdbscan"])
@pytest.mark.parametrize("n", [1, 2, 4])
def test_equal_models_are_one_cluster(name, n):
    assert CLUSTERINGS[name](np.ones((n, n))).tolist() == [0] * n


@pytest.mark.parametrize("name", ["mean-shift", "dbscan", "hdbscan"])
@pytest.mark.parametrize("size", [2, 3, 7])
def test_a_lone_family_is_not_split(name, size, rng):
    X = rng.normal(size=300) + 0.4 * rng.normal(size=(size, 300)) * (np.arange(size) > 0)[:, None]
    assert CLUSTERINGS[name](X @ X.T).tolist() == [0] * size


@pytest.mark.parametrize("cluster", [dbscan_labels, hdbscan_labels])
def test_a_model_far_from_all_is_in_no_cluster(cluster, rng):
    X = np.concatenate([blobs(rng), 50 * rng.normal(size=(1, 200))])
    labels = cluster(X @ X.T)
    assert labels[-1] == -1
    assert labels[:-1].min() == 0


def test_spectral_clustering_of_few_models():
    gram = np.diag([1.0, 2.0, 3.0])
    assert spectral_labels(gram, 1).tolist() == [0, 0, 0]
    assert spectral_labels(gram, 3).tolist() == [0, 1, 2]
    assert agglomerative_labels(gram[:1, :1], 1).tolist() == [0]
