"""A few values of each tensor: where shapes and order leave more than one pairing, these decide."""

from __future__ import annotations

import math
import weakref
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.errors import CheckpointError
from neural_phylogeny.inputs import TensorInfo
from neural_phylogeny.tensors.reading import Stored, places, read_stored, read_view
from neural_phylogeny.tensors.roles import matrix_shape

ROWS, COLUMNS = 48, 64
"""Size of the part of a matrix that is sampled, in the middle of it: units and inputs."""

VECTOR = 4096
"""Values that are sampled of a vector."""

KEPT, KEPT_VALUES = 1 << 14, 4096 * ROWS * COLUMNS
"""Samples of one model that are kept, read and centred, and their values: at most 96 MiB."""

DENSE = 4
"""Sampled values that lie in at most so many times as many are read at once and picked."""

GAP = 64
"""Values between two wanted ones that are read rather than left out: one read instead of two."""

CLEAR = 8.0
"""Standard deviations by which a correlation must exceed chance to decide a pairing."""

SAME, FEWEST = 0.9999, 6
"""Correlation of values that are the same but for arithmetic, and the fewest independent values that can show it."""

Sample = NDArray[np.float32]


class Sampler:
    """Samples of the tensors of one checkpoint, each read once; of one shape, they are of the same places.

    At most ``ROWS x COLUMNS`` values of a matrix are kept, and about as many are read, in runs.
    """

    def __init__(self, checkpoint: Stored) -> None:
        self._checkpoint = weakref.ref(checkpoint)
        self._known, self._raw = _Samples(), _Samples()
        self.settled: weakref.WeakKeyDictionary[Sampler, Any] = weakref.WeakKeyDictionary()
        """What the samples of this and another checkpoint decided, by that one's sampler."""

    def matrix(self, tensor: TensorInfo) -> Sample | None:
        """A part of a tensor as ``(units, inputs)``, centred along both and of length one; None where it is constant.

        None also where values are not finite or cannot be read.
        """
        if tensor not in self._known.samples:
            self._known.add(tensor, _centred(self.raw(tensor)))
        return self._known.samples[tensor]

    def raw(self, tensor: TensorInfo) -> Sample | None:
        """The same values as they are; of a vector ``(1, values)``; None where they cannot be read."""
        if tensor not in self._raw.samples:
            try:
                self._raw.add(tensor, self._read(tensor, _block(tensor.shape, tensor.output_axis)))
            except CheckpointError:
                self._raw.add(tensor, None)
        return self._raw.samples[tensor]

    def scales(self, name: str, tensor: TensorInfo) -> Sample | None:
        """Values of a vector for the units that are sampled of a matrix; None where there is none to be read."""
        n_units = tensor.shape[tensor.output_axis]
        units = _middle(n_units, VECTOR if tensor.size == n_units else ROWS)
        try:
            return self._read(TensorInfo(name=name, shape=(len(units),), dtype="float32"), units) if name else None
        except CheckpointError:
            return None

    def _read(self, tensor: TensorInfo, positions: NDArray[np.int64]) -> Sample:
        """The values at some flat positions, in their shape."""
        checkpoint = self._checkpoint()
        assert checkpoint is not None, "a sampler does not outlive its checkpoint"
        if tensor.view is not None and tensor.view.fold is not None:
            start, stop = int(positions.min()), int(positions.max()) + 1
            values = np.empty(stop - start, dtype=np.float32)
            read_view(checkpoint, tensor, start, values)
            return values[positions - start]
        stored = positions if tensor.view is None else places(tensor.view, positions)
        first, last = int(stored.min()), int(stored.max())
        if last - first < DENSE * stored.size:
            run = np.empty(last - first + 1, dtype=np.float32)
            read_stored(checkpoint, tensor, first, run)
            return run[stored - first]
        wanted, back = np.unique(stored, return_inverse=True)
        found = np.empty(len(wanted), dtype=np.float32)
        cuts = [0, *(np.flatnonzero(np.diff(wanted) > GAP) + 1).tolist(), len(wanted)]
        for low, high in pairwise(cuts):
            run = np.empty(int(wanted[high - 1] - wanted[low]) + 1, dtype=np.float32)
            read_stored(checkpoint, tensor, int(wanted[low]), run)
            found[low:high] = run[wanted[low:high] - wanted[low]]
        return found[back.reshape(positions.shape)]


class _Samples:
    """What was read last, as much as may be kept."""

    def __init__(self) -> None:
        self.samples: dict[TensorInfo, Sample | None] = {}
        self._n_values = 0

    def add(self, tensor: TensorInfo, sample: Sample | None) -> None:
        """Keep a sample, and forget the oldest where there are too many."""
        self.samples[tensor] = sample
        self._n_values += _size(sample)
        while len(self.samples) > KEPT or self._n_values > KEPT_VALUES:
            self._n_values -= _size(self.samples.pop(next(iter(self.samples))))


def _size(sample: Sample | None) -> int:
    return 0 if sample is None else sample.size


_KNOWN: weakref.WeakKeyDictionary[Stored, Sampler] = weakref.WeakKeyDictionary()


def sampler_of(checkpoint: Stored) -> Sampler:
    """The one sampler of a checkpoint, which remembers what it read."""
    return _KNOWN.setdefault(checkpoint, Sampler(checkpoint))


def deviations(correlations: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Correlations of centred samples of a shape in standard deviations of those of unrelated values.

    At least ``CLEAR`` where values are the same: of a few values no other correlation is clear.
    """
    units, inputs = shape
    freedom = max(units - 1, 1) * (inputs - 1)
    found = correlations * math.sqrt(freedom)
    same = (correlations >= SAME) & (freedom >= FEWEST)
    return np.where(same, np.maximum(found, CLEAR), found)


def tells(tensor: TensorInfo) -> bool:
    """Whether a sample of a tensor has values enough for any correlation to be clear."""
    units, inputs = matrix_shape(tensor.shape, tensor.output_axis)
    if inputs == 1 or units == 1:
        units, inputs = 1, tensor.size
    return max(min(units, ROWS) - 1, 1) * (inputs - 1) >= FEWEST


@lru_cache(maxsize=64)
def _block(shape: tuple[int, ...], output_axis: int) -> NDArray[np.int64]:
    """Flat positions ``(units, inputs)`` of the sampled part of a tensor."""
    units, inputs = matrix_shape(shape, output_axis)
    if inputs == 1 or units == 1:
        return _middle(math.prod(shape), VECTOR)[None, :]
    axis = output_axis % len(shape)
    after = math.prod(shape[axis + 1 :])
    before, within = np.divmod(_middle(inputs, COLUMNS), after)
    found: NDArray[np.int64] = _middle(units, ROWS)[:, None] * after + (before * units * after + within)[None, :]
    return found


def _middle(length: int, most: int) -> NDArray[np.int64]:
    count = min(length, most)
    found: NDArray[np.int64] = np.arange(count, dtype=np.int64) + (length - count) // 2
    return found


def _centred(values: Sample | None) -> Sample | None:
    if values is None or values.size < 2 or not np.isfinite(values).all():
        return None
    found = values - values.mean(axis=1, keepdims=True)
    if len(found) > 1:
        found -= found.mean(axis=0, keepdims=True)
    length = float(np.linalg.norm(found))
    scale = float(np.abs(values).max())
    return found / np.float32(length) if length > 1e-6 * scale * math.sqrt(values.size) else None
