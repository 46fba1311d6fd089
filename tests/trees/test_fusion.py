"""Evidence updates the posterior by Bayes' rule, with the weights that ship."""

import numpy as np
import pytest

from neural_phylogeny.relations.exact import BESIDE, DIRECTED, ORDERED, RESHAPED, UNTOUCHED
from neural_phylogeny.trees.fusion import factors, fused
from neural_phylogeny.trees.likeliest import likeliest_forest


def test_certain_evidence_turns_an_edge_around():
    parent, directed = np.array([[0.6, 0.5], [0.4, 0.5]]), np.array([[0.0, -8.0], [8.0, 0.0]])
    assert likeliest_forest(fused(parent, {"rounded": directed})).tolist() == [1, -1]


def test_comparing_parents_does_not_change_whether_there_is_a_parent(rng):
    parent = rng.dirichlet(np.ones(4), size=4).T
    found = fused(parent, {UNTOUCHED: rng.normal(size=(4, 4)), RESHAPED: rng.normal(size=(4, 4))})
    np.testing.assert_allclose(np.diag(found), np.diag(parent))
    np.testing.assert_allclose(found.sum(axis=0), 1.0)


def test_silent_evidence_changes_nothing(rng):
    parent = rng.dirichlet(np.ones(3), size=3).T
    np.testing.assert_allclose(fused(parent, {}), parent)
    np.testing.assert_allclose(fused(parent, {"rounded": rng.normal(size=(3, 3))}, {"rounded": 0.0}), parent)


def test_odds_multiply(rng):
    parent, odds = rng.dirichlet(np.ones(3), size=3).T, np.zeros((3, 3))
    odds[0, 1] = 1.5
    before, after = (p[0, 1] / (1.0 - p[0, 1]) for p in (parent, fused(parent, {"rounded": odds}, {"rounded": 2.0})))
    assert after / before == pytest.approx(np.exp(3.0))


def test_the_weights_that_ship_are_of_known_features_and_never_negative():
    shipped = factors()
    assert shipped.keys() <= {*DIRECTED, *ORDERED, *BESIDE}
    assert all(0.0 <= factor <= 2.0 for factor in shipped.values())
    assert all(shipped.get(name, 1.0) > 0.5 for name in DIRECTED)  # they are near-certain
