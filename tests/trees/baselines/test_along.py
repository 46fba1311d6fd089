import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neural_phylogeny.trees.baselines.along import (
    ALPHAS,
    agglomerative_along,
    kmeans_along,
    mean_shift_along,
    stable_alpha,
)
from neural_phylogeny.trees.baselines.distances import distances, scale
from neural_phylogeny.trees.baselines.star import stars

seeds = st.integers(0, 2**32 - 1)


def same_partition(a, b):
    return np.array_equal(a[:, None] == a, b[:, None] == b)


def by_name(name, gram, direction, alpha, n_clusters=4, seed=0):
    if name == "kmeans":
        return kmeans_along(gram, direction, n_clusters, alpha, seed=seed)
    if name == "mean-shift":
        return mean_shift_along(gram, direction, scale(distances(gram)), alpha, seed=seed)
    return agglomerative_along(gram, direction, n_clusters, alpha, seed=seed)


NAMES = ("kmeans", "mean-shift", "agglomerative")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("alpha", ALPHAS)
def test_planted_families_are_found(name, alpha, planted):
    families, parents = planted
    gram, direction = families.models.gram, families.models.direction
    labels = by_name(name, gram, direction, alpha)
    assert same_partition(labels, families.labels)
    assert labels.min() == 0
    np.testing.assert_array_equal(stars(labels, direction), parents)


@given(seeds, st.integers(2, 4))
def test_without_directions_kmeans_is_as_good_as_scikit_learns(seed, k):
    cluster = pytest.importorskip("sklearn.cluster")
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(k, 2))[rng.integers(0, k, 20)] * 6 + rng.normal(size=(20, 2))
    labels = kmeans_along(X @ X.T, np.zeros((20, 20)), k, 0.0, seed=seed, n_starts=60)
    spread = sum(((X[labels == label] - X[labels == label].mean(axis=0)) ** 2).sum() for label in set(labels.tolist()))
    oracle = cluster.KMeans(k, n_init=20, random_state=0).fit(X).inertia_
    assert spread <= 1.1 * oracle


def test_without_directions_mean_shift_is_scikit_learns(rng):
    cluster = pytest.importorskip("sklearn.cluster")
    for _ in range(5):
        X = np.repeat(rng.normal(size=(4, 2)) * 8, 6, axis=0) + rng.normal(size=(24, 2))
        oracle = cluster.MeanShift(bandwidth=4.0).fit(X).labels_
        assert same_partition(mean_shift_along(X @ X.T, np.zeros((24, 24)), 4.0, 0.0), oracle)


@pytest.mark.parametrize("name", NAMES)
def test_a_seed_gives_the_same_labels_again(name, planted):
    families, _ = planted
    gram, direction = families.models.gram, families.models.direction
    first, second = (by_name(name, gram, direction, 0.5, 3, seed=7) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("name", NAMES)
def test_equal_models_do_no_harm(name):
    labels = by_name(name, np.ones((5, 5)), np.zeros((5, 5)), 0.5, 2)
    assert labels.shape == (5,)


def test_the_centre_at_a_parent_can_decide():
    """The model at 4 is nearer to the mean of 0 and 2.9 than to that of 6 and 10, and to the parent at 6 than at 0."""
    place = np.array([[0.0], [2.9], [4.0], [6.0], [10.0]])
    age = np.array([9.0, 1.0, 2.0, 8.0, 3.0])
    gram, direction = place @ place.T, age[:, None] - age
    for seed in range(5):
        to_means, to_parents = (kmeans_along(gram, direction, 2, alpha, seed=seed) for alpha in (0.0, 1.0))
        assert same_partition(to_means, np.array([0, 0, 0, 1, 1]))
        assert same_partition(to_parents, np.array([0, 0, 1, 1, 1]))


def test_a_shift_to_parents_can_decide():
    """A row of steps is one mode for means, that climb along it; parents keep to the two oldest."""
    place = np.arange(7.0)[:, None]
    age = np.array([9.0, 1.0, 2.0, 0.0, 3.0, 4.0, 8.0])
    gram, direction = place @ place.T, age[:, None] - age
    assert len(set(mean_shift_along(gram, direction, 3.0, 0.0).tolist())) == 1
    assert len(set(mean_shift_along(gram, direction, 3.0, 1.0).tolist())) == 2


class TestStableAlpha:
    def test_the_one_whose_parents_do_not_change_is_chosen(self):
        def parents(models, alpha, seed):
            found = np.zeros(len(models), dtype=np.int64)
            found[0] = -1
            return found if alpha == 0.75 else np.roll(found, seed)

        assert stable_alpha(parents, 8) == 0.75

    def test_equal_ones_give_the_plain_clustering(self):
        assert stable_alpha(lambda models, alpha, seed: np.full(len(models), -1), 6) == 0.0

    @pytest.mark.parametrize("n", [1, 2, 3])
    def test_few_models(self, n):
        assert stable_alpha(lambda models, alpha, seed: np.full(len(models), -1), n) in ALPHAS


def test_rounds_are_counted_and_moves_to_parents_take_more_of_them(rng):
    X = np.concatenate([rng.normal(size=(8, 5)) + 9.0, rng.normal(size=(8, 5)) - 9.0])
    gram, direction = X @ X.T, np.zeros((16, 16))
    plain, along = list[int](), list[int]()
    for seed in range(5):
        kmeans_along(gram, direction, 2, 0.0, seed=seed, n_starts=4, rounds=plain)
        kmeans_along(gram, direction, 2, 0.5, seed=seed, n_starts=4, rounds=along)
    assert len(plain) == len(along) == 20
    assert 2 <= min(plain) <= max(along) <= 100
    assert np.mean(plain) < np.mean(along)
    shifts = list[int]()
    mean_shift_along(gram, direction, 4.0, 0.0, rounds=shifts)
    assert len(shifts) == 1
