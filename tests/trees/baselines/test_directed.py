import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neural_phylogeny.trees.array_data import family_of
from neural_phylogeny.trees.baselines.directed import mother, nearest_older, tree_cost
from neural_phylogeny.trees.family import Families
from neural_phylogeny.trees.methods import METHODS
from neural_phylogeny.trees.spanning import topological_order

seeds = st.integers(0, 2**32 - 1)


def random_pairs(seed, n):
    rng = np.random.default_rng(seed)
    distance = rng.random((n, n))
    return distance + distance.T, rng.permutation(n).astype(float)


@given(st.integers(1, 9), seeds)
def test_without_cycles_it_is_the_nearest_older(n, seed):
    distance, age = random_pairs(seed, n)
    parents = nearest_older(distance, age[:, None] - age)
    for child, parent in enumerate(parents.tolist()):
        older = np.flatnonzero(age > age[child])
        assert parent == (older[np.argmin(distance[older, child])] if older.size else -1)


@given(st.integers(1, 9), seeds)
def test_cycles_are_broken_and_nothing_younger_is_a_parent(n, seed):
    rng = np.random.default_rng(seed)
    distance, direction = random_pairs(seed, n)[0], rng.normal(size=(n, n))
    direction = direction - direction.T
    parents = nearest_older(distance, direction)
    topological_order(parents)
    assert all(direction[parent, child] > 0 for child, parent in enumerate(parents.tolist()) if parent >= 0)


def test_no_edge_where_nothing_is_compared_or_known():
    distance = np.array([[0, 1, np.nan], [1, 0, np.nan], [np.nan, np.nan, 0]])
    age = np.array([3.0, 2.0, 1.0])
    assert nearest_older(distance, age[:, None] - age).tolist() == [-1, 0, -1]
    assert nearest_older(np.ones((2, 2)), np.zeros((2, 2))).tolist() == [-1, -1]


@given(st.integers(1, 8), seeds, st.sampled_from([0.0, 0.3, 2.0]))
def test_mother_is_the_least_directed_spanning_tree(n, seed, penalty):
    distance, age = random_pairs(seed, n)
    direction = age[:, None] - age
    parents = mother(distance, direction, penalty)
    topological_order(parents)
    off = ~np.eye(n, dtype=bool)
    costs = distance + penalty * (distance[off].sum() + np.trace(distance)) / max(n * (n - 1), 1) * (direction < 0)
    graph: nx.DiGraph[int] = nx.DiGraph()
    graph.add_nodes_from(range(n))
    graph.add_weighted_edges_from((i, j, costs[i, j]) for i in range(n) for j in range(n) if i != j)
    oracle = nx.minimum_spanning_arborescence(graph).size(weight="weight")
    found = sum(costs[parent, child] for child, parent in enumerate(parents.tolist()) if parent >= 0)
    assert (parents < 0).sum() == 1
    assert found == pytest.approx(oracle)


def test_mother_recovers_a_chain_whose_tails_grow(rng):
    steps = [rng.normal(size=800)]
    for _ in range(4):
        steps.append(steps[-1] + 0.5 * rng.normal(size=800))
    distance = np.linalg.norm(np.stack(steps)[:, None] - np.stack(steps), axis=2)
    tails = np.arange(5.0)
    assert mother(distance, tails[None, :] - tails[:, None]).tolist() == [-1, 0, 1, 2, 3]


def test_mother_goes_where_nothing_is_compared_last():
    distance = np.array([[0, 1, np.nan], [1, 0, 2], [np.nan, 2, 0]])
    age = np.array([3.0, 2.0, 1.0])
    assert mother(distance, age[:, None] - age).tolist() == [-1, 0, 1]


def test_the_stage_of_mother_is_guessed_by_the_cost_of_the_tree():
    """A chain of lighter and lighter tails: as given it is an ordinary tree with penalties, reversed it has none."""
    place = np.arange(4.0)
    distance = np.abs(place[:, None] - place)
    for lighter in (place - place[:, None], place[:, None] - place):
        family = family_of(gram=np.eye(4) + 0.9, distance=distance, lighter_tails=lighter)
        families = Families(np.zeros(4, dtype=np.int64), family)
        guessed = METHODS["mother-guessed"].solve(families).parents
        costs = [tree_cost(mother(distance, sign * lighter), distance, sign * lighter) for sign in (1, -1)]
        assert guessed.tolist() == mother(distance, (1 if costs[0] <= costs[1] else -1) * lighter).tolist()
