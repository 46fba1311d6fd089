"""The likeliest forest, against networkx; who stays together."""

from dataclasses import replace

import networkx as nx
import numpy as np
import pytest
from tests.trees.conftest import problem_of

from neural_phylogeny.trees.learned import learned_forest
from neural_phylogeny.trees.likeliest import likeliest_forest


@pytest.mark.parametrize("n", [2, 3, 5, 7])
def test_no_forest_is_likelier(rng, n):
    for _ in range(10):
        said = rng.dirichlet(np.full(n, 0.4), size=n).T + 1e-6
        graph: nx.DiGraph[int] = nx.DiGraph()
        graph.add_weighted_edges_from((n, j, np.log(said[j, j])) for j in range(n))
        graph.add_weighted_edges_from((i, j, np.log(said[i, j])) for i in range(n) for j in range(n) if i != j)
        best = nx.maximum_spanning_arborescence(graph)
        expected = sum(graph[i][j]["weight"] for i, j in best.edges)
        found = likeliest_forest(said)
        total = sum(np.log(said[p if p >= 0 else j, j]) for j, p in enumerate(found))
        assert total == pytest.approx(expected)
        assert nx.is_directed_acyclic_graph(nx.DiGraph([(p, j) for j, p in enumerate(found) if p >= 0]))


def problem_that_says(rng, said, hidden):
    problem = problem_of(rng.normal(size=(len(said), 50)), np.zeros(len(said), dtype=int))
    return replace(problem, learned=lambda rows: (said[np.ix_(rows, rows)], hidden[rows]))


def test_siblings_of_a_hidden_parent_stay_together_and_strangers_do_not(rng):
    said = np.full((5, 5), 0.01)
    np.fill_diagonal(said, 0.96)
    said[:, 4] = [0.95, 0.01, 0.01, 0.01, 0.02]
    forest = learned_forest(problem_that_says(rng, said, np.array([0.9, 0.8, 0.7, 0.1, 0.6])), None)
    assert forest.parents.tolist() == [-1, -1, -1, -1, 0]
    assert forest.families is not None
    assert forest.missing is not None
    assert len(set(forest.families[[0, 1, 2, 4]])) == 1
    assert forest.families[3] != forest.families[0]
    np.testing.assert_allclose(forest.missing, [0.9, 0.8, 0.7, 0, 0])
    assert forest.p_parent is not None
    assert forest.p_parent[4] == 0.95


def test_the_next_likely_parent_is_told_and_what_is_left_is_shared(rng):
    said = np.array([[0.9, 0.7, 0.5], [0.04, 0.1, 0.3], [0.06, 0.2, 0.2]])
    forest = learned_forest(problem_that_says(rng, said, np.zeros(3)), None)
    assert forest.parents.tolist() == [-1, 0, 0]
    assert forest.rivals is not None
    assert forest.rivals.parents.tolist() == [2, 2, 1]
    np.testing.assert_allclose(forest.rivals.probability, [0.06, 0.2, 0.3])
    two = learned_forest(problem_that_says(rng, np.array([[0.9, 0.8], [0.1, 0.2]]), np.zeros(2)), None)
    assert two.rivals is not None
    assert two.p_parent is not None
    assert two.rivals.parents.tolist() == [1, -1]
    assert two.rivals.probability[1] == pytest.approx(1.0 - two.p_parent[1])


def test_one_orphan_alone_is_no_sibling(rng):
    said = np.full((3, 3), 0.05)
    np.fill_diagonal(said, 0.9)
    forest = learned_forest(problem_that_says(rng, said, np.array([0.9, 0.1, 0.1])), None)
    assert forest.missing is not None
    assert not forest.missing.any()
    assert forest.families is not None
    assert len(set(forest.families)) == 3


def test_a_doubtful_root_hangs_on_to_its_family_without_a_direction(rng):
    said = np.array(
        [[0.95, 0.9, 0.35, 0.01], [0.02, 0.08, 0.03, 0.01], [0.02, 0.01, 0.6, 0.01], [0.01, 0.01, 0.02, 0.97]]
    )
    forest = learned_forest(problem_that_says(rng, said, np.zeros(4)), None)
    assert forest.parents.tolist() == [-1, 0, 0, -1]
    np.testing.assert_allclose(forest.p_direction, [1.0, 0.9 / 0.92, 0.5, 1.0])
    assert forest.families is not None
    assert forest.families.tolist() == [0, 0, 0, 3]  # of 3 it is sure that no other is its parent


def test_of_doubtful_roots_alone_the_surest_stays_one(rng):
    said = np.array([[0.6, 0.3, 0.2], [0.2, 0.5, 0.1], [0.2, 0.2, 0.7]])
    forest = learned_forest(problem_that_says(rng, said, np.zeros(3)), None)
    assert (forest.parents < 0).tolist() == [False, False, True]
    assert forest.p_direction.tolist() == [0.5, 0.5, 1.0]
    assert forest.families is not None
    assert len(set(forest.families)) == 1


def test_of_two_models_a_parent_is_told_at_even_odds_with_siblings(rng):
    said = np.array([[0.98, 0.9], [0.02, 0.1]])
    forest = learned_forest(problem_that_says(rng, said, np.zeros(2)), None)
    assert forest.parents.tolist() == [-1, 0]
    assert forest.p_parent is not None
    assert forest.p_parent[1] == pytest.approx(0.9 / (0.9 + 5.0 * 0.1))


@pytest.mark.parametrize(("verdict", "n_families"), [(1, 1), (0, 3), (-1, 3)])
def test_orphans_stay_together_only_below_an_ancestor(rng, verdict, n_families):
    said = np.full((4, 4), 0.01)
    np.fill_diagonal(said, 0.97)
    said[:, 3] = [0.95, 0.02, 0.01, 0.02]
    problem = problem_that_says(rng, said, np.array([0.9, 0.8, 0.7, 0.1]))
    asked: list[list[int]] = []

    def ask(rows):
        asked.append(rows)
        return verdict

    forest = learned_forest(replace(problem, ancestral=ask), None)
    assert asked == [[0, 1, 2]]
    assert forest.families is not None
    assert forest.missing is not None
    assert len(np.unique(forest.families)) == n_families
    assert forest.families[3] == forest.families[0]  # a child stays with its parent
    assert (forest.missing > 0).sum() == (3 if verdict == 1 else 0)
    assert [(start.members, start.certain) for start in forest.common_initialisations] == (
        [] if verdict == 1 else [((0, 1, 2), verdict == -1)]
    )


@pytest.mark.parametrize("verdict", [1, 0, -1])
def test_two_models_of_one_initialisation_are_not_linked(rng, verdict):
    said = np.array([[0.6, 0.45], [0.4, 0.55]])
    problem = replace(problem_that_says(rng, said, np.zeros(2)), ancestral=lambda rows: verdict)
    forest = learned_forest(problem, None)
    assert forest.families is not None
    assert len(np.unique(forest.families)) == (2 if verdict < 0 else 1)
    assert len(forest.common_initialisations) == (1 if verdict < 0 else 0)
