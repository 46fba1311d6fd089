from dataclasses import replace

import numpy as np
import pytest

from neural_phylogeny.relations.fake_init import FakeInitialisation
from neural_phylogeny.trees.baselines.kernels import chosen_alpha, cluster_labels, count_clusters
from neural_phylogeny.trees.methods import METHODS, Options
from neural_phylogeny.trees.spanning import topological_order

pytest.importorskip("sklearn")

PAPER = {name for name in METHODS if name.startswith("paper-")}
TREES = {"auto", "spanning-tree"}


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
    problem, families, parents = planted
    forest = METHODS[name].solve(problem)
    np.testing.assert_array_equal(forest.parents, parents)
    assert np.all((forest.p_direction > 0.5) & (forest.p_direction <= 1))
    assert (forest.families is not None) == (name in {*PAPER, "detector", "auto"})
    if forest.families is not None:
        np.testing.assert_array_equal(forest.families[:, None] == forest.families, families[:, None] == families)


@pytest.mark.parametrize("name", METHODS)
def test_edges_stay_within_the_families_of_the_existence_test(name, planted):
    """One cluster of kin that the test splits in two: no edge may cross, unless the paper's clusters decide."""
    problem, families, _ = planted
    split = 2 * families + np.arange(len(families)) % 2
    forest = METHODS[name].solve(replace(problem, families=split))
    topological_order(forest.parents)
    children = np.flatnonzero(forest.parents >= 0)
    crosses = split[forest.parents[children]] != split[children]
    assert crosses.any() == (name in PAPER)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("n", [1, 2])
def test_one_or_two_models(name, n, planted):
    problem, _, _ = planted
    few = replace(
        problem,
        families=np.zeros(n, dtype=np.int64),
        **{key: getattr(problem, key)[:n, :n] for key in ("cosine", "gram", "distance", "direction", "lighter_tails")},
        nearer=lambda fake: problem.nearer(fake)[:n, :n],
    )
    forest = METHODS[name].solve(few)
    topological_order(forest.parents)
    assert forest.parents.shape == (n,)


@pytest.mark.parametrize("alpha", [None, 0.0, 0.4, "stable"])
@pytest.mark.parametrize("n_clusters", [4, "existence", "silhouette", "eigengap"])
def test_options_of_a_row_can_be_varied(alpha, n_clusters, planted):
    problem, _, parents = planted
    row = METHODS["kmeans"]
    varied = replace(row, options=replace(row.options, alpha=alpha, n_clusters=n_clusters))
    np.testing.assert_array_equal(varied.solve(problem).parents, parents)


def test_the_metric_of_a_row_is_asked_for(planted):
    problem, _, _ = planted
    asked = []

    def nearer(fake):
        asked.append(fake)
        return problem.nearer(fake)

    metric = FakeInitialisation("xavier-normal", 2.0, n_draws=3)
    replace(METHODS["star"], options=Options(metric=metric)).solve(replace(problem, nearer=nearer))
    assert asked == [metric]


def test_votes_and_the_least_distance_can_differ(planted):
    """Model 0 wins two votes narrowly, model 1 has by far the least distance."""
    problem, _, _ = planted
    nearer = np.array([[0.0, 0.1, 0.1], [-0.1, 0.0, 9.0], [-0.1, -9.0, 0.0]])
    three = replace(
        problem, families=np.zeros(3, dtype=np.int64), direction=np.zeros((3, 3)), nearer=lambda fake: nearer
    )
    assert METHODS["star"].solve(three).parents.tolist() == [-1, 0, 0]
    assert METHODS["star-argmin"].solve(three).parents.tolist() == [1, -1, 1]


def test_a_model_in_no_cluster_is_a_family_by_itself(planted, rng):
    problem, _, _ = planted
    far = problem.gram.copy()
    far[0], far[:, 0] = 0.0, 0.0
    far[0, 0] = 100 * problem.gram[1, 1]
    row = METHODS["dbscan"]
    forest = replace(row, options=replace(row.options, decides_families=True)).solve(replace(problem, gram=far))
    assert forest.families is not None
    assert (forest.families == forest.families[0]).sum() == 1
    assert forest.parents[0] == -1
    assert 0 not in forest.parents


def test_wrong_names_are_told(planted):
    problem, _, _ = planted
    pair = (problem.gram, problem.direction)
    with pytest.raises(ValueError, match="no clustering is called 'birch': choose from kmeans"):
        cluster_labels("birch", *pair, lambda: 1)
    with pytest.raises(ValueError, match="no clustering along directions is called 'dbscan'"):
        chosen_alpha("dbscan", *pair, lambda: 1)
    with pytest.raises(ValueError, match="n_clusters must be a number"):
        count_clusters("elbow", problem.gram)
