import numpy as np
import pytest

from neural_phylogeny.inputs import TensorInfo
from neural_phylogeny.statistics.matching import null_variance, prepared
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
