"""All rooted trees of a few nodes; climbing reaches the best of them."""

import numpy as np
import pytest

from neural_phylogeny.trees.search import all_trees, best_tree, neighbours


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_there_are_as_many_trees_as_cayley_says(n):
    trees = all_trees(n)
    assert len(trees) == n ** (n - 1) == len({tuple(tree) for tree in trees.tolist()})


def test_steps_lead_to_trees():
    tree = np.array([-1, 0, 1, 1, 0, 4])
    found = {tuple(step) for step in neighbours(tree, np.ones((6, 6), dtype=bool)).tolist()}
    every = {tuple(t) for t in all_trees(6).tolist()}
    assert found <= every
    assert tuple(tree.tolist()) not in found
    assert (-1, 0, 0, 1, 0, 4) in found  # 2 is moved below 0
    assert (1, -1, 1, 1, 0, 4) in found  # 1 the root
    assert (1, -1, 0, 0, 1, 4) in found  # 0 and 1 exchanged


@pytest.mark.parametrize("n", [4, 6])
def test_the_best_tree_is_found(rng, n):
    weights = rng.normal(size=(n + 1, n))
    score = lambda trees: weights[trees, np.arange(n)].sum(axis=1)  # noqa: E731
    every = all_trees(n)
    starts = [np.where(np.arange(n) == k, -1, k) for k in range(n)]
    tree, value = best_tree(score, starts, np.ones((n, n), dtype=bool))
    assert value == pytest.approx(score(every).max())
    assert score(tree[None])[0] == pytest.approx(value)
