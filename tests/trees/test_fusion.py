"""Witnesses are heard by Bayes' rule, as loudly as their factors say."""

import numpy as np
import pytest

from neural_phylogeny.relations.exact import BESIDE, DIRECTED, ORDERED, RESHAPED, UNTOUCHED
from neural_phylogeny.trees.fusion import DIRECTION, MOST_ODDS, TREES, bounded, factors, fused
from neural_phylogeny.trees.likeliest import likeliest_forest


def test_a_certain_witness_turns_an_edge_around():
    said, directed = np.array([[0.6, 0.5], [0.4, 0.5]]), np.array([[0.0, -8.0], [8.0, 0.0]])
    assert likeliest_forest(fused(said, {"rounded": directed})).tolist() == [1, -1]


def test_who_is_next_does_not_change_whether_there_is_a_parent(rng):
    said = rng.dirichlet(np.ones(4), size=4).T
    found = fused(said, {UNTOUCHED: rng.normal(size=(4, 4)), RESHAPED: rng.normal(size=(4, 4))})
    np.testing.assert_allclose(np.diag(found), np.diag(said))
    np.testing.assert_allclose(found.sum(axis=0), 1.0)


def test_silent_witnesses_change_nothing(rng):
    said = rng.dirichlet(np.ones(3), size=3).T
    np.testing.assert_allclose(fused(said, {}), said)
    np.testing.assert_allclose(fused(said, {"rounded": rng.normal(size=(3, 3))}, {"rounded": 0.0}), said)


def test_odds_multiply(rng):
    said, odds = rng.dirichlet(np.ones(3), size=3).T, np.zeros((3, 3))
    odds[0, 1] = 1.5
    before, after = (p[0, 1] / (1.0 - p[0, 1]) for p in (said, fused(said, {"rounded": odds}, {"rounded": 2.0})))
    assert after / before == pytest.approx(np.exp(3.0))


def test_direction_witnesses_are_a_lead_and_no_proof():
    direction = np.array([[0.0, 9.0], [-9.0, 0.0]])
    assert np.abs(bounded(direction)).max() == pytest.approx(MOST_ODDS, rel=1e-3)
    np.testing.assert_allclose(bounded(direction / 900.0), direction / 900.0, rtol=1e-3)
    said = np.full((2, 2), 0.5)
    assert 0.5 < fused(said, {DIRECTION: bounded(direction)})[0, 1] < 0.75


def test_what_ships_speaks_of_witnesses_that_are_and_never_against_their_word():
    shipped = factors()
    assert shipped.keys() <= {*DIRECTED, *ORDERED, *BESIDE, DIRECTION, TREES}
    assert max(shipped[DIRECTION], shipped[TREES]) < 0.5  # the detector knows most of it
    assert all(0.0 <= factor <= 2.0 for factor in shipped.values())
    assert all(shipped.get(name, 1.0) > 0.5 for name in DIRECTED)  # near-certain when they speak
