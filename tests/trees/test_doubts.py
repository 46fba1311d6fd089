"""What an edge loses to the alternative that both models share an initialisation alone."""

import numpy as np
import pytest
from tests.trees.conftest import family_with, posterior_of

from neural_phylogeny.trees.auto import SURE, auto_forest, detector_forest
from neural_phylogeny.trees.doubts import with_doubts
from neural_phylogeny.trees.forest import Forest

PARENT = np.array([[0.98, 0.9, 0.97], [0.01, 0.08, 0.01], [0.01, 0.02, 0.02]])


def known(values):
    """What a forest must know."""
    assert values is not None
    return values


def doubted(p):
    found = np.zeros((3, 3))
    found[0, 1] = found[1, 0] = p
    return found


def test_parent_and_alternative_share_what_the_parent_had():
    plain = family_with(detector=posterior_of(PARENT), gram=np.ones((3, 3)))
    without = auto_forest(plain)
    family = family_with(detector=posterior_of(PARENT), gram=np.ones((3, 3)), independent=doubted(0.3))
    forest = auto_forest(family)
    assert forest.parents.tolist() == without.parents.tolist() == [-1, 0, 0]
    np.testing.assert_allclose(known(forest.independent), [0.0, 0.3 * 0.9, 0.0])
    np.testing.assert_allclose(known(forest.p_parent) + known(forest.independent), known(without.p_parent))
    np.testing.assert_allclose(known(forest.p_root) - known(forest.independent), known(without.p_root))
    assert forest.p_direction.tolist() == without.p_direction.tolist()


def test_other_methods_and_sure_families_do_not_ask():
    family = family_with(detector=posterior_of(PARENT), gram=np.ones((3, 3)), independent=doubted(0.3))
    assert not known(detector_forest(family).independent).any()
    sure = np.where(np.eye(3, dtype=bool), 1.0 - SURE, 0.0) / 4.0
    sure[0] = [0.999, 0.999, 0.999]
    sure /= sure.sum(axis=0)
    family = family_with(detector=posterior_of(sure), gram=np.ones((3, 3)), independent=doubted(0.3))
    assert not known(auto_forest(family).independent).any()


@pytest.mark.parametrize("merged", [False, True])
def test_parts_of_a_merge_are_not_doubted(merged):
    weights = np.array([[0.0, 0.5], [0.0, 0.0]]) * merged
    forest = Forest(parents=np.array([-1, 0]), p_direction=np.ones(2), p_parent=np.array([1.0, 0.8]), merged=weights)
    found = with_doubts(forest, np.array([[0.0, 0.5], [0.5, 0.0]]))
    assert known(found.p_parent)[1] == pytest.approx(0.8 if merged else 0.4)
    assert found.p_root is None
