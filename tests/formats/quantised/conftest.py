"""Decoding of models in memory, whole and in slices."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from neural_phylogeny.formats.base import Checkpoint
from neural_phylogeny.formats.memory import MemoryCheckpoint
from neural_phylogeny.formats.quantised import dequantised

Decode = Callable[[Mapping[str, Any]], Checkpoint]


@pytest.fixture
def opened() -> Decode:
    """A model in memory with its codes decoded; every slice of it is checked to be one of the whole."""

    def run(arrays: Mapping[str, Any], *files: tuple[str, str]) -> Checkpoint:
        checkpoint = dequantised(MemoryCheckpoint(arrays), files)
        rng = np.random.default_rng(0)
        for name, tensor in checkpoint.tensors.items():
            whole = checkpoint.read(name)
            assert whole.size == tensor.size
            assert whole.dtype.name == tensor.dtype
            for _ in range(6):
                start, stop = sorted(rng.integers(0, tensor.size + 1, 2).tolist())
                out = np.full(stop - start, np.nan, dtype=np.float32)
                checkpoint.read_into(name, start, out)
                np.testing.assert_array_equal(out, whole[start:stop].astype(np.float32))
        return checkpoint

    return run


def value(checkpoint: Checkpoint, name: str) -> Any:
    """A tensor in its shape."""
    return checkpoint.read(name).reshape(checkpoint.tensors[name].shape)
