from dataclasses import replace

import numpy as np
import pytest
from tests.trees.conftest import arrays_of, stars_of

from neural_phylogeny.relations.fake_init import FakeInitialisation
from neural_phylogeny.trees.array_data import family_of
from neural_phylogeny.trees.baselines.named_clusterings import chosen_alpha, cluster_labels, count_clusters
from neural_phylogeny.trees.family import Families
from neural_phylogeny.trees.methods import METHODS, Options
from neural_phylogeny.trees.spanning import topological_order

pytest.importorskip("sklearn")

PAPER = {name for name in METHODS if name.startswith("paper-")}


def test_the_names_others_rely_on_are_there():
    names = "auto spanning-tree star star-argmin star-sampled kmeans mean-shift agglomerative dbscan hdbscan spectral"
    assert {*names.split(), "nearest-l2", "nearest-cosine", "mother", *PAPER} <= set(METHODS)
    assert {f"{name}-along" for name in ("kmeans", "mean-shift", "agglomerative")} <= set(METHODS)
    assert len(PAPER) == 4


def test_only_scikit_learns_clusterings_need_it():
    needs = {name for name, method in METHODS.items() if method.extra}
    plain = {"kmeans", "mean-shift", "agglomerative", "dbscan", "hdbscan", "spectral"}
    assert needs == plain | {"paper-kmeans", "paper-mean-shift"}


@pytest.mark.parametrize("name", METHODS)
def test_planted_stars_are_found(name, planted):
    families, parents = planted
    forest = METHODS[name].solve(families)
    np.testing.assert_array_equal(forest.parents, parents)
    assert np.all((forest.p_direction > 0.5) & (forest.p_direction <= 1))
    assert (forest.families is not None) == (name in {*PAPER, "detector", "auto"})
    if forest.families is not None:
        labels = families.labels
        np.testing.assert_array_equal(forest.families[:, None] == forest.families, labels[:, None] == labels)


@pytest.mark.parametrize("name", METHODS)
def test_edges_stay_within_the_families_of_the_relatedness_test(name, planted):
    """One cluster of relatives that the test splits in two: no edge crosses, unless the paper's clusters decide."""
    families, _ = planted
    split = 2 * families.labels + np.arange(len(families)) % 2
    forest = METHODS[name].solve(replace(families, labels=split))
    topological_order(forest.parents)
    children = np.flatnonzero(forest.parents >= 0)
    crosses = split[forest.parents[children]] != split[children]
    assert crosses.any() == (name in PAPER)


@pytest.mark.parametrize("name", METHODS)
def test_no_edge_joins_models_that_share_no_matrix(name, rng):
    """Two architectures: half of the models of what would be one star share nothing with the other half."""
    X, _, _ = stars_of(rng, 1, 6)
    arrays = arrays_of(X)
    kind = np.arange(6) % 2
    apart = kind[:, None] != kind
    arrays["gram"] = np.where(apart, 0.0, arrays["gram"])
    scale = np.sqrt(np.outer(np.diag(arrays["gram"]), np.diag(arrays["gram"])))
    arrays["cosine"] = np.where(apart, np.nan, arrays["gram"] / scale)
    arrays["distance"] = np.where(apart, np.nan, 1.0)
    method = METHODS[name]
    if method.options.n_clusters == "existence":
        method = replace(method, options=replace(method.options, n_clusters=1))
    forest = method.solve(Families(np.zeros(6, dtype=np.int64), family_of(**arrays)))
    children = np.flatnonzero(forest.parents >= 0)
    assert not apart[forest.parents[children], children].any()


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("n", [1, 2])
def test_one_or_two_models(name, n, rng):
    models = family_of(**arrays_of(rng.normal(size=(n, 50))))
    forest = METHODS[name].solve(Families(np.zeros(n, dtype=np.int64), models))
    topological_order(forest.parents)
    assert forest.parents.shape == (n,)


@pytest.mark.parametrize("alpha", [None, 0.0, 0.4, "stable"])
@pytest.mark.parametrize("n_clusters", [4, "existence", "silhouette", "eigengap"])
def test_options_of_a_row_can_be_varied(alpha, n_clusters, planted):
    families, parents = planted
    row = METHODS["kmeans"]
    varied = replace(row, options=replace(row.options, alpha=alpha, n_clusters=n_clusters))
    np.testing.assert_array_equal(varied.solve(families).parents, parents)


def test_a_row_takes_its_own_metric(rng):
    arrays = arrays_of(rng.normal(size=(4, 50)))
    taken = []

    def nearer(fake):
        taken.append(fake)
        return arrays["direction"]

    metric = FakeInitialisation("xavier-normal", 2.0, n_draws=3)
    models = family_of(**{**arrays, "nearer": nearer})
    replace(METHODS["star"], options=Options(metric=metric)).solve(Families(np.zeros(4, dtype=np.int64), models))
    assert taken == [metric]


def test_signs_and_the_least_distance_can_differ():
    """Model 0 has two signs narrowly, model 1 has by far the least distance."""
    nearer = np.array([[0.0, 0.1, 0.1], [-0.1, 0.0, 9.0], [-0.1, -9.0, 0.0]])
    three = Families(np.zeros(3, dtype=np.int64), family_of(gram=np.eye(3), nearer=lambda fake: nearer))
    assert METHODS["star"].solve(three).parents.tolist() == [-1, 0, 0]
    assert METHODS["star-argmin"].solve(three).parents.tolist() == [1, -1, 1]


def test_a_model_in_no_cluster_is_a_family_by_itself(rng):
    X, labels, _ = stars_of(rng, 4, 6)
    arrays = arrays_of(X)
    far = arrays["gram"].copy()
    far[0], far[:, 0] = 0.0, 0.0
    far[0, 0] = 100 * arrays["gram"][1, 1]
    row = METHODS["dbscan"]
    varied = replace(row, options=replace(row.options, decides_families=True))
    forest = varied.solve(Families(labels, family_of(**{**arrays, "gram": far})))
    assert forest.families is not None
    assert (forest.families == forest.families[0]).sum() == 1
    assert forest.parents[0] == -1
    assert 0 not in forest.parents


def test_wrong_names_are_errors(planted):
    models = planted[0].models
    pair = (models.gram, models.direction)
    with pytest.raises(ValueError, match="no clustering is called 'birch': choose from kmeans"):
        cluster_labels("birch", *pair, lambda: 1)
    with pytest.raises(ValueError, match="no clustering along directions is called 'dbscan'"):
        chosen_alpha("dbscan", *pair, lambda: 1)
    with pytest.raises(ValueError, match="n_clusters must be a number"):
        count_clusters("elbow", models.gram)
