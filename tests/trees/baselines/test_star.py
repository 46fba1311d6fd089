import numpy as np

from neural_phylogeny.trees.baselines.star import oldest, parent_by_total, parent_by_votes, stars


def by_age(*age):
    ages = np.array(age, dtype=float)
    return ages - ages[:, None]


def test_the_oldest_is_the_parent_of_its_cluster_alone():
    labels = np.array([0, 1, 0, 1, -1])
    assert stars(labels, by_age(2, 1, 1, 2, 0)).tolist() == [2, -1, -1, 1, -1]


def test_many_narrow_wins_beat_one_wide_win():
    direction = np.array([[0, 0.1, 0.1], [-0.1, 0, 9.0], [-0.1, -9.0, 0]])
    assert parent_by_votes(direction) == 0


def test_a_single_member_has_no_parent():
    assert stars(np.array([3]), np.zeros((1, 1))).tolist() == [-1]


def test_all_groups_at_once_are_each_by_itself(rng):
    direction = np.round(rng.normal(size=(7, 7)))
    direction = direction - direction.T
    groups = rng.random((20, 7)) < 0.5
    groups[:, 0] |= ~groups.any(axis=1)
    for group, found in zip(groups, oldest(groups, direction), strict=True):
        members = np.flatnonzero(group)
        assert found == members[parent_by_votes(direction[np.ix_(members, members)])]


def test_the_least_distance_beats_signs_when_it_is_requested():
    distance = np.array([5.0, 1.0, 3.0])
    assert parent_by_total(distance - distance[:, None]) == 1
    assert stars(np.zeros(3, dtype=np.int64), by_age(2, 1, 3), parent_by_total).tolist() == [1, -1, 1]
