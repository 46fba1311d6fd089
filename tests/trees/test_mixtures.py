"""Mixtures of experts lie in the middle of what they were made of; that does not make them parents."""

import numpy as np

from neural_phylogeny.relations.exact import STRONG, UPCYCLED
from neural_phylogeny.trees.array_data import family_of
from neural_phylogeny.trees.family import Family, Posterior
from neural_phylogeny.trees.mixtures import beside_mixtures

GRAM = np.eye(4) + 4.0
ODDS = np.zeros((4, 4))
ODDS[3, :3] = -STRONG


def judge(family: Family) -> Posterior:
    """Whoever is last is the parent of all others, if there is more than one; else the first."""
    n = len(family)
    parent = np.full((n, n), 0.1 / max(n - 1, 1))
    parent[n - 1 if n > 3 else 0] = 0.9
    return Posterior(parent=parent / parent.sum(axis=0), missing=np.full(n, 0.01))


def test_without_a_mixture_nothing_changes():
    family = family_of(gram=GRAM, exact={UPCYCLED: np.zeros((4, 4))})
    np.testing.assert_array_equal(beside_mixtures(family, judge).parent, judge(family).parent)
    np.testing.assert_array_equal(beside_mixtures(family_of(gram=GRAM), judge).parent, judge(family).parent)


def test_dense_models_are_judged_without_it():
    family = family_of(gram=GRAM, exact={UPCYCLED: ODDS})
    assert judge(family).parent[3].min() > 0.8
    found = beside_mixtures(family, judge)
    np.testing.assert_allclose(found.parent.sum(axis=0), 1.0)
    assert found.parent[0, :3].min() > 0.8
    np.testing.assert_allclose(found.parent[3, :3], 1.0 / (1.0 + np.exp(STRONG)))


def test_a_mixture_is_no_root():
    found = beside_mixtures(family_of(gram=GRAM, exact={UPCYCLED: ODDS}), judge)
    assert found.parent[3, 3] < 0.2
    assert found.missing.tolist() == [0.01] * 4


def test_one_dense_model_alone():
    odds = np.array([[0.0, 0.0], [-STRONG, 0.0]])
    found = beside_mixtures(family_of(gram=GRAM[:2, :2], exact={UPCYCLED: odds}), judge)
    assert found.parent[0].min() > 0.9
