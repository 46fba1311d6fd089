"""Weight normalisation against torch's formula, whole and in slices; what does not fit stays as it is."""

import ml_dtypes
import numpy as np
import pytest

from neural_phylogeny.formats.memory import MemoryCheckpoint
from neural_phylogeny.formats.weight_norm import CODES, SPELLINGS, weight_normed


def layer(rng, shape, names, stem="net.0.", dtype=np.float32):
    length = rng.uniform(0.5, 2, (shape[0], *(1,) * (len(shape) - 1)))
    return {stem + names[0]: length.astype(dtype), stem + names[1]: rng.normal(size=shape).astype(dtype)}


@pytest.mark.parametrize("names", SPELLINGS)
@pytest.mark.parametrize("shape", [(6, 5), (4, 3, 7), (3, 2, 2, 2)])
@pytest.mark.parametrize("dtype", [np.float32, ml_dtypes.bfloat16])
def test_a_weight_is_length_times_direction(names, shape, dtype, rng):
    stored = layer(rng, shape, names, dtype=dtype)
    checkpoint = weight_normed(MemoryCheckpoint(stored))
    assert list(checkpoint.tensors) == ["net.0.weight"]
    info = checkpoint.tensors["net.0.weight"]
    assert (info.shape, info.codes, info.code_bits) == (shape, CODES, 0)
    length, direction = (array.astype(np.float64) for array in stored.values())
    norms = np.sqrt(np.square(direction).sum(tuple(range(1, len(shape))), keepdims=True))
    whole = checkpoint.read("net.0.weight")
    np.testing.assert_allclose(whole.reshape(shape), length * direction / norms, rtol=1e-5)
    for start, stop in ((0, 1), (1, whole.size - 1), (whole.size - 1, whole.size), (3, 3)):
        np.testing.assert_array_equal(checkpoint.read("net.0.weight", start, stop), whole[start:stop])


def test_a_row_of_zeros_stays_one(rng):
    stored = layer(rng, (3, 4), SPELLINGS[0])
    stored["net.0.weight_v"][1] = 0.0
    assert not weight_normed(MemoryCheckpoint(stored)).read("net.0.weight").reshape(3, 4)[1].any()


@pytest.mark.parametrize(
    "change",
    [
        {"net.0.weight_g": None},
        {"net.0.weight_g": np.ones(())},
        {"net.0.weight_g": np.ones((1, 5))},
        {"net.0.weight": np.ones((6, 5))},
        {"net.0.weight_v": np.ones(6)},
        {"net.0.weight_v": np.zeros((6, 0))},
    ],
)
def test_what_does_not_fit_stays(change, rng):
    stored = layer(rng, (6, 5), SPELLINGS[0]) | change
    inner = MemoryCheckpoint({name: array for name, array in stored.items() if array is not None})
    assert weight_normed(inner) is inner
