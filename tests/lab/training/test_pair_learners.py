"""Learners of pairs, on groups whose parents are the shorter and more similar models."""

import numpy as np
import pytest

from neural_phylogeny.detector.features import names
from neural_phylogeny.detector.network import Inputs
from neural_phylogeny.lab.training.examples import Example
from neural_phylogeny.lab.training.pair_learners import LENGTHS, SIMILARITY, Learner, PairDetector, embedded, learnt

COLUMN = {name: k for k, name in enumerate(names())}


def planted(rng, n=6):
    """A star whose root is similar to all others and shorter than they."""
    features = rng.normal(size=(n, n, len(names()))).astype(np.float16)
    root = int(rng.integers(n))
    similar = np.full((n, n), 0.3)
    similar[root] = similar[:, root] = 0.9
    np.fill_diagonal(similar, 1.0)
    length = np.where(np.arange(n) == root, 0.0, 1.0)
    features[:, :, COLUMN[SIMILARITY]] = similar
    features[:, :, COLUMN[LENGTHS[0]]] = length[None, :] - length[:, None]
    parents = np.where(np.arange(n) == root, -1, root)
    triples = np.zeros((n, n, n, 1), dtype=np.float16)
    return Example(features, triples, parents, np.zeros(n, dtype=bool), {})


def right_parents(found, rng, check=lambda example, parent: None):
    """How many of the 60 parents of ten planted stars are found; each star is also passed to ``check``."""
    right = 0
    for _ in range(10):
        example = planted(rng)
        parent = found.probabilities(example.inputs).parent
        np.testing.assert_allclose(parent.sum(axis=0), 1.0, rtol=1e-5)
        guess = parent.argmax(axis=0)
        right += int((np.where(guess == np.arange(6), -1, guess) == example.parents).sum())
        check(example, parent)
    return right


def test_a_planted_star_is_learnt_from_the_graph_alone(rng):
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    found = learnt("spectral embedding, logistic regression", [planted(rng) for _ in range(40)])
    assert right_parents(found, rng) >= 54


def test_a_graph_network_learns_a_planted_star_and_does_not_look_at_the_order(rng):
    pytest.importorskip("torch", reason="torch is not installed")
    from neural_phylogeny.lab.training.graph_network import graph_network

    found = graph_network([planted(rng) for _ in range(240)])
    order = rng.permutation(6)

    def is_shuffled_alike(example, parent):
        shuffled = Inputs(example.inputs.pairs[np.ix_(order, order)], example.triples, example.inputs.thirds)
        np.testing.assert_allclose(found.probabilities(shuffled).parent, parent[np.ix_(order, order)], atol=1e-5)

    assert right_parents(found, rng, is_shuffled_alike) >= 54


def test_odds_of_all_possible_parents_add_up_to_one():
    class Same:
        def predict_proba(self, rows):
            return np.full((len(rows), 2), 0.5)

    chosen = PairDetector(None, (), (), {}, learner=Learner(Same, embedded), model=Same())  # type: ignore[arg-type]
    example = planted(np.random.default_rng(0), 3)
    np.testing.assert_allclose(chosen.probabilities(example.inputs).parent, 1.0 / 3.0)
    assert not chosen.probabilities(example.inputs).missing.any()


def test_an_unknown_learner_is_refused():
    with pytest.raises(KeyError):
        learnt("boosting", [])
