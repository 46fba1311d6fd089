import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neural_phylogeny.trees.baselines.agglomerative import average_merges, cut, merges_along
from neural_phylogeny.trees.baselines.distances import distances

seeds = st.integers(0, 2**32 - 1)


def same_partition(a, b):
    return np.array_equal(a[:, None] == a, b[:, None] == b)


@given(st.integers(2, 12), seeds, st.data())
def test_without_directions_it_is_average_linkage(n, seed, data):
    cluster = pytest.importorskip("sklearn.cluster")
    X = np.random.default_rng(seed).normal(size=(n, 4))
    distance, k = distances(X @ X.T), data.draw(st.integers(1, n))
    oracle = cluster.AgglomerativeClustering(k, metric="precomputed", linkage="average").fit(distance).labels_
    assert same_partition(cut(average_merges(distance), k), oracle)


@given(st.integers(1, 10), seeds, st.floats(0, 1))
def test_every_cut_has_its_number_and_refines_the_one_before(n, seed, alpha):
    rng = np.random.default_rng(seed)
    X, direction = rng.normal(size=(n, 4)), rng.normal(size=(n, n))
    merges = merges_along(distances(X @ X.T), direction - direction.T, alpha, seed)
    finer = np.arange(n)
    for k in range(n, 0, -1):
        labels = cut(merges, k)
        assert len(set(labels.tolist())) == k
        assert all(len(set(labels[finer == label].tolist())) == 1 for label in set(finer.tolist()))
        finer = labels


def test_linkage_to_the_parent_can_decide():
    """The parent of the pair at 0 and 1 is at 0, nearer to -1.4 than 2.6 is to its nearest."""
    place = np.array([0.0, 1.0, -1.4, 2.6])
    distance = np.abs(place[:, None] - place)
    age = np.array([9.0, 1.0, 2.0, 3.0])
    merges = merges_along(distance, age[:, None] - age, 1.0)
    assert merges.tolist()[:2] == [[0, 1], [0, 2]]
    assert same_partition(cut(merges, 2), np.array([0, 0, 0, 1]))
