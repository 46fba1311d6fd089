import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neural_phylogeny.trees.baselines.distances import (
    affinities,
    distances,
    n_clusters_by_eigengap,
    n_clusters_by_silhouette,
    scale,
    silhouette,
)

seeds = st.integers(0, 2**32 - 1)


@given(st.integers(1, 8), seeds)
def test_distances_are_those_of_the_points(n, seed):
    X = np.random.default_rng(seed).normal(size=(n, 5))
    X[-1] = X[0]
    expected = np.linalg.norm(X[:, None] - X, axis=2)
    found = distances(X @ X.T)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert found[0, -1] == 0.0


@given(st.integers(3, 12), st.integers(2, 4), seeds)
def test_silhouette_is_that_of_scikit_learn(n, k, seed):
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(seed)
    X, labels = rng.normal(size=(n, 3)), rng.integers(0, k, n)
    if 1 < len(set(labels.tolist())) < n:
        expected = metrics.silhouette_score(X, labels)
        assert silhouette(distances(X @ X.T), labels) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("n_families", [1, 2, 5])
def test_the_number_of_families_is_counted(n_families, rng):
    parents = np.repeat(rng.normal(size=(n_families, 400)), 6, axis=0)
    X = parents + 0.4 * rng.normal(size=parents.shape)
    distance = distances(X @ X.T)
    assert n_clusters_by_silhouette(distance) == n_families
    assert n_clusters_by_eigengap(distance) == n_families
    within = distance[:6, :6].max()
    between = distance[:6, 6:].min() if n_families > 1 else 1.001 * within
    assert distance[:6, :6][0, 1:].min() < scale(distance) <= between


@pytest.mark.parametrize("n", [1, 2, 3])
def test_few_or_equal_models_are_one_cluster(n):
    distance = np.zeros((n, n))
    assert (n_clusters_by_silhouette(distance), n_clusters_by_eigengap(distance)) == (1, 1)
    assert scale(distance) == 0.0
    assert silhouette(distance, np.zeros(n, dtype=np.int64)) == 0.0
    np.testing.assert_array_equal(affinities(distance), np.ones((n, n)))


def test_affinities_fall_with_distance_at_each_scale():
    place = np.array([0.0, 1.0, 2.0, 3.0, 100.0, 200.0, 300.0, 400.0])
    found = affinities(np.abs(place[:, None] - place))
    np.testing.assert_array_equal(found, found.T)
    assert found[0, 1] > found[0, 2] > found[0, 4]
    assert found[4, 5] > 0.5
