"""Windows of strided tensors: the values, what is read for them, and when that is refused."""

import math

import numpy as np
import pytest

from neural_phylogeny.errors import LimitError
from neural_phylogeny.formats.strided import check_turns, window

WINDOW = 1 << 22


def counted(stored, shape, strides, start, stop):
    """A window, and the reads that it took as (count, values)."""
    counts = []

    def read(first, count):
        counts.append(count)
        return stored[first : first + count]

    return window(read, 0, shape, strides, start, stop), (len(counts), sum(counts))


@pytest.mark.parametrize("shape", [(7, 5), (40, 3000), (3000, 40), (3, 5, 7), (2, 50_000), (1, 9), (6, 1, 4)])
def test_a_window_of_a_transposed_tensor(shape, rng):
    stored = rng.normal(size=math.prod(shape))
    strides = tuple(math.prod(shape[:axis]) for axis in range(len(shape)))
    flat = stored.reshape(shape, order="F").ravel()
    for start, stop in ((0, len(flat)), (3, 4), (len(flat) // 3, len(flat) - 1), (2, 2)):
        assert np.array_equal(counted(stored, shape, strides, start, stop)[0], flat[start:stop])


def test_strides_of_zero_repeat_values():
    found, (calls, values) = counted(np.arange(4.0), (1000, 4), (0, 1), 2, 3998)
    assert np.array_equal(found, np.tile(np.arange(4.0), 1000)[2:3998])
    assert values < 40
    assert calls < 10


def test_close_values_are_read_in_few_calls():
    """Short reads would cover all of it too."""
    _, (calls, values) = counted(np.zeros(1_000_000), (1000, 1000), (1, 1000), 0, 5000)
    assert values <= 1_100_000
    assert calls < 20


def test_far_values_are_read_one_by_one():
    _, (_, values) = counted(np.zeros(2_000_000), (100_000, 20), (1, 100_000), 0, 2000)
    assert values < 200_000


@pytest.mark.parametrize(
    "shape",
    [(4096, 14336), (14336, 4096), (128256, 4096), (2, 125_000_000), (50, 1_000_000), (4096, 4096), (2048, 512, 3, 3)],
)
def test_transposed_tensors_of_models_are_read(shape):
    check_turns(shape, tuple(math.prod(shape[:axis]) for axis in range(len(shape))), WINDOW, "m.pt", "w")


def test_a_tensor_of_which_every_window_needs_the_whole_file_is_refused():
    with pytest.raises(LimitError, match=r"m\.pt: .*--limit turns="):
        check_turns((1000, 750_000), (1, 1000), WINDOW, "m.pt", "w")
