"""A file and its rounded copy are one point to everybody else."""

import numpy as np

from neural_phylogeny.relations.exact import CERTAIN, GRIDDED
from neural_phylogeny.trees.array_data import family_of
from neural_phylogeny.trees.family import Family, Posterior
from neural_phylogeny.trees.twins import among_twins, joined, roundings, twins

PLACES = np.array([0.0, 0.01, 1.0, 2.0, 2.02])
DISTANCE = abs(PLACES[:, None] - PLACES)


def family(distance: np.ndarray = DISTANCE) -> Family:
    return family_of(gram=np.eye(len(distance)) + 4.0, distance=distance)


def judge(family: Family) -> Posterior:
    """Of three models the first is the parent, with 0.9; of more everybody is as good as anybody."""
    n = len(family)
    parent = np.full((n, n), 1.0 / n)
    if n == 3:
        parent = np.array([[0.9, 0.9, 0.9], [0.05] * 3, [0.05] * 3])
    return Posterior(parent=parent, missing=np.full(n, 0.1))


def groups(distance: np.ndarray) -> list[list[int]]:
    return [group.tolist() for group in twins(distance)]


def test_groups_are_far_nearer_than_the_next_model():
    assert groups(DISTANCE) == [[0, 1], [3, 4]]
    assert groups(DISTANCE[:4, :4]) == [[0, 1]]
    assert not groups(DISTANCE[:2, :2])  # nobody is there to be far from
    assert not groups(DISTANCE[2:4, 2:4])
    even = np.ones((6, 6)) - np.eye(6)
    assert not groups(even)


def test_the_smallest_groups_count():
    places = np.array([0.0, 0.01, 1.0, 1.01, 50.0])
    assert groups(abs(places[:, None] - places)) == [[0, 1], [2, 3]]


def test_what_cannot_be_compared_is_not_far():
    distance = DISTANCE.copy()
    distance[:2, 2:] = distance[2:, :2] = np.nan
    assert [0, 1] not in groups(distance)


def test_without_twins_nothing_changes():
    of = family(np.ones((4, 4)) - np.eye(4))
    np.testing.assert_array_equal(among_twins(of, judge).parent, judge(of).parent)


def test_others_are_judged_beside_one_twin():
    found = among_twins(family(), judge)
    np.testing.assert_allclose(found.parent.sum(axis=0), 1.0)
    assert found.parent[[0, 1], 2].sum() > 0.89  # all five as one: 0.4
    assert found.parent[0, 2] == found.parent[1, 2]  # which of the two is not known
    assert found.parent[1, 0] == judge(family()).parent[1, 0]
    assert (found.missing <= 0.1).all()


def test_roundings_are_twins_of_the_nearest_that_they_are_roundings_of():
    rounded, blocks = np.zeros((5, 5)), np.zeros((5, 5))
    rounded[0, 2], rounded[2, 0] = CERTAIN, -CERTAIN
    blocks[4, 3] = blocks[4, 0] = -CERTAIN
    exact = {"rounded": rounded, GRIDDED: blocks}
    found = [pair.tolist() for pair in roundings(exact, DISTANCE)]
    assert found == [[0, 2], [3, 4]]
    assert not roundings({}, DISTANCE)
    groups = joined([*twins(DISTANCE[:4, :4]), *map(np.array, found)], 5)
    assert [group.tolist() for group in groups] == [[0, 1, 2], [3, 4]]


def test_a_family_of_twins_alone_is_judged_as_one():
    rounded = np.zeros((2, 2))
    rounded[0, 1] = CERTAIN
    of = family_of(gram=np.eye(2) + 4.0, exact={"rounded": rounded})
    np.testing.assert_array_equal(among_twins(of, judge).parent, judge(of).parent)
