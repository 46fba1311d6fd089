"""What is computed of single models once for all pairs: the same answers as of each pair alone."""

import numpy as np
import pytest

from neural_phylogeny.relations.explanations.grids import may_have_grid, steps_of_grid
from neural_phylogeny.relations.explanations.step import Sample, Step


def on_grid(values, width):
    blocks = values.reshape(-1, width)
    steps = np.abs(blocks).max(axis=1, keepdims=True) / 7
    return (np.round(blocks / steps) * steps).reshape(values.shape)


@pytest.mark.parametrize("width", [64, 32, 16])
def test_a_grid_with_a_few_blocks_off_it_is_not_excluded(rng, width):
    values = on_grid(rng.normal(size=(32, 64)), width)
    values[0, : min(width, 16)] = rng.normal(size=min(width, 16))  # one block of the first
    found = steps_of_grid(values) is not None
    assert may_have_grid(values[None], [None])[0] >= found
    assert not may_have_grid(rng.normal(size=(1, 32, 64)), [None])[0]


def test_a_grid_whose_first_units_are_zero_is_not_excluded(rng):
    values = on_grid(rng.normal(size=(32, 64)), 64)
    values[:16] = 0.0
    assert steps_of_grid(values) is not None
    assert may_have_grid(values[None], [None])[0]


def test_a_step_takes_what_is_known_of_its_samples(rng):
    parent, child = rng.normal(size=(2, 32, 64))
    shared = Step("w", parent, child, parent.shape, samples=(Sample(parent), Sample(child, is_plain=True)))
    alone = Step("w", parent, child, parent.shape)
    assert shared.grid is alone.grid is None
    assert (shared.growth, shared.bits, shared.precision) == (alone.growth, alone.bits, alone.precision)
    assert np.sqrt(shared.powers[-1]) == pytest.approx(np.linalg.norm(child - parent, 2))
