import numpy as np
import pytest

from neural_phylogeny.trees.array_data import family_of
from neural_phylogeny.trees.auto import TURNED, posterior
from neural_phylogeny.trees.family import Posterior
from neural_phylogeny.trees.turning import turned

BASE, MIDDLE, LEAF = range(3)

GUESS = np.array([[0.97, 0.43, 0.65], [0.01, 0.02, 0.3], [0.02, 0.55, 0.05]])
"""Base above all; which of the two others comes first is a guess, and mostly the wrong one."""


def against(n, *edges):
    log_odds = np.zeros((n, n))
    for parent, child in edges:
        log_odds[parent, child] = -8.0
    return log_odds


def test_an_excluded_edge_is_turned_round():
    found = turned(GUESS, against(3, (LEAF, MIDDLE)))
    assert found[LEAF, MIDDLE] == pytest.approx(0, abs=1e-3)
    assert found[MIDDLE, LEAF] > 0.6
    assert found[:, LEAF].argmax() == MIDDLE
    assert found[:, MIDDLE].argmax() == BASE


def test_a_child_of_an_excluded_root_becomes_the_root():
    parent = np.array([[0.9, 0.8], [0.1, 0.2]])
    found = turned(parent, against(2, (0, 1)))
    assert found[1, 1] > 0.99
    assert found[1, 0] > 0.75


@pytest.mark.parametrize("log_odds", [np.zeros((3, 3)), against(3, (LEAF, BASE), (MIDDLE, BASE))])
def test_nothing_changes_much_where_nothing_probable_is_excluded(log_odds):
    assert np.allclose(turned(GUESS, log_odds), GUESS, atol=0.05)


def test_columns_stay_probabilities():
    rng = np.random.default_rng(0)
    for _ in range(50):
        parent = rng.dirichlet(np.full(6, 0.3), size=6).T
        found = turned(parent, np.where(rng.random((6, 6)) < 0.3, -8.0, 0.0))
        assert (found >= 0).all()
        assert np.allclose(found.sum(axis=0), 1.0)


def test_of_many_children_that_are_excluded_one_is_above():
    parent = np.zeros((5, 5))
    parent[1, 1], parent[1, [0, 2, 3, 4]] = 1.0, 1.0
    found = turned(parent, against(5, *[(1, child) for child in (0, 2, 3, 4)]))
    assert np.allclose(found[[0, 2, 3, 4], 1], 0.25, atol=1e-3)


def test_the_method_turns_and_an_ablation_does_not():
    family = family_of(
        gram=np.eye(3) + 1.0,
        detector=Posterior(parent=GUESS, missing=np.zeros(3)),
        exact={"decayed-rows": against(3, (LEAF, MIDDLE))},
    )
    assert posterior(family).parent[:, LEAF].argmax() == MIDDLE
    assert posterior(family, without=(TURNED,)).parent[:, LEAF].argmax() == BASE
