"""Which values of a tensor a fingerprint keeps: some places of each axis, so that they are a smaller tensor of it.

The places of an axis depend on its length and on how many are kept, on nothing else. So a tensor and its transpose
keep the same values; more places of an axis hold the fewer ones; and an axis that grew by a little keeps nearly all
the places that it kept before.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.inputs import TensorInfo

RUN, FIRST = 16, 32
"""Places that lie beside each other among the first that are kept, and how many these are: few reads fetch them."""

SHORTER = 4
"""The same of all further places: neighbours, as pixels are, say much the same, so that more places show more."""

SHORT = 16
"""Axes of up to this length, as those of a convolution's window, are kept whole where a tensor has two longer ones."""

LONGEST = 1 << 20
"""Places of an axis beyond these are never kept."""

Places = NDArray[np.int64]


@lru_cache(maxsize=4096)
def places_of(length: int, count: int) -> Places:
    """The kept places of an axis, ascending: all of a short one, else about ``count`` of them in whole runs.

    The runs are those whose numbers have the smallest hashes (bottom-k sampling), long ones first.

    Examples
    --------
    >>> len(places_of(10, 64)), len(places_of(1000, 64))
    (10, 64)
    >>> set(places_of(1000, 32)) <= set(places_of(1000, 64))
    True
    """
    length = min(length, LONGEST)
    if kept_of(length, count) == length:
        kept = np.arange(length, dtype=np.int64)
    else:
        kept = _runs(np.arange(length // RUN), min(count, FIRST) // RUN, RUN)
        if count > FIRST:
            rest = np.setdiff1d(np.arange(length // SHORTER), kept // SHORTER)
            kept = np.sort(np.concatenate([kept, _runs(rest, (count - FIRST) // SHORTER, SHORTER)]))
    kept.setflags(write=False)
    return kept


def kept_of(length: int, count: int) -> int:
    """How many places ``places_of`` gives."""
    length = min(length, LONGEST)
    if count >= length:
        return length
    if count <= FIRST:
        return count // RUN * RUN
    return length if length // SHORTER <= count // SHORTER else FIRST + (count - FIRST) // SHORTER * SHORTER


def kept_shape(shape: tuple[int, ...], grid: tuple[int, ...]) -> tuple[int, ...]:
    """How many places of each axis are kept."""
    return tuple(kept_of(length, count) for length, count in zip(shape, grid, strict=True))


def _runs(numbers: Places, count: int, run: int) -> Places:
    """The places of the ``count`` runs whose numbers have the smallest hashes, in order of the numbers."""
    first = numbers[np.sort(np.argsort(hashed(numbers.astype(np.uint64)), kind="stable")[:count])]
    return (first[:, None] * run + np.arange(run)).reshape(-1)


def grid_of(tensor: TensorInfo, side: int) -> tuple[int, ...]:
    """How many places of each axis are kept where a matrix keeps about ``side`` units and as many inputs of each.

    A matrix that has no more values than that is kept whole, as the factors of an adapter are.

    Examples
    --------
    >>> grid_of(TensorInfo(name="w", shape=(512, 256, 3, 3), dtype="float32"), 64)
    (64, 16, 3, 3)
    >>> grid_of(TensorInfo(name="w", shape=(4, 768), dtype="float32"), 64)
    (4, 768)
    """
    shape = tensor.shape
    if len(shape) < 2:
        return tuple(min(length, side) for length in shape)
    if tensor.size <= side * side:
        return shape
    units = tensor.output_axis % len(shape)
    longest = max((axis for axis in range(len(shape)) if axis != units), key=lambda axis: shape[axis])
    others = [axis for axis in range(len(shape)) if axis not in (units, longest)]
    inner = int(np.prod([min(shape[axis], SHORT) for axis in others], dtype=np.int64))
    wanted = {axis: SHORT for axis in others} | {
        units: side,
        longest: max(RUN, side // max(inner, 1) // SHORTER * SHORTER),
    }
    return tuple(min(length, wanted[axis]) for axis, length in enumerate(shape))


def kept_axes(tensor: TensorInfo) -> tuple[Places, ...] | None:
    """The places of each axis of a tensor, as it is read through its view; None where its view mixes axes.

    For a tensor with a grid only.
    """
    assert tensor.grid is not None
    view = tensor.view
    if tensor.pieces or (view is not None and (view.fold is not None or len(view.split) != len(tensor.grid))):
        return None
    shape = tensor.shape if view is None else view.split
    stored = [places_of(*pair) for pair in zip(shape, tensor.grid, strict=True)]
    if view is None:
        return tuple(stored)
    if view.stop:
        sliced = stored[view.sliced]
        stored[view.sliced] = sliced[(sliced >= view.start) & (sliced < view.stop)] - view.start
    return tuple(stored[axis] for axis in view.axes)


def hashed(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Scattered words of whole numbers (SplitMix64, Steele et al. 2014)."""
    words = (numbers + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))
