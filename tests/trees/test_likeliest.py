"""From a posterior to the most probable forest, against networkx; who stays together."""

import networkx as nx
import numpy as np
import pytest
from tests.trees.conftest import family_with, posterior_of

from neural_phylogeny.trees.auto import auto_forest, detector_forest
from neural_phylogeny.trees.family import CommonOrigin
from neural_phylogeny.trees.likeliest import PARENTS_PER_SIBLINGS, forest_of, likeliest_forest


@pytest.mark.parametrize("n", [2, 3, 5, 7])
def test_no_forest_is_likelier(rng, n):
    for _ in range(10):
        parent = rng.dirichlet(np.full(n, 0.4), size=n).T + 1e-6
        graph: nx.DiGraph[int] = nx.DiGraph()
        graph.add_weighted_edges_from((n, j, np.log(parent[j, j])) for j in range(n))
        graph.add_weighted_edges_from((i, j, np.log(parent[i, j])) for i in range(n) for j in range(n) if i != j)
        best = nx.maximum_spanning_arborescence(graph)
        expected = sum(graph[i][j]["weight"] for i, j in best.edges)
        found = likeliest_forest(parent)
        total = sum(np.log(parent[p if p >= 0 else j, j]) for j, p in enumerate(found))
        assert total == pytest.approx(expected)
        assert nx.is_directed_acyclic_graph(nx.DiGraph([(p, j) for j, p in enumerate(found) if p >= 0]))


def test_siblings_of_a_missing_parent_are_one_family_and_others_are_not():
    parent = np.full((5, 5), 0.01)
    np.fill_diagonal(parent, 0.96)
    parent[:, 4] = [0.95, 0.01, 0.01, 0.01, 0.02]
    forest = forest_of(posterior_of(parent, [0.9, 0.8, 0.7, 0.1, 0.6]))
    assert forest.parents.tolist() == [-1, -1, -1, -1, 0]
    assert forest.families is not None
    assert forest.missing is not None
    assert forest.p_parent is not None
    assert len(set(forest.families[[0, 1, 2, 4]])) == 1
    assert forest.families[3] != forest.families[0]
    np.testing.assert_allclose(forest.missing, [0.9, 0.8, 0.7, 0, 0])
    assert forest.p_parent[4] == 0.95


def test_rivals_share_what_the_parent_leaves():
    parent = np.array([[0.9, 0.7, 0.5], [0.04, 0.1, 0.3], [0.06, 0.2, 0.2]])
    forest = forest_of(posterior_of(parent))
    assert forest.parents.tolist() == [-1, 0, 0]
    assert forest.rivals is not None
    assert forest.rivals.parents.tolist() == [2, 2, 1]
    np.testing.assert_allclose(forest.rivals.probability, [0.06, 0.2, 0.3])
    two = forest_of(posterior_of([[0.9, 0.8], [0.1, 0.2]]))
    assert two.rivals is not None
    assert two.p_parent is not None
    assert two.rivals.parents.tolist() == [1, -1]
    assert two.rivals.probability[1] == pytest.approx(1.0 - two.p_parent[1])


def test_a_single_root_without_its_parent_has_no_siblings():
    parent = np.full((3, 3), 0.05)
    np.fill_diagonal(parent, 0.9)
    forest = forest_of(posterior_of(parent, [0.9, 0.1, 0.1]))
    assert forest.missing is not None
    assert forest.families is not None
    assert not forest.missing.any()
    assert len(set(forest.families)) == 3


def test_an_improbable_root_is_linked_without_a_direction():
    parent = np.array(
        [[0.95, 0.9, 0.35, 0.01], [0.02, 0.08, 0.03, 0.01], [0.02, 0.01, 0.6, 0.01], [0.01, 0.01, 0.02, 0.97]]
    )
    forest = forest_of(posterior_of(parent))
    assert forest.parents.tolist() == [-1, 0, 0, -1]
    np.testing.assert_allclose(forest.p_direction, [1.0, 0.9 / 0.92, 0.5, 1.0])
    assert forest.families is not None
    assert forest.families.tolist() == [0, 0, 0, 3]  # 3 is a root with probability 0.97


def test_of_improbable_roots_alone_the_most_probable_stays_one():
    parent = np.array([[0.6, 0.3, 0.2], [0.2, 0.5, 0.1], [0.2, 0.2, 0.7]])
    forest = forest_of(posterior_of(parent))
    assert (forest.parents < 0).tolist() == [False, False, True]
    assert forest.p_direction.tolist() == [0.5, 0.5, 1.0]
    assert forest.families is not None
    assert len(set(forest.families)) == 1


def test_in_a_family_of_two_a_parent_has_even_prior_odds_with_a_sibling():
    forest = forest_of(posterior_of([[0.98, 0.9], [0.02, 0.1]]))
    assert forest.parents.tolist() == [-1, 0]
    assert forest.p_parent is not None
    assert forest.p_parent[1] == pytest.approx(0.9 / (0.9 + PARENTS_PER_SIBLINGS * 0.1))


@pytest.mark.parametrize(
    ("verdict", "n_families"),
    [(CommonOrigin.ANCESTOR, 1), (CommonOrigin.UNDECIDED, 3), (CommonOrigin.INITIALISATION, 3)],
)
def test_roots_are_one_family_only_below_an_ancestor(verdict, n_families):
    parent = np.full((4, 4), 0.01)
    np.fill_diagonal(parent, 0.97)
    parent[:, 3] = [0.95, 0.02, 0.01, 0.02]
    taken: list[list[int]] = []

    def origin(models):
        taken.append(models)
        return verdict

    forest = forest_of(posterior_of(parent, [0.9, 0.8, 0.7, 0.1]), origin)
    assert taken == [[0, 1, 2]]
    assert forest.families is not None
    assert forest.missing is not None
    assert len(np.unique(forest.families)) == n_families
    assert forest.families[3] == forest.families[0]  # a child is in the family of its parent
    assert (forest.missing > 0).sum() == (3 if verdict is CommonOrigin.ANCESTOR else 0)
    assert [(one.members, one.certain) for one in forest.common_initialisations] == (
        [] if verdict is CommonOrigin.ANCESTOR else [((0, 1, 2), verdict is CommonOrigin.INITIALISATION)]
    )


@pytest.mark.parametrize("verdict", CommonOrigin)
def test_two_models_of_one_initialisation_are_not_linked(verdict):
    family = family_with(detector=posterior_of([[0.6, 0.45], [0.4, 0.55]]), origin=verdict, gram=np.ones((2, 2)))
    forest = detector_forest(family)
    apart = verdict is CommonOrigin.INITIALISATION
    assert forest.families is not None
    assert len(np.unique(forest.families)) == (2 if apart else 1)
    assert len(forest.common_initialisations) == (1 if apart else 0)


def test_no_edge_and_no_link_joins_models_that_share_no_matrix():
    """Models 0 and 2 are compared with 1 alone; the detector's posterior would join the two."""
    parent = np.array([[0.8, 0.2, 0.6], [0.1, 0.7, 0.3], [0.1, 0.1, 0.1]])
    cosine = np.array([[1.0, 0.5, np.nan], [0.5, 1.0, 0.5], [np.nan, 0.5, 1.0]])
    assert detector_forest(family_with(detector=posterior_of(parent))).parents[2] == 0
    forest = detector_forest(family_with(detector=posterior_of(parent), cosine=cosine))
    assert forest.parents[2] == 1
    assert forest.p_parent is not None
    assert forest.p_parent[2] == pytest.approx(0.75)


def test_what_the_draw_excludes_counts_where_every_parent_is_rather_sure():
    """All parents are above 95 %; what the draw says of the second child excludes its parent."""
    parent = np.array([[0.98, 0.97, 0.97], [0.01, 0.02, 0.01], [0.01, 0.01, 0.02]])
    descent = np.array([[0.0, 1.0, -5.0], [-4.0, 0.0, -4.0], [-4.0, -4.0, 0.0]])
    forest = auto_forest(family_with(detector=posterior_of(parent), descent=descent, gram=np.ones((3, 3))))
    assert forest.parents.tolist() == [-1, 0, -1]
    assert [one.members for one in forest.common_initialisations] == [(0, 2)]
