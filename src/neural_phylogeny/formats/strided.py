"""Values of strided tensors, a window at a time: what is read and held is bounded, whatever the strides."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from neural_phylogeny.formats.base import AnyArray

DENSE = 4
"""Up to this many stored values for one that is wanted are read together ..."""

SMALL = 1 << 13
"""... or this many in all: a read of them costs no more than a short one."""

Read = Callable[[int, int], AnyArray]
"""Called with (first, count); gives these values of the storage."""


def window(
    read: Read, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], start: int, stop: int
) -> AnyArray:
    """Values ``start:stop``, in flat C order, of a tensor of this shape whose first value is number ``offset``.

    Strides are non-negative and count values. Holds about ``DENSE`` times the values that are wanted.

    Examples
    --------
    >>> stored = np.arange(6)
    >>> window(lambda first, count: stored[first : first + count], 0, (2, 3), (1, 2), 1, 5).tolist()
    [2, 4, 1, 3]
    """
    if start >= stop:
        return read(offset, 0)
    if not shape:
        return read(offset, 1)
    inner = math.prod(shape[1:])
    first, last = start // inner, -(-stop // inner)
    if last - first == 1 and len(shape) > 1:
        at = first * inner
        return window(read, offset + first * strides[0], shape[1:], strides[1:], start - at, stop - at)
    if last - first == 2 and len(shape) > 1 and inner > 1:  # a row may be longer than a window
        middle = (first + 1) * inner
        parts = [window(read, offset, shape, strides, *part) for part in ((start, middle), (middle, stop))]
        return np.concatenate(parts)
    rows = _gathered(read, offset + first * strides[0], (last - first, *shape[1:]), strides)
    return rows.reshape(-1)[start - first * inner : stop - first * inner]


def _gathered(read: Read, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> AnyArray:
    """The tensor in its shape; parted along its longest axis until what it spans is mostly wanted."""
    reach = [(length - 1) * stride for length, stride in zip(shape, strides, strict=True)]
    extent = 1 + sum(reach)
    if extent <= max(DENSE * math.prod(shape), SMALL):
        values = read(offset, extent)
        steps = tuple(stride * values.itemsize for stride in strides)
        return np.lib.stride_tricks.as_strided(values, shape, steps, writeable=False)
    axis = reach.index(max(reach))
    half = shape[axis] // 2
    parts = []
    for begin, length in ((0, half), (half, shape[axis] - half)):
        cut = (*shape[:axis], length, *shape[axis + 1 :])
        parts.append(_gathered(read, offset + begin * strides[axis], cut, strides))
    return np.concatenate(parts, axis=axis)
