import numpy as np
import pytest

pytest.importorskip("sklearn")
from scipy.spatial.distance import pdist, squareform

from neural_phylogeny.trees.clustering import coordinates, kmeans_labels, mean_shift_labels


def blobs(rng):
    centres = rng.normal(size=(3, 200)) * 10
    return np.repeat(centres, 4, axis=0) + rng.normal(size=(12, 200))


def test_coordinates_keep_all_distances(rng):
    X = rng.normal(size=(6, 50))
    found = squareform(pdist(coordinates(X @ X.T)))
    np.testing.assert_allclose(found, squareform(pdist(X)), atol=1e-9)


@pytest.mark.parametrize("cluster", [lambda gram: kmeans_labels(gram, 3), mean_shift_labels])
def test_planted_blobs_are_found(cluster, rng):
    X = blobs(rng)
    labels = cluster(X @ X.T)
    assert len({tuple(labels[k : k + 4]) for k in (0, 4, 8)}) == 3
    assert all(len(set(labels[k : k + 4])) == 1 for k in (0, 4, 8))


def test_equal_models_are_one_cluster():
    assert mean_shift_labels(np.ones((4, 4))).tolist() == [0, 0, 0, 0]
