"""Truth after members are lost, for all topologies."""

import numpy as np
import pytest

from neural_phylogeny.lab.families.truth import reordered, trees, without
from neural_phylogeny.lab.topologies import TOPOLOGIES, draw_parents


def ancestors(parents, k):
    """Of a member, the nearest first."""
    found = []
    while (k := parents[k]) >= 0:
        found.append(k)
    return found


def random_forest(rng):
    parents: list[int] = []
    for _ in range(int(rng.integers(1, 4))):
        topology, before = str(rng.choice(TOPOLOGIES)), len(parents)
        descendants = draw_parents(topology, int(rng.integers(0, 8)), rng, depth=9)
        parents += [-1, *(p + before for p in descendants)]
    return parents


@pytest.mark.parametrize("seed", range(100))
def test_the_parent_is_the_nearest_ancestor_that_is_kept(seed):
    rng = np.random.default_rng(seed)
    parents = random_forest(rng)
    keep = rng.random(len(parents)) < rng.uniform(0.3, 1.0)
    found, missing = without(parents, keep)
    members = np.flatnonzero(keep)
    lost = []
    for place, k in enumerate(members):
        nearest = next((a for a in ancestors(parents, k) if keep[a]), -1)
        assert (members[found[place]] if found[place] >= 0 else -1) == nearest
        line = ancestors(parents, k)
        lost.append(set(line[: line.index(nearest)] if nearest >= 0 else line))
    for place, own in enumerate(lost):
        assert missing[place] == any(own & other for k, other in enumerate(lost) if k != place)


@pytest.mark.parametrize("seed", range(20))
def test_another_order_is_the_same_forest(seed):
    rng = np.random.default_rng(seed)
    parents = np.array(random_forest(rng))
    order = rng.permutation(len(parents))
    edges = {(p, k) for k, p in enumerate(parents) if p >= 0}
    moved = reordered(parents, order)
    assert {(order[p], order[k]) for k, p in enumerate(moved) if p >= 0} == edges


def test_a_lost_root_leaves_its_children_missing_siblings():
    parents, missing = without([-1, 0, 0, 1], np.array([False, True, True, True]))
    assert parents.tolist() == [-1, -1, 0]
    assert missing.tolist() == [True, True, False]


def test_one_child_of_a_lost_root_has_nobody_to_share_it_with():
    parents, missing = without([-1, 0, 1], np.array([False, True, True]))
    assert parents.tolist() == [-1, 0]
    assert not missing.any()


def test_trees_of_one_initialisation_are_one():
    assert trees([-1, 0, -1, 2, -1], [7, 7, 5, 5, 7]).tolist() == [1, 1, 0, 0, 1]
