import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neural_phylogeny.trees.spanning import minimum_spanning_tree, reroot, root_tree, topological_order

seeds = st.integers(0, 2**32 - 1)


def random_problem(seed, n):
    rng = np.random.default_rng(seed)
    dissimilarity = rng.random((n, n))
    direction = rng.normal(size=(n, n))
    return (dissimilarity + dissimilarity.T) * (1 - np.eye(n)), direction - direction.T


@given(st.integers(1, 10), seeds)
def test_the_tree_weighs_what_networkx_finds(n, seed):
    dissimilarity, _ = random_problem(seed, n)
    tree = minimum_spanning_tree(dissimilarity)
    weight = sum(dissimilarity[i, p] for i, p in enumerate(tree.tolist()) if p >= 0)
    oracle = nx.minimum_spanning_tree(nx.from_numpy_array(dissimilarity)).size(weight="weight")
    assert weight == pytest.approx(oracle)


@given(st.integers(1, 9), seeds)
def test_root_and_probabilities_are_those_of_trying_every_root(n, seed):
    dissimilarity, direction = random_problem(seed, n)
    tree = minimum_spanning_tree(dissimilarity)
    rooted = root_tree(tree, direction)
    trees = [reroot(tree, root) for root in range(n)]
    total = np.array([sum(direction[p, i] for i, p in enumerate(t.tolist()) if p >= 0) for t in trees]) / 2
    assert rooted.parents[np.argmax(total)] == -1
    share = np.exp(total - total.max()) / np.exp(total - total.max()).sum()
    for child, parent in enumerate(rooted.parents.tolist()):
        if parent >= 0:
            expected = sum(share[root] for root in range(n) if trees[root][child] == parent)
            assert rooted.p_direction[child] == pytest.approx(expected)


@given(st.integers(2, 9), seeds)
def test_relabelling_the_models_relabels_the_answer(n, seed):
    dissimilarity, direction = random_problem(seed, n)
    order = np.random.default_rng(seed + 1).permutation(n)
    plain = root_tree(minimum_spanning_tree(dissimilarity), direction).parents
    at = np.ix_(order, order)
    shuffled = root_tree(minimum_spanning_tree(dissimilarity[at]), direction[at]).parents
    restored = np.full(n, -1)
    for k, parent in enumerate(shuffled.tolist()):
        restored[order[k]] = order[parent] if parent >= 0 else -1
    np.testing.assert_array_equal(restored, plain)


def test_rerooting_keeps_the_edges():
    tree = np.array([-1, 0, 1, 1])
    moved = reroot(tree, 2)
    assert moved.tolist() == [1, 2, -1, 1]


def test_a_cycle_is_reported():
    with pytest.raises(ValueError, match="the parent vector has a cycle"):
        topological_order(np.array([1, 0]))


def test_a_single_model_is_its_own_root():
    rooted = root_tree(minimum_spanning_tree(np.zeros((1, 1))), np.zeros((1, 1)))
    assert (rooted.parents.tolist(), rooted.margin, rooted.p_direction.tolist()) == ([-1], float("inf"), [1.0])
