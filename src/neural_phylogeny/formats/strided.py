"""Values of strided tensors, a window at a time: what is read and held is bounded, whatever the strides."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from neural_phylogeny.formats.base import AnyArray
from neural_phylogeny.formats.limits import check

DENSE = 4
"""Up to this many stored values for one that is wanted are read together ..."""

SMALL = 1 << 13
"""... or this many in all: a read of them costs no more than a short one."""

PIECE = 1 << 18
"""Stored values that are read at once where smaller reads would leave nothing out."""

Read = Callable[[int, int], AnyArray]
"""Called with (first, count); gives these values of the storage."""


def window(
    read: Read, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], start: int, stop: int
) -> AnyArray:
    """Values ``start:stop``, in flat C order, of a tensor of this shape whose first value is number ``offset``.

    Strides are non-negative and count values. Holds little beyond the values that are wanted.

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
    rows = _gathered(read, None, offset + first * strides[0], (last - first, *shape[1:]), strides)
    return rows.reshape(-1)[start - first * inner : stop - first * inner]


def _gathered(
    read: Read, out: AnyArray | None, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]
) -> AnyArray:
    """The tensor in its shape, in ``out``; parted along its longest axis until what it spans is mostly wanted.

    Where values lie so close that short reads would cover all of what it spans, longer ones do so with fewer calls.
    """
    extent, axis, most = _span(shape, strides)
    if extent <= most:
        values = read(offset, extent)
        steps = tuple(stride * values.itemsize for stride in strides)
        found: AnyArray = np.lib.stride_tricks.as_strided(values, shape, steps, writeable=False)
        if out is None:
            return found
        out[...] = found
        return out
    if out is None:
        out = np.empty(shape, dtype=read(offset, 0).dtype)
    half = shape[axis] // 2
    parts = np.split(out, [half], axis=axis)
    for part, begin in zip(parts, (0, half), strict=True):
        _gathered(read, part, offset + begin * strides[axis], part.shape, strides)
    return out


def _span(shape: tuple[int, ...], strides: tuple[int, ...]) -> tuple[int, int, int]:
    """Stored values from the first to the last, the axis that contributes most, and how many are read at once."""
    reach = [(length - 1) * stride for length, stride in zip(shape, strides, strict=True)]
    axis = reach.index(max(reach))
    return 1 + sum(reach), axis, max(DENSE * math.prod(shape), PIECE if 2 * strides[axis] <= SMALL else SMALL)


def check_turns(shape: tuple[int, ...], strides: tuple[int, ...], window: int, path: str, tensor: str) -> None:
    """Refuse a tensor of which every window of so many values needs most of the file.

    Raises LimitError as ``limits.check``.
    """
    size = math.prod(shape)
    if size > window:
        inner = size
        for axis, length in enumerate(shape):  # the axis along which windows part the tensor
            inner //= length
            if inner <= window:
                held = (max(1, window // inner), *shape[axis + 1 :])
                read = size // math.prod(held) * _cost(held, strides[axis:])
                check("turns", read // size, path, tensor)
                return


def _cost(shape: tuple[int, ...], strides: tuple[int, ...]) -> int:
    """Stored values that ``_gathered`` reads, about."""
    extent, axis, most = _span(shape, strides)
    if extent <= most:
        return extent
    half = shape[axis] // 2
    return shape[axis] * _cost((*shape[:axis], half, *shape[axis + 1 :]), strides) // half
