from io import StringIO

import numpy as np
import pytest

from neural_phylogeny.trees.array_data import family_of
from neural_phylogeny.trees.baselines.joining import chow_liu, least_deviation, middle, neighbour_joining
from neural_phylogeny.trees.family import Families
from neural_phylogeny.trees.methods import METHODS

CHAIN = np.abs(np.arange(5.0)[:, None] - np.arange(5.0))


def additive(rng, n):
    """Distances of the leaves of a random binary tree with random lengths."""
    places = [np.zeros(1)]
    while len(places) < n:
        k = int(rng.integers(len(places)))
        split, length = places[k], 2 * n
        a, b = np.zeros(length), np.zeros(length)
        a[: len(split)] = b[: len(split)] = split
        a[len(places)] += rng.uniform(0.1, 1.0)
        b[n + len(places) - 1] += rng.uniform(0.1, 1.0)
        places[k : k + 1] = [a, b]
    table = np.stack([np.pad(place, (0, 2 * n - len(place))) for place in places])
    return np.abs(table[:, None] - table).sum(axis=2)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 9])
def test_distances_along_a_tree_are_found_again(rng, n):
    distance = additive(rng, n)
    np.testing.assert_allclose(neighbour_joining(distance).paths()[:n, :n], distance, atol=1e-9)


def test_neighbour_joining_is_that_of_dendropy(rng):
    dendropy = pytest.importorskip("dendropy", reason="DendroPy is not installed")
    points = rng.normal(size=(8, 30))
    distance = np.linalg.norm(points[:, None] - points, axis=2)
    names = [f"m{k}" for k in range(8)]
    lines = [",".join(["", *names])] + [
        ",".join([name, *map(str, row)]) for name, row in zip(names, distance, strict=True)
    ]
    theirs = dendropy.PhylogeneticDistanceMatrix.from_csv(StringIO("\n".join(lines)), delimiter=",").nj_tree()
    paths = theirs.phylogenetic_distance_matrix()
    taxa = {taxon.label: taxon for taxon in theirs.taxon_namespace}
    wanted = [[paths.patristic_distance(taxa[a], taxa[b]) for b in names] for a in names]
    np.testing.assert_allclose(neighbour_joining(distance).paths()[:8, :8], wanted, atol=1e-6)


def test_a_star_whose_middle_is_a_model_is_a_star():
    distance = np.full((5, 5), 2.0) - 2.0 * np.eye(5)
    distance[0, 1:] = distance[1:, 0] = 1.0
    tree = neighbour_joining(distance)
    path = tree.paths()[:5, :5]
    assert middle(path) == least_deviation(path) == 0
    assert tree.rooted(0).tolist() == [-1, 0, 0, 0, 0]
    assert tree.rooted(2).tolist() == [2, 0, -1, 0, 0]


def test_a_chain_is_rooted_in_its_middle():
    assert middle(CHAIN) == least_deviation(CHAIN) == 2
    tree = chow_liu(1.0 - CHAIN / 10.0, CHAIN)
    assert tree.rooted(2).tolist() == [1, 2, -1, 2, 3]
    np.testing.assert_allclose(tree.paths(), CHAIN)


def test_a_clock_puts_the_root_where_both_sides_are_equally_far():
    """Two long children of 0, and two of one of them: the path is longest between 2 and 4."""
    lengths = np.array(
        [[0, 3, 3, 4, 4], [3, 0, 6, 1, 1], [3, 6, 0, 7, 7], [4, 1, 7, 0, 2], [4, 1, 7, 2, 0]], dtype=float
    )
    assert least_deviation(lengths) == 0


def test_a_chow_liu_tree_is_the_spanning_tree_of_scipy(rng):
    sparse = pytest.importorskip("scipy.sparse.csgraph", reason="SciPy is not installed")
    points = rng.normal(size=(12, 20))
    gram = points @ points.T
    cosine = gram / np.sqrt(np.outer(np.diag(gram), np.diag(gram)))
    information = -0.5 * np.log1p(-np.minimum(cosine**2, 1.0 - 1e-12))
    theirs = sparse.minimum_spanning_tree(np.triu(information.max() + 1.0 - information, 1)).toarray()
    ours = chow_liu(cosine, np.ones((12, 12))).edges
    assert {tuple(sorted(edge)) for edge in ours.tolist()} == set(zip(*map(list, np.nonzero(theirs)), strict=True))


@pytest.mark.parametrize("name", ["neighbour-joining", "chow-liu"])
def test_the_norm_roots_where_no_clock_does(name, rng):
    """A chain that grows: the middle is wrong, the least norm is right."""
    steps = np.cumsum(rng.normal(size=(5, 400)), axis=0)
    gram = steps @ steps.T
    norms = np.diag(gram)
    family = family_of(gram=gram, direction=norms - norms[:, None], nearer=lambda fake: norms - norms[:, None])
    families = Families(np.zeros(5, dtype=np.int64), family)
    assert METHODS[f"{name}-norm"].solve(families).parents.tolist() == [-1, 0, 1, 2, 3]
    assert METHODS[name].solve(families).parents[0] >= 0
