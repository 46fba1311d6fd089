import math

import numpy as np
import pytest

from neural_phylogeny.inputs import TensorInfo
from neural_phylogeny.statistics.blocks import Block
from neural_phylogeny.statistics.matching import UnitMatching, null_variance, prepared, same_places
from neural_phylogeny.statistics.plan import SamplingPlan
from neural_phylogeny.tensors.alignment import AlignedTensor
from neural_phylogeny.tensors.roles import Role, matrix_shape


def test_the_null_variance_is_that_of_all_permutations(rng):
    X, Y = prepared(rng.normal(size=(2, 6, 9)).astype(np.float32))
    products = X @ Y.T
    drawn = [products[np.arange(6), rng.permutation(6)].sum() for _ in range(20_000)]
    variance = null_variance(np.stack([X, Y]))[0, 1]
    assert np.var(drawn) == pytest.approx(variance, rel=0.05)
    assert np.mean(drawn) == pytest.approx(0.0, abs=0.1 * np.sqrt(variance))


def test_no_unit_can_dominate(rng):
    matrices = rng.normal(size=(2, 50, 30)).astype(np.float32)
    matrices[0, 3] *= 1e4
    assert np.linalg.norm(prepared(matrices), axis=2).max() < 1.2


def test_both_means_are_removed(rng):
    found = prepared(rng.normal(3.0, 1.0, size=(2, 50, 30)).astype(np.float32))
    np.testing.assert_allclose(found.mean(axis=1), 0, atol=1e-6)
    np.testing.assert_allclose(found.mean(axis=2), 0, atol=1e-6)


def test_a_zero_matrix_stays_zero_without_a_warning():
    assert not prepared(np.zeros((1, 4, 4), dtype=np.float32)).any()


@pytest.mark.parametrize(
    ("shape", "axis"), [((6, 5), 0), ((5, 6), 1), ((3, 3, 4, 6), -1), ((2, 6, 3), 1), ((900, 400), 0)]
)
def test_the_sample_is_units_by_inputs_whatever_the_axis(shape, axis):
    axis %= len(shape)
    sources = (TensorInfo(name="w", shape=shape, dtype="float32"),) * 2
    sample = SamplingPlan().matched(AlignedTensor("w", Role.KERNEL, (0,) * len(shape), shape, axis, (0, 1), sources))
    units, inputs = matrix_shape(shape, axis)
    assert (sample.units, sample.inputs) == (min(units, 512), min(inputs, 128))
    values = np.moveaxis(np.arange(np.prod(shape)).reshape(shape), axis, 0).reshape(units, inputs)
    matrix = sample.where[sample.order].reshape(sample.units, sample.inputs)
    rows = {tuple(row) for row in values.tolist()} if inputs <= 128 else None
    assert np.all(np.diff(sample.where) > 0)
    if rows is not None and units <= 512:
        assert {tuple(sorted(row)) for row in matrix.tolist()} == {tuple(sorted(row)) for row in rows}
    else:
        assert all(len({int(np.argwhere(values == v)[0, 0]) for v in row[:3]}) == 1 for row in matrix[:3])


def dense(shape, role=Role.KERNEL, axis=0):
    sources = (TensorInfo(name="w", shape=shape, dtype="float32"),) * 2
    return AlignedTensor("w", role, (0,) * len(shape), shape, axis, (0, 1), sources)


def test_the_count_of_units_holds_its_level_whatever_the_inputs_have_in_common(rng):
    inputs = np.linalg.cholesky(0.9 * np.ones((6, 6)) + 0.1 * np.eye(6)).astype(np.float32)
    strangers = prepared(rng.normal(size=(300, 12, 6)).astype(np.float32) @ inputs.T)
    log_p = same_places(strangers)[np.triu_indices(300, 1)]
    for level in (0.1, 0.01, 0.001):
        assert np.mean(log_p <= np.log(level)) <= 1.3 * level


def test_the_count_of_units_is_the_bound_for_the_drawn_permutations(rng):
    parent = rng.normal(size=(8, 5)).astype(np.float32)
    child = parent + 0.4 * rng.normal(size=(8, 5)).astype(np.float32)
    found = same_places(prepared(np.stack([parent, *(child[rng.permutation(8)] for _ in range(4000))])))[0, 1:]
    for value in np.unique(found):
        assert np.mean(found <= value) <= np.exp(value) + 0.02


def test_twelve_units_of_a_fine_tune_say_more_than_their_sum(rng):
    parent = rng.normal(size=(12, 6)).astype(np.float32)
    pair = prepared(np.stack([parent, parent + 0.1 * rng.normal(size=(12, 6)).astype(np.float32)]))
    assert same_places(pair)[0, 1] == pytest.approx(-math.lgamma(13), rel=1e-5)


def test_dead_and_equal_units_match_nothing():
    dead = np.zeros((1, 12, 6), dtype=np.float32)
    equal = np.ones((1, 12, 6), dtype=np.float32)
    assert not same_places(np.concatenate([dead, dead, equal, equal])).any()


@pytest.mark.parametrize(
    ("tensor", "zeros", "counted"),
    [
        (dense((12, 7)), 0, True),
        (dense((7, 12), axis=1), 0, True),
        (dense((12, 7)), 5, False),
        (dense((12, 12)), 0, False),
        (dense((12, 7), Role.BOUNDARY), 0, False),
        (dense((40, 7)), 0, False),
        (dense((12, 7), axis=None), 0, False),
    ],
)
def test_units_are_counted_where_they_are_few_and_in_no_order(rng, tensor, zeros, counted):
    values = rng.normal(size=(2, *tensor.shape)).astype(np.float32)
    values[0].ravel()[: zeros * 7] = 0
    whole = Block(0, 0, tensor.size)
    matching = UnitMatching()
    found = matching.combine(tensor, [matching.measure(tensor, whole, values.reshape(2, -1))])
    assert bool(found["places"][0, 0] if "places" in found else 0.0) is counted
