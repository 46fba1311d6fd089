"""Parts of a model that was put together layer by layer: the cheap test leaves out none."""

import numpy as np

from neural_phylogeny.relations.merging import layered
from neural_phylogeny.relations.merging.values import MatrixValues, Products


def possible(values):
    return layered._possible(Products.of([MatrixValues(values, values.shape[1])]), 2, [0, 1])[0, 0, 1]


def test_a_cheap_test_rejects_no_mean_of_two(rng):
    for share in (0.0, 0.01, 0.5, 1.0):
        values = rng.normal(size=(3, 200)) + 5.0 * rng.normal(size=200)
        values[2] = share * values[0] + (1.0 - share) * values[1]
        assert possible(values)
        values[2] += rng.normal(size=200)
        assert not possible(values)


def test_models_that_are_nearly_one_are_left_to_the_full_test(rng):
    values = np.vstack([rng.normal(size=200)] * 3) + 1e-6 * rng.normal(size=(3, 200))
    assert possible(values)
