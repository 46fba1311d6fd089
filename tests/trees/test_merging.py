"""Means have their parts for parents, and no cycle comes of it."""

import networkx as nx
import numpy as np
import pytest
from tests.trees.conftest import posterior_of

from neural_phylogeny.trees.array_data import ArrayData, family_of
from neural_phylogeny.trees.auto import auto_forest
from neural_phylogeny.trees.family import Family
from neural_phylogeny.trees.merging import with_merges, without_cycles


def test_parts_are_parents_and_nobody_is_made_from_its_mean(rng):
    parent = rng.dirichlet(np.ones(5), size=5).T
    shares = np.zeros((5, 5))
    shares[[1, 3], 4] = 0.25, 0.75
    found = with_merges(parent, shares)
    np.testing.assert_allclose(found.sum(axis=0), 1.0)
    np.testing.assert_allclose(found[[1, 3], 4], [0.25, 0.75], atol=1e-3)
    assert found[4, 1] < 1e-3 * parent[4, 1] / (1 - parent[4, 1]) + 1e-9
    np.testing.assert_allclose(found[:, [0, 2]], parent[:, [0, 2]])
    np.testing.assert_allclose(with_merges(parent, np.zeros((5, 5))), parent)


def test_no_cycle_is_left(rng):
    for _ in range(200):
        n = 6
        order = rng.permutation(n)
        parents = np.full(n, -1)
        for place in range(1, n):
            parents[order[place]] = order[rng.integers(place)] if rng.random() < 0.7 else -1
        shares = np.where(rng.random((n, n)) < 0.2, 0.5, 0.0) * (1 - np.eye(n))
        kept = without_cycles(shares, parents)
        graph = nx.DiGraph([(p, j) for j, p in enumerate(parents.tolist()) if p >= 0])
        graph.add_edges_from(zip(*np.nonzero(kept), strict=True))
        assert nx.is_directed_acyclic_graph(graph)
        assert ((kept == shares) | (kept == 0)).all()


class WithoutMean(ArrayData):
    """Three models whose detector sees two orphans when the mean of both is not there."""

    def detector(self):
        return posterior_of(np.full((2, 2), 0.05) + 0.9 * np.eye(2), [0.1, 0.1])


class WithMean(ArrayData):
    """The same, with the mean: it looks like the parent of the others."""

    def detector(self):
        return posterior_of([[0.05, 0.0, 0.0], [0.0, 0.05, 0.0], [0.95, 0.95, 1.0]])

    def subset(self, rows):
        return WithoutMean(**vars(super().subset(rows)))


def test_parts_are_judged_without_their_mean_and_are_one_family():
    merges = np.zeros((3, 3))
    merges[[0, 1], 2] = 0.5
    plain = family_of(gram=np.eye(3) + 0.5, direction=np.zeros((3, 3)), merges=merges)
    forest = auto_forest(Family(WithMean(**vars(plain.data))))
    assert forest.parents[:2].tolist() == [-1, -1]
    assert forest.parents[2] in (0, 1)
    assert forest.merged is not None
    assert forest.merged[:, 2].tolist() == [0.5, 0.5, 0.0]
    assert forest.families is not None
    assert len(set(forest.families.tolist())) == 1
    assert forest.p_parent is not None
    assert forest.p_parent[2] == pytest.approx(0.5, abs=0.01)
