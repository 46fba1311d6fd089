"""Neighbourhoods of a large group: every model in one core, beside the models next to it in the shortest tree."""

import numpy as np
import pytest

from neural_phylogeny.statistics.neighbourhoods import neighbourhoods, parts, spanning_tree


def family(n, rng, topology):
    """Points and parents: each is its parent and a step of its own."""
    above = [
        -1,
        *(0 if topology == "star" else k - 1 if topology == "chain" else int(rng.integers(k)) for k in range(1, n)),
    ]
    points = np.zeros((n, 400))
    for k, parent in enumerate(above):
        points[k] = (points[parent] if parent >= 0 else 3.0 * rng.normal(size=400)) + rng.uniform(
            0.2, 1.0
        ) * rng.normal(size=400)
    return points, np.array(above)


def distances(points):
    return lambda rows: np.square(points[list(rows)][:, None] - points[None]).sum(axis=2)


@pytest.mark.parametrize("topology", ["tree", "star", "chain"])
def test_a_model_is_in_one_core_and_its_parent_beside_it(rng, topology):
    points, above = family(150, rng, topology)
    found = neighbourhoods(range(150), distances(points), list(range(150)), core=10, size=24)
    assert sorted(model for one in found for model in one.core) == list(range(150))
    for one in found:
        assert len(one.members) <= 24
        assert set(one.core) <= set(one.members)
        assert all(above[model] in one.members for model in one.core if above[model] >= 0)


def test_copies_are_in_the_core_of_the_first_and_nowhere_else(rng):
    points, _ = family(60, rng, "star")
    contents = [0 if k % 20 == 0 else k for k in range(60)]
    points[[20, 40]] = points[0]
    found = neighbourhoods(range(60), distances(points), contents, core=8, size=16)
    (home,) = [one for one in found if 0 in one.core]
    assert {20, 40} <= set(home.core)
    assert not any({20, 40} & set(one.members) for one in found if one is not home)


def test_models_that_compare_nothing_are_in_a_core_too():
    apart = np.full((9, 9), np.inf)
    np.fill_diagonal(apart, 0.0)
    found = neighbourhoods(range(9), lambda rows: apart[list(rows)], list(range(9)), core=3, size=5)
    assert sorted(model for one in found for model in one.core) == list(range(9))


def test_the_tree_is_the_shortest_one(rng):
    points, above = family(40, rng, "chain")
    order, found, length = spanning_tree(np.arange(40), distances(points))
    assert sorted(order) == list(range(40))
    assert all(found[k] == k - 1 for k in range(1, 40)) == all(above[k] == k - 1 for k in range(1, 40))
    cut = parts(order, found, length, 7)
    assert all(7 <= len(part) < 14 for part, top in cut if top >= 0)
