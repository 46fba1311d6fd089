"""The search for independent innovations finds planted trees, also where siblings learnt something in common."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from tests.trees.conftest import arrays_of

from neural_phylogeny.trees.array_data import family_of
from neural_phylogeny.trees.common_factors import misfit
from neural_phylogeny.trees.innovation_tree import (
    edge_log_odds,
    innovation_forest,
)
from neural_phylogeny.trees.innovations import PRICE, VALUES, Innovations, log_likelihoods_alone, slopes_and_logs

TREES = {
    "star": [-1, 0, 0, 0, 0, 0],
    "chain": [-1, 0, 1, 2, 3],
    "levels": [-1, 0, 0, 1, 1, 2, 2],
    "two": [-1, 0],
}


def family(parents, rng, shared=0.0, keeps=1.0, values=4000):
    """Weights of a family, in an order that tells nothing, and its parents."""
    common = shared * rng.normal(size=values)
    rows = []
    for parent in parents:
        if parent < 0:
            rows.append(rng.normal(size=values))
        else:
            step = 0.3 * rng.normal(size=values) + common * rng.uniform(0.5, 1.5)
            rows.append(keeps * rows[parent] + step)
    order = rng.permutation(len(parents))
    place = np.argsort(order)
    known = np.array(parents)[order]
    return np.stack(rows)[order], np.where(known >= 0, place[known], -1)


@pytest.mark.parametrize("shape", TREES)
@pytest.mark.parametrize("shared", [0.0, 0.25])
def test_planted_trees_are_found(rng, shape, shared):
    for _ in range(3):
        X, parents = family(TREES[shape], rng, shared)
        forest = innovation_forest(family_of(**arrays_of(X)))
        assert forest.parents.tolist() == parents.tolist()
        assert ((forest.p_direction > 0.5) & (forest.p_direction <= 1.0)).all()


def test_the_neighbours_of_a_decayed_family_are_found(rng):
    X, parents = family(TREES["levels"], rng, keeps=0.8)
    forest = innovation_forest(family_of(**arrays_of(X)))
    links = lambda tree: {frozenset((j, int(i))) for j, i in enumerate(tree) if i >= 0}  # noqa: E731
    assert links(forest.parents) == links(parents)


def test_large_families_have_their_tree_without_a_search(rng):
    parents = [-1] + [int(rng.integers(k)) for k in range(1, 40)]
    X, truth = family(parents, rng)
    forest = innovation_forest(family_of(**arrays_of(X)))
    assert forest.parents.tolist() == truth.tolist()


def test_a_tree_without_anything_shared_is_as_likely_as_its_steps(rng):
    steps = np.array([[1.0], [0.3], [0.4]]) * rng.normal(size=(3, 20_000))
    X = steps + np.stack([np.zeros_like(steps[0]), steps[0], steps[0]])
    innovations = Innovations.of(X @ X.T / X.shape[1])
    assert innovations.slopes[0].tolist() == [1.0, 1.0, 1.0]
    density = multivariate_normal(np.zeros(3), np.diag(np.mean(steps**2, axis=1))).logpdf(steps.T).mean()
    found = innovations.log_likelihoods(np.array([[-1, 0, 0]]))[0]
    assert found == pytest.approx(VALUES * (density + 1.5 * np.log(2 * np.pi) + 1.5), abs=0.5)


def test_a_slope_below_one_is_paid_for():
    # j is half of i and a step of length 0.2: 0.29 with all of i subtracted, 0.04 with half of it
    gram = np.array([[1.0, 0.5], [0.5, 0.29]])
    slopes, logs = slopes_and_logs(gram)
    assert slopes == pytest.approx(np.array([[1.0, 1.0], [0.5, 1.0]]).T)
    assert logs == pytest.approx(np.log([[1.0, 0.04], [0.29, 0.29]]))
    _, alone = log_likelihoods_alone(gram)
    assert alone[0, 1] == pytest.approx(-VALUES / 2 * np.log(0.04) - PRICE)
    assert alone[1, 0] == pytest.approx(-VALUES / 2 * np.log(0.29))
    # that weights decay in this family at all is paid for too
    decayed = Innovations.of(gram).log_likelihoods(np.array([[-1, 0]]))[0]
    assert decayed == pytest.approx(-VALUES / 2 * np.log(0.04) - 2 * PRICE)
    # a child that grew is no decayed parent, and a step too small to pay a slope keeps one
    assert (slopes_and_logs(np.array([[1.0, 1.2], [1.2, 1.5]]))[0] <= 1.0).all()
    assert slopes_and_logs(np.array([[1.0, 0.99], [0.99, 1.1]]))[0][0, 1] == 1.0


def test_direction_features_enter_where_weights_decay():
    direction = np.array([[0.0, 1.5], [-1.5, 0.0]])
    exact = np.array([[0.0, 8.0], [-8.0, 0.0]])
    slopes = np.array([[1.0, 0.6], [1.0, 1.0]])
    assert edge_log_odds(slopes, direction, exact).tolist() == [[0.0, 9.5], [-8.0, 0.0]]


def test_what_is_alike_is_explained_and_what_is_opposed_is_not():
    alike, opposed, child = np.eye(3), np.eye(3), np.array([[False, True, True]])
    alike[1, 2] = alike[2, 1] = 0.7
    opposed[1, 2] = opposed[2, 1] = -0.7
    best = 50.0 * np.log(1 - 0.7**2) + 2 * 0.25 * np.log1p(100 * 0.7)
    assert misfit(alike[None], child, 100.0)[0] == pytest.approx(best, abs=0.3)
    assert misfit(opposed[None], child, 100.0)[0] == 0.0
    assert misfit(alike[None], np.array([[True, False, True]]), 100.0)[0] == 0.0  # roots share nothing


def test_two_factors_of_two_tasks_are_explained():
    loadings = np.array([[0.8, 0.8, 0.8, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.7, 0.7, 0.7]])
    correlation = loadings.T @ loadings
    np.fill_diagonal(correlation, 1.0)
    best = 50.0 * np.linalg.slogdet(correlation)[1] + 0.75 * np.log1p(64.0) + 0.75 * np.log1p(49.0)
    assert misfit(correlation[None], np.ones((1, 6), dtype=bool), 100.0)[0] == pytest.approx(best, abs=0.5)


def test_siblings_of_one_task_tell_a_root_that_is_not_the_shortest(rng):
    # seen from the shortest, a child that decayed, the way back to the parent is opposed to what the others learnt
    for _ in range(3):
        X, parents = family(TREES["star"], rng, shared=0.25)
        X[np.flatnonzero(parents >= 0)[0]] *= 0.7
        forest = innovation_forest(family_of(**arrays_of(X)))
        assert forest.parents.tolist() == parents.tolist()


def test_the_order_of_models_does_not_matter(rng):
    X, _ = family(TREES["levels"], rng, keeps=0.9)
    order = rng.permutation(len(X))
    whole, moved = (innovation_forest(family_of(**arrays_of(Y))) for Y in (X, X[order]))
    back = np.where(moved.parents >= 0, order[moved.parents], -1)
    assert back.tolist() == whole.parents[order].tolist()
    assert moved.p_direction == pytest.approx(whole.p_direction[order], abs=1e-6)
