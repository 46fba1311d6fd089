"""The closed form of root and edge probabilities is the sum over all forests."""

from itertools import product

import numpy as np
import pytest

from neural_phylogeny.trees.rooting import credible_set, forest_probabilities, root_probabilities


def is_forest(parents):
    for start in range(len(parents)):
        at, steps = start, 0
        while parents[at] != at:
            at, steps = parents[at], steps + 1
            if steps > len(parents):
                return False
    return True


def by_enumeration(parent):
    """Every choice of a parent for each model, itself for a root, that has no cycle."""
    n = len(parent)
    found, total = np.zeros((n, n)), 0.0
    for parents in product(range(n), repeat=n):
        if is_forest(parents):
            weight = float(np.prod([parent[i, j] for j, i in enumerate(parents)]))
            total += weight
            for j, i in enumerate(parents):
                found[i, j] += weight
    return found / total


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_probabilities_are_those_of_all_forests(rng, n):
    for _ in range(5):
        parent = rng.dirichlet(np.full(n, 0.5), size=n).T + 1e-6
        parent /= parent.sum(axis=0)
        np.testing.assert_allclose(forest_probabilities(parent), by_enumeration(parent), atol=1e-9)


def test_columns_add_up_to_one_also_where_no_root_is_likely(rng):
    parent = rng.dirichlet(np.full(40, 0.1), size=40).T
    np.fill_diagonal(parent, 0.0)
    parent /= parent.sum(axis=0)
    found = forest_probabilities(parent)
    np.testing.assert_allclose(found.sum(axis=0), 1.0, atol=1e-6)
    assert np.trace(found) == pytest.approx(1.0, abs=1e-6)  # so that one of them is the root


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_the_root_of_one_tree_is_that_of_all_trees(rng, n):
    for _ in range(5):
        parent = rng.dirichlet(np.full(n, 0.5), size=n).T + 1e-6
        expected = np.zeros(n)
        for parents in product(range(n), repeat=n):
            roots = [j for j, i in enumerate(parents) if i == j]
            if len(roots) == 1 and is_forest(parents):
                expected[roots[0]] += np.prod([parent[i, j] for j, i in enumerate(parents)])
        np.testing.assert_allclose(root_probabilities(parent), expected / expected.sum(), atol=1e-9)


@pytest.mark.parametrize(
    ("p_root", "expected"),
    [([0.71, 0.24, 0.04, 0.01], [0, 1]), ([0.01, 0.98, 0.01], [1]), ([0.9, 0.1, 0.9], [0, 2, 1]), ([], [])],
)
def test_a_credible_set_holds_the_root(p_root, expected):
    assert credible_set(np.array(p_root)) == expected
