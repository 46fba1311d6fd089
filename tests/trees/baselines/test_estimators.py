import sys

import networkx as nx
import numpy as np
import pytest

pytest.importorskip("sklearn")
from sklearn.metrics import adjusted_rand_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from neural_phylogeny.errors import MissingExtraError
from neural_phylogeny.trees import baselines
from neural_phylogeny.trees.baselines import (
    AgglomerativePhylogeny,
    DBSCANPhylogeny,
    HDBSCANPhylogeny,
    KMeansPhylogeny,
    MeanShiftPhylogeny,
    MotherPhylogeny,
    NearestPhylogeny,
    SpanningTreePhylogeny,
    SpectralPhylogeny,
)
from neural_phylogeny.trees.baselines.base_estimator import direction_by_kurtosis

NO_CLUSTERING = {
    "check_clustering": "one tree over all models has a single label; the check wants three clusters of blobs",
    "check_clustering(readonly_memmap=True)": "one tree over all models has a single label",
}
COUNTED = (KMeansPhylogeny, AgglomerativePhylogeny, SpectralPhylogeny)
ALONG = (KMeansPhylogeny, MeanShiftPhylogeny, AgglomerativePhylogeny)
ALL = tuple(getattr(baselines, name) for name in baselines.__all__)


def expected_failures(estimator):
    return NO_CLUSTERING if isinstance(estimator, SpanningTreePhylogeny | NearestPhylogeny) else {}


@parametrize_with_checks(
    [kind() for kind in ALL] + [kind(alpha=0.5) for kind in ALONG], expected_failed_checks=expected_failures
)
@pytest.mark.filterwarnings("ignore")
def test_scikit_learns_own_contract(estimator, check):
    check(estimator)


def for_families(kind, n_clusters):
    """An estimator with the number of families, where it has such a parameter."""
    return kind(n_clusters) if kind in (*COUNTED, MotherPhylogeny) else kind()


def planted(rng, n_families=3, size=5, n_features=600):
    """Stars of a parent and children that are it and independent noise, shuffled: X, families, parents."""
    rows, families, parents = [], [], []
    for family in range(n_families):
        rows.append(rng.normal(size=n_features))
        parents.append(-1)
        for _ in range(size - 1):
            rows.append(rows[family * size] + rng.uniform(0.3, 0.5) * rng.normal(size=n_features))
            parents.append(family * size)
        families += [family] * size
    order = rng.permutation(len(rows))
    place = np.argsort(order)
    known = np.array(parents)[order]
    return np.stack(rows)[order], np.array(families)[order], np.where(known >= 0, place[known], -1)


@pytest.mark.parametrize("kind", [kind for kind in ALL if kind not in (NearestPhylogeny, SpanningTreePhylogeny)])
def test_planted_stars_are_found(kind, rng):
    X, families, parents = planted(rng)
    found = for_families(kind, 3).fit(X, direction=by_norm(X) if kind is MotherPhylogeny else None)
    assert adjusted_rand_score(families, found.labels_) == 1.0
    np.testing.assert_array_equal(found.parents_, parents)
    np.testing.assert_array_equal(found.roots_, np.flatnonzero(parents < 0))


def by_norm(X):
    squares = (X**2).sum(axis=1)
    return squares[None, :] - squares[:, None]


@pytest.mark.parametrize("kind", ALONG)
@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0, "stable"])
def test_planted_stars_are_found_along_directions(kind, alpha, rng):
    X, _, parents = planted(rng)
    found = for_families(kind, 3).set_params(alpha=alpha, random_state=1).fit(X)
    np.testing.assert_array_equal(found.parents_, parents)
    assert found.alpha_ == alpha or alpha == "stable"


@pytest.mark.parametrize("kind", COUNTED)
@pytest.mark.parametrize("how", ["silhouette", "eigengap"])
def test_the_number_of_families_need_not_be_known(kind, how, rng):
    X, _, parents = planted(rng)
    np.testing.assert_array_equal(kind(how).fit(X).parents_, parents)


@pytest.mark.parametrize("kind", [kind for kind in ALL if kind is not MotherPhylogeny])
def test_a_gram_matrix_gives_the_same_forest_as_the_weights(kind, rng):
    X = rng.normal(size=(9, 400)) + np.repeat(rng.normal(size=(3, 400)) * 5, 3, axis=0)
    by_weights = for_families(kind, 3).fit(X).parents_
    by_gram = for_families(kind, 3).set_params(metric="precomputed").fit(X @ X.T).parents_
    np.testing.assert_array_equal(by_weights, by_gram)


def test_mother_looks_at_tails_and_a_gram_matrix_has_none(rng):
    parent = rng.uniform(-1, 1, 3000)
    X = np.stack([0.5 * (parent + rng.laplace(0, 0.4, 3000)) for _ in range(3)] + [parent])
    assert MotherPhylogeny().fit(X).roots_.tolist() == [3]
    assert MotherPhylogeny(metric="precomputed").fit(X @ X.T).roots_.tolist() != [3]
    np.testing.assert_array_equal(np.sign(direction_by_kurtosis(X)[3, :3]), 1)
    assert not direction_by_kurtosis(np.ones((2, 5))).any()


def test_given_directions_decide_the_root(rng):
    X = rng.normal(size=(1, 300)) + 0.1 * rng.normal(size=(4, 300))
    age = np.array([3.0, 0.0, 1.0, 2.0])
    for kind in (SpanningTreePhylogeny, NearestPhylogeny, MotherPhylogeny):
        assert kind().fit(X, direction=age - age[:, None]).roots_.tolist() == [1]


def test_labels_of_the_nearest_are_those_of_their_trees(rng):
    X, _, _ = planted(rng)
    found = NearestPhylogeny(distance="cosine").fit(X)
    edges = [(child, parent) for child, parent in enumerate(found.parents_.tolist()) if parent >= 0]
    graph = nx.Graph(edges)
    assert nx.is_forest(graph)
    assert len(set(found.labels_.tolist())) == len(found.roots_)


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (SpanningTreePhylogeny(metric="precomputed"), r"must be square, not \(4, 3\)"),
        (KMeansPhylogeny(metric="manhattan"), "metric must be 'euclidean' or 'precomputed', not 'manhattan'"),
        (KMeansPhylogeny("many"), "n_clusters must be a number, 'silhouette' or 'eigengap', not 'many'"),
        (KMeansPhylogeny(5), "n_clusters must be from 1 to the number of models, n_samples=4, not 5"),
        (MeanShiftPhylogeny(alpha=2), "alpha must be None, 'stable' or a probability, not 2"),
        (DBSCANPhylogeny(eps=-1), "distances not below 0, or None, not -1"),
        (NearestPhylogeny(distance="l1"), "distance must be 'l2' or 'cosine', not 'l1'"),
        (MotherPhylogeny(penalty=-1), "penalty must be a number not below 0, not -1"),
    ],
)
def test_wrong_parameters_are_reported(estimator, message, rng):
    with pytest.raises(ValueError, match=message):
        estimator.fit(rng.normal(size=(4, 3)))


def test_wrong_directions_are_reported(rng):
    X = rng.normal(size=(4, 3))
    with pytest.raises(ValueError, match=r"direction must have the shape \(4, 4\)"):
        SpanningTreePhylogeny().fit(X, direction=np.zeros((2, 2)))
    with pytest.raises(ValueError, match="direction must be antisymmetric"):
        HDBSCANPhylogeny().fit(X, direction=np.ones((4, 4)))


def test_the_estimators_have_one_home_which_needs_nothing_until_they_are_used(monkeypatch):
    assert set(baselines.__all__) <= set(dir(baselines))
    with pytest.raises(AttributeError, match="no attribute 'KMeansPhylogenie'"):
        baselines.KMeansPhylogenie  # noqa: B018
    for module in ("base_estimator", "estimators"):
        monkeypatch.delitem(sys.modules, f"{baselines.__name__}.{module}")
    monkeypatch.setitem(sys.modules, "sklearn.base", None)
    with pytest.raises(MissingExtraError, match=r"neural-phylogeny\[cluster\]"):
        baselines.KMeansPhylogeny  # noqa: B018
