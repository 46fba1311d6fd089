"""Of large networks the likelihood of trees has a small weight beside the detector."""

import numpy as np
import pytest

from neural_phylogeny.trees.array_data import family_of
from neural_phylogeny.trees.auto import posterior
from neural_phylogeny.trees.beside_tree import INNOVATION_TREE, LARGE, SEVERAL, WEIGHT, with_tree
from neural_phylogeny.trees.family import Posterior
from neural_phylogeny.trees.innovation_tree import innovation_forest, parent_probabilities

MANY = (LARGE // SEVERAL + 1,) * SEVERAL
"""Sizes of matrices of which the tree counts."""


def star(rng, sizes=MANY):
    """A root, the first of four models, and a detector that knows nothing."""
    root = rng.normal(size=4000)
    X = np.stack([root, *(root + 0.3 * rng.normal(size=4000) for _ in range(3))])
    even = Posterior(parent=np.full((4, 4), 0.25), missing=np.zeros(4))
    return family_of(gram=X @ X.T, detector=even, retained_sizes=sizes)


def test_probabilities_of_the_tree_are_those_of_its_best_one_and_of_its_neighbours(rng):
    family = star(rng)
    found = parent_probabilities(family)
    np.testing.assert_allclose(found.sum(axis=0), 1.0)
    assert found[0].min() > 0.9
    assert innovation_forest(family).parents.tolist() == [-1, 0, 0, 0]


@pytest.mark.parametrize("sizes", [(LARGE // SEVERAL - 1,) * SEVERAL, (LARGE,) * (SEVERAL - 1)])
def test_the_tree_counts_in_large_networks_of_several_matrices_alone(rng, sizes):
    even = posterior(star(rng, sizes)).parent
    found = posterior(star(rng)).parent
    assert np.ptp(even, axis=0).max() < 0.5
    assert found[0, 0] > 1.3 * even[0, 0]
    assert (found[0, 1:] > 1.3 * even[0, 1:]).all()
    np.testing.assert_allclose(np.diag(found)[1:], np.diag(even)[1:])  # no root gets a parent by it
    left_out = posterior(star(rng), without=(INNOVATION_TREE,)).parent
    np.testing.assert_allclose(left_out, even)


def test_larger_families_than_are_searched_stay_as_they_are(rng):
    X = rng.normal(size=(40, 50))
    parent = rng.dirichlet(np.ones(40), size=40).T
    family = family_of(gram=X @ X.T, detector=Posterior(parent=parent, missing=np.zeros(40)), retained_sizes=MANY)
    np.testing.assert_allclose(posterior(family).parent, posterior(family, without=(INNOVATION_TREE,)).parent)


@pytest.mark.parametrize("sure", [0.0, 1.0])
def test_what_the_tree_is_sure_of_moves_odds_by_a_bounded_factor(rng, sure):
    parent = rng.dirichlet(np.ones(3), size=3).T
    tree = np.where(np.eye(3, dtype=bool), sure, (1.0 - sure) / 2.0)
    found = with_tree(parent, tree)
    before, after = (np.diag(p) / (1.0 - np.diag(p)) for p in (parent, found))
    np.testing.assert_allclose(after / before, 999**WEIGHT if sure else 1.0)
