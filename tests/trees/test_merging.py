"""Means have their parts for parents, and no circle comes of it."""

from dataclasses import replace

import networkx as nx
import numpy as np
import pytest
from tests.trees.conftest import problem_of

from neural_phylogeny.trees.learned import fused_forest
from neural_phylogeny.trees.merging import with_merges, without_circles


def test_parts_are_parents_and_nobody_is_made_from_its_mean(rng):
    said = rng.dirichlet(np.ones(5), size=5).T
    shares = np.zeros((5, 5))
    shares[[1, 3], 4] = 0.25, 0.75
    found = with_merges(said, shares)
    np.testing.assert_allclose(found.sum(axis=0), 1.0)
    np.testing.assert_allclose(found[[1, 3], 4], [0.25, 0.75], atol=1e-3)
    assert found[4, 1] < 1e-3 * said[4, 1] / (1 - said[4, 1]) + 1e-9
    np.testing.assert_allclose(found[:, [0, 2]], said[:, [0, 2]])
    np.testing.assert_allclose(with_merges(said, np.zeros((5, 5))), said)


def test_no_circle_is_left(rng):
    for _ in range(200):
        n = 6
        order = rng.permutation(n)
        parents = np.full(n, -1)
        for place in range(1, n):
            parents[order[place]] = order[rng.integers(place)] if rng.random() < 0.7 else -1
        shares = np.where(rng.random((n, n)) < 0.2, 0.5, 0.0) * (1 - np.eye(n))
        kept = without_circles(shares, parents)
        graph = nx.DiGraph([(p, j) for j, p in enumerate(parents.tolist()) if p >= 0])
        graph.add_edges_from(zip(*np.nonzero(kept), strict=True))
        assert nx.is_directed_acyclic_graph(graph)
        assert ((kept == shares) | (kept == 0)).all()


def test_parts_are_judged_without_their_mean_and_are_one_family(rng):
    """The mean of two siblings looks like their parent; without it, both are orphans."""
    shares = np.zeros((3, 3))
    shares[[0, 1], 2] = 0.5

    def learned(rows):
        n = len(rows)
        if n == 2:
            return np.full((2, 2), 0.05) + 0.9 * np.eye(2), np.full(2, 0.1)
        return np.array([[0.05, 0.0, 0.0], [0.0, 0.05, 0.0], [0.95, 0.95, 1.0]]), np.zeros(3)

    problem = replace(
        problem_of(rng.normal(size=(3, 50)), np.zeros(3, dtype=int)), learned=learned, merged=lambda rows: shares
    )
    forest = fused_forest(problem, None)
    assert forest.parents[:2].tolist() == [-1, -1]
    assert forest.parents[2] in (0, 1)
    assert forest.merged is not None
    assert forest.merged[:, 2].tolist() == [0.5, 0.5, 0.0]
    assert forest.families is not None
    assert len(set(forest.families.tolist())) == 1
    assert forest.p_parent is not None
    assert forest.p_parent[2] == pytest.approx(0.5, abs=0.01)
