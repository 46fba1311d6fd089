"""Grids of rows and blocks, wherever these begin."""

import numpy as np
import pytest

from neural_phylogeny.relations.exact import CERTAIN, exact_marks, pruned_besides
from neural_phylogeny.relations.gridded import gridded

NF4 = np.array([-1.0, -0.6962, -0.5251, -0.3949, -0.2844, -0.1848, -0.0911, 0.0])
NF4 = np.append(NF4, [0.0796, 0.1609, 0.2461, 0.3379, 0.4407, 0.5626, 0.723, 1.0])


def int8_of_rows(matrix):
    step = np.abs(matrix).max(axis=1, keepdims=True) / 127
    return np.round(matrix / step) * step


def nf4_of_blocks(matrix, block=64):
    rows = matrix.reshape(-1, block)
    largest = np.abs(rows).max(axis=1, keepdims=True)
    return (NF4[np.abs((rows / largest)[..., None] - NF4).argmin(axis=-1)] * largest).reshape(matrix.shape)


@pytest.fixture
def root(rng):
    shapes = {"a": (64, 80), "b": (48, 64), "lstm.weight_hh_l0": (96, 24)}
    return {name: 0.1 * rng.normal(size=shape) for name, shape in shapes.items()}


@pytest.mark.parametrize("made", [int8_of_rows, nf4_of_blocks])
def test_the_one_on_a_grid_came_later(measured, root, made, rng):
    tuned = {name: w + 0.03 * rng.standard_t(4, size=w.shape) for name, w in root.items()}
    statistics = measured(root, {name: made(w) for name, w in root.items()}, tuned)
    assert gridded(statistics).tolist() == [[False, True, False], [False] * 3, [False] * 3]
    assert exact_marks(statistics)["grid-of-blocks"][1].tolist() == [-CERTAIN, 0.0, 0.0]


def test_a_training_from_a_grid_is_no_rounding_to_it(measured, root, rng):
    coarse = {name: nf4_of_blocks(w) for name, w in root.items()}
    for size in (0.003, 0.03, 0.1):
        tuned = {name: w + size * rng.normal(size=w.shape) for name, w in coarse.items()}
        assert not gridded(measured(tuned, coarse)).any(), size


def test_what_was_pruned_besides_is_not_preferred_to_what_it_was_made_from():
    """0 was pruned to 1; 2 is either of them rounded to the same grid, and 3 is a rounding of 1 alone."""
    made, on_grid = np.zeros((4, 4)), np.zeros((4, 4), dtype=bool)
    made[0, 1], made[1, 0] = 8.0, -8.0
    on_grid[0, 2] = on_grid[1, 2] = on_grid[1, 3] = True
    found = pruned_besides(made, on_grid)
    assert found[1, 2] < 0
    assert np.count_nonzero(found) == 1
