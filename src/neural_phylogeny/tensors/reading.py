"""Tensors as another framework would store them: transposed, cut out of a fused one, with a batch norm folded in."""

from __future__ import annotations

import math
import threading
import weakref
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.inputs import Fold, TensorInfo, View

Values = NDArray[np.float32]

BAND = 1 << 21
"""Values of a view that are kept: 8 MiB a model. A larger tensor is read once for each band of that size."""

CHUNK = 1 << 20
"""Values that are read at a time."""


class Stored(Protocol):
    """Where values are stored: an opened checkpoint, of whatever format."""

    def read_into(self, name: str, start: int, out: Values, /) -> None:
        """Fill ``out`` with the values of a stored tensor from ``start`` on, as float32."""


@dataclass
class _Kept:
    """The band of a checkpoint that was read last."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    key: tuple[str, View, int] | None = None
    values: Values = field(default_factory=lambda: np.empty(0, dtype=np.float32))


_KEPT: weakref.WeakKeyDictionary[Stored, _Kept] = weakref.WeakKeyDictionary()


def read_view(checkpoint: Stored, tensor: TensorInfo, start: int, out: Values) -> None:
    """Fill ``out`` (1-D, contiguous) with the values of a viewed tensor from ``start`` on, as float32.

    Costs a read of the stored tensor for each ``BAND`` values of the view, less where its first axis is the stored one.
    Values in order cost no second read. Safe to call from several threads.
    """
    if tensor.view is None:
        read_stored(checkpoint, tensor, start, out)
        return
    lengths = tensor.view.lengths
    inner = math.prod(lengths[1:])
    rows = max(1, BAND // max(inner, 1))
    kept = _KEPT.setdefault(checkpoint, _Kept())
    done = 0
    with kept.lock:
        while done < out.size:
            number, within = divmod(start + done, rows * inner)
            key = (tensor.name, tensor.view, number)
            if kept.key != key:
                kept.values = _band(checkpoint, tensor, number * rows, min((number + 1) * rows, lengths[0]))
                kept.key = key
            piece = kept.values[within : within + out.size - done]
            out[done : done + piece.size] = piece
            done += piece.size


def places(view: View, positions: NDArray[np.int64]) -> NDArray[np.int64]:
    """Flat positions in the stored tensor of flat positions in the view.

    Examples
    --------
    >>> places(View(split=(2, 3), axes=(1, 0), layout="transposed"), np.arange(6)).tolist()
    [0, 3, 1, 4, 2, 5]
    """
    at = np.unravel_index(positions, view.lengths)
    stored = [np.zeros(0, dtype=np.int64)] * len(view.split)
    for index, axis in zip(at, view.axes, strict=True):
        stored[axis] = index + (view.start if view.stop and axis == view.sliced else 0)
    return np.asarray(np.ravel_multi_index(tuple(stored), view.split), dtype=np.int64)


def read_stored(checkpoint: Stored, tensor: TensorInfo, start: int, out: Values) -> None:
    """The same of a tensor as it is stored, whatever its view; of one with ``pieces`` their mean.

    The mean of equal pieces is equal to each of them: it is summed in double precision. Costs a read of every piece.
    """
    if not tensor.pieces:
        checkpoint.read_into(tensor.name, start, out)
        return
    total, piece = np.zeros(out.size), np.empty(out.size, dtype=np.float32)
    for name, first in tensor.pieces:
        checkpoint.read_into(name, first + start, piece)
        total += piece
    out[:] = total / len(tensor.pieces)


def _band(checkpoint: Stored, tensor: TensorInfo, first: int, last: int) -> Values:
    """Rows ``first:last`` of the first axis of a view, flat."""
    view = tensor.view
    assert view is not None
    lead = view.axes[0]
    slices = [slice(0, length) for length in view.split]
    if view.stop:
        slices[view.sliced] = slice(view.start, view.stop)
    offset = slices[lead].start
    slices[lead] = slice(offset + first, offset + last)
    band = np.empty((last - first, *view.lengths[1:]), dtype=np.float32)
    stored_order = band.transpose(np.argsort(view.axes))
    inner = math.prod(view.split[1:])
    step = max(1, CHUNK // max(inner, 1))
    for low in range(slices[0].start, slices[0].stop, step):
        high = min(low + step, slices[0].stop)
        values = np.empty((high - low, *view.split[1:]), dtype=np.float32)
        read_stored(checkpoint, tensor, low * inner, values.reshape(-1))
        stored_order[low - slices[0].start : high - slices[0].start] = values[(slice(None), *slices[1:])]
    if view.fold is not None:
        _fold(checkpoint, view.fold, band, first)
    return band.reshape(-1)


def _fold(checkpoint: Stored, fold: Fold, band: Values, first: int) -> None:
    """Fold a batch norm into rows of a view, in the order of operations that PyTorch uses."""
    low, high = (first, first + len(band)) if fold.axis == 0 else (0, band.shape[fold.axis])
    gamma, variance = _vector(checkpoint, fold.gamma, low, high), _vector(checkpoint, fold.variance, low, high)
    with np.errstate(all="ignore"):
        inverse = np.float32(1.0) / np.sqrt(variance + np.float32(fold.epsilon))
        if fold.is_bias:
            bias = _vector(checkpoint, fold.bias, low, high) if fold.bias else np.zeros(high - low, dtype=np.float32)
            band += (bias - _vector(checkpoint, fold.mean, low, high)) * inverse * gamma
            return
        band *= (gamma * inverse).reshape([-1 if axis == fold.axis else 1 for axis in range(band.ndim)])


def _vector(checkpoint: Stored, name: str, start: int, stop: int) -> Values:
    """Values of a vector; ones where a batch norm has no such tensor."""
    found = np.ones(stop - start, dtype=np.float32)
    if name:
        checkpoint.read_into(name, start, found)
    return found
