"""Views of storages: shape, strides and offset as a file claims them, checked before anything is read."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from neural_phylogeny.errors import DamagedFileError
from neural_phylogeny.formats.base import AnyArray
from neural_phylogeny.formats.unpickler import Storage, TensorRecord

EXPANSION_LIMIT = 64
"""A tensor may hold at most this many times the values of its storage (strides of 0 repeat values)."""


@dataclass(frozen=True, slots=True)
class View:
    """A tensor record whose numbers have been proven: it stays inside its storage."""

    storage: Storage
    dtype: np.dtype
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    @property
    def contiguous(self) -> bool:
        """Whether the values lie in C order without gaps."""
        expected = 1
        for length, stride in zip(reversed(self.shape), reversed(self.strides), strict=True):
            if length > 1 and stride != expected:
                return False
            expected *= length
        return True

    def take(self, values: AnyArray) -> AnyArray:
        """The view's values in flat C order, from all values of its storage."""
        if self.size == 0:
            return np.empty(0, dtype=values.dtype)
        strides = tuple(stride * values.itemsize for stride in self.strides)
        return np.lib.stride_tricks.as_strided(values[self.offset :], self.shape, strides, writeable=False).reshape(-1)


def prove(record: TensorRecord, available: int, path: str, name: str) -> View:
    """Check a tensor record against the ``available`` bytes of its storage.

    Raises DamagedFileError naming the tensor where anything is not a plain non-negative integer, or where the
    last value would lie beyond the storage.
    """

    def damaged(reason: str) -> DamagedFileError:
        return DamagedFileError(reason, path=path, tensor=name, remedy="Copy or download the file again.")

    storage, shape, strides = record.storage, record.shape, record.strides
    if not isinstance(storage, Storage):
        raise damaged("it refers to no storage")
    if not (isinstance(shape, list | tuple) and isinstance(strides, list | tuple) and len(shape) == len(strides) <= 64):
        raise damaged("its shape and strides are not sequences of one length")
    if not all(_is_count(n) for n in (record.offset, *shape, *strides)):
        raise damaged("its offset, shape or strides are not non-negative integers")
    dtype = record.dtype or storage.dtype
    n_values = available // dtype.itemsize
    size = math.prod(shape)
    last = record.offset + sum((length - 1) * stride for length, stride in zip(shape, strides, strict=True))
    if size and last >= n_values:
        raise damaged(f"its last value is number {last} of a storage that holds {n_values}")
    if size > EXPANSION_LIMIT * (n_values + 16):
        raise damaged(f"it claims {size} values of a storage that holds {n_values}")
    return View(storage, dtype, record.offset, tuple(shape), tuple(strides))


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**62
