"""Families are solved one by one and joined to one forest."""

import numpy as np
import pytest

from neural_phylogeny.trees.array_data import family_of
from neural_phylogeny.trees.driver import in_each_family, joined, parents_in_groups, without_uncompared_edges
from neural_phylogeny.trees.family import Families
from neural_phylogeny.trees.forest import CommonInitialisation, Forest, Rivals


def chain(n):
    """A forest over n models with every field: each model is the parent of the next, and 0 of the last one too."""
    merged = np.zeros((n, n))
    merged[[0, n - 2], n - 1] = 0.25, 0.75
    return Forest(
        parents=np.arange(n) - 1,
        p_direction=np.linspace(1.0, 0.6, n),
        p_parent=np.linspace(0.9, 0.5, n),
        missing=np.where(np.arange(n) == 0, 0.8, 0.0),
        families=np.full(n, 7),
        rivals=Rivals(parents=np.where(np.arange(n) == 2, 0, -1), probability=np.full(n, 0.1)),
        common_initialisations=(CommonInitialisation(members=(0, 1), certain=True),),
        merged=merged,
    )


def test_every_field_is_joined_by_the_numbers_of_all_models():
    forest = joined(7, [(np.array([1, 4, 6]), chain(3)), (np.array([0, 2, 3]), chain(3))])
    assert forest.parents.tolist() == [-1, -1, 0, 2, 1, -1, 4]
    np.testing.assert_allclose(forest.p_direction, [1.0, 1.0, 0.8, 0.6, 0.8, 1.0, 0.6])
    assert forest.p_parent is not None
    np.testing.assert_allclose(forest.p_parent, [0.9, 0.9, 0.7, 0.5, 0.7, 1.0, 0.5])
    assert forest.missing is not None
    np.testing.assert_allclose(forest.missing, [0.8, 0.8, 0.0, 0.0, 0.0, 0.0, 0.0])
    assert forest.families is not None
    assert forest.families.tolist() == [0, 1, 0, 0, 1, 5, 1]
    assert forest.rivals is not None
    assert forest.rivals.parents.tolist() == [-1, -1, -1, 0, -1, -1, 1]
    assert [one.members for one in forest.common_initialisations] == [(1, 4), (0, 2)]
    assert forest.merged is not None
    assert {(int(i), int(j)): float(forest.merged[i, j]) for i, j in np.argwhere(forest.merged)} == {
        (1, 6): 0.25,
        (4, 6): 0.75,
        (0, 3): 0.25,
        (2, 3): 0.75,
    }


def test_without_families_all_are_roots_and_nothing_else_is_known():
    forest = joined(3, [])
    assert forest.parents.tolist() == [-1, -1, -1]
    assert forest.p_direction.tolist() == [1.0, 1.0, 1.0]
    assert {forest.p_parent is None, forest.missing is None, forest.rivals is None, forest.merged is None} == {True}


def test_a_field_is_known_of_all_families_or_of_none():
    bare = Forest(parents=np.array([-1, 0]), p_direction=np.ones(2))
    with pytest.raises(ValueError, match="must give `p_parent` for all families or for none"):
        joined(5, [(np.array([0, 1, 2]), chain(3)), (np.array([3, 4]), bare)])


def test_a_method_sees_each_family_of_at_least_two_alone(rng):
    gram = np.cov(rng.normal(size=(6, 30)))
    seen = []

    def solve(family, options):
        seen.append((family.gram, options))
        n = len(family)
        return Forest(parents=np.full(n, -1), p_direction=np.ones(n))

    labels = np.array([2, 0, 2, 1, 0, 2])
    in_each_family(solve)(Families(labels, family_of(gram=gram)), "options")
    assert [options for _, options in seen] == ["options"] * 2
    for (found, _), members in zip(seen, ([1, 4], [0, 2, 5]), strict=True):
        np.testing.assert_array_equal(found, gram[np.ix_(members, members)])


def test_a_negative_label_is_no_group():
    parents = parents_in_groups(np.array([1, -1, 1, 0, -1]), lambda members: np.arange(len(members)) - 1)
    assert parents.tolist() == [-1, -1, 0, -1, -1]


def test_only_edges_without_a_compared_matrix_are_removed():
    forest = Forest(parents=np.array([-1, 0, 0]), p_direction=np.array([1.0, 0.7, 0.8]))
    assert without_uncompared_edges(forest, np.ones((3, 3), dtype=bool)) is forest
    comparable = np.eye(3, dtype=bool)
    comparable[0, 1] = True
    found = without_uncompared_edges(forest, comparable)
    assert found.parents.tolist() == [-1, 0, -1]
    assert found.p_direction.tolist() == [1.0, 0.7, 1.0]
    assert forest.parents.tolist() == [-1, 0, 0], "forests are frozen"
