import numpy as np
import pytest

from neural_phylogeny.formats.memory import MemoryCheckpoint
from neural_phylogeny.inputs import View
from neural_phylogeny.tensors import samples
from neural_phylogeny.tensors.samples import CLEAR, COLUMNS, ROWS, Sampler, deviations, tells


@pytest.mark.parametrize("shape", [(4, 4), (40, 30), (300, 70), (60, 5000)])
@pytest.mark.parametrize("transposed", [False, True])
def test_a_sample_is_the_middle_of_a_matrix_in_whatever_way_it_is_read(rng, shape, transposed):
    stored = rng.normal(size=shape).astype(np.float32)
    checkpoint = MemoryCheckpoint({"w": stored})
    tensor = checkpoint.tensors["w"]
    if transposed:
        tensor = tensor.__class__(
            name="w",
            shape=shape[::-1],
            dtype="float32",
            view=View(split=shape, axes=(1, 0), layout="transposed"),
        )
    matrix = stored.T if transposed else stored
    places = [(length - min(length, most)) // 2 for length, most in zip(matrix.shape, (ROWS, COLUMNS), strict=True)]
    expected = matrix[places[0] :, places[1] :][:ROWS, :COLUMNS]
    np.testing.assert_array_equal(Sampler(checkpoint).raw(tensor), expected)


def test_no_more_samples_are_kept_than_may_be(rng, monkeypatch):
    monkeypatch.setattr(samples, "KEPT_VALUES", 100)
    checkpoint = MemoryCheckpoint({f"{k}": rng.normal(size=(4, 8)).astype(np.float32) for k in range(20)})
    sampler = Sampler(checkpoint)
    first = [sampler.matrix(tensor) for tensor in checkpoint.tensors.values()]
    again = [sampler.matrix(tensor) for tensor in checkpoint.tensors.values()]
    np.testing.assert_array_equal(first, again)
    assert len(sampler._known.samples) == 3


def test_values_of_what_cannot_tell_anything_are_not_looked_at(rng):
    """A perfect correlation of so few values is not clear, so that nothing is lost."""
    for shape in ((2, 2), (3, 3), (1, 6), (2, 7), (3, 4)):
        checkpoint = MemoryCheckpoint({"w": rng.normal(size=shape).astype(np.float32)})
        tensor = checkpoint.tensors["w"]
        assert tells(tensor) == bool(deviations(np.array(1.0), shape) >= CLEAR), shape
