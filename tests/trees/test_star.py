import numpy as np

from neural_phylogeny.trees.star import parent_by_votes, stars


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
