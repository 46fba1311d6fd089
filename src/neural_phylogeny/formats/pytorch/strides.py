"""Views of storages: shape, strides and offset as a file claims them, checked before anything is read."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from neural_phylogeny.errors import DamagedFileError
from neural_phylogeny.formats.base import AnyArray
from neural_phylogeny.formats.pytorch.inert import Storage, TensorRecord

EXPANSION_LIMIT = 16
"""A tensor may hold this many times the values of its storage (strides of 0 repeat values) ..."""

SMALL_SIZE = 1 << 24
"""... or this many values, whichever is more."""


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
    def extent(self) -> int:
        """Number of values of the storage between the first and the last that the view shows, both included."""
        if self.size == 0:
            return 0
        return 1 + sum((length - 1) * stride for length, stride in zip(self.shape, self.strides, strict=True))

    @property
    def contiguous(self) -> bool:
        """Whether the values lie in C order without gaps."""
        expected = 1
        for length, stride in zip(reversed(self.shape), reversed(self.strides), strict=True):
            if length > 1 and stride != expected:
                return False
            expected *= length
        return True

    def over(self, values: AnyArray) -> AnyArray:
        """The tensor, read-only, over the ``extent`` values of its storage that start at ``offset``."""
        if self.size == 0:
            return np.empty(self.shape, dtype=values.dtype)
        strides = tuple(stride * values.itemsize for stride in self.strides)
        return np.lib.stride_tricks.as_strided(values, self.shape, strides, writeable=False)


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
    if not all(is_count(n) for n in (storage.size, record.offset, *shape, *strides)):
        raise damaged("its offset, shape or strides are not non-negative integers")
    if storage.size * storage.dtype.itemsize > available:
        raise damaged(f"its storage claims {storage.size} values and has {available} bytes")
    view = View(storage, record.dtype or storage.dtype, record.offset, tuple(shape), tuple(strides))
    n_values = storage.size * storage.dtype.itemsize // view.dtype.itemsize
    if view.size and view.offset + view.extent > n_values:
        raise damaged(f"its last value is number {view.offset + view.extent - 1} of a storage that holds {n_values}")
    if view.size > max(EXPANSION_LIMIT * n_values, SMALL_SIZE):
        raise damaged(f"it claims {view.size} values of a storage that holds {n_values}")
    return view


def is_count(value: object) -> bool:
    """Whether a number that a file gives can be a size or a place: a non-negative integer of less than 62 bits."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**62
