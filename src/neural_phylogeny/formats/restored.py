"""A checkpoint read through a disguise: units in their old order, factors and rotations undone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.formats.base import AnyArray, Checkpoint
from neural_phylogeny.inputs import TensorInfo

Restore = Callable[[AnyArray], AnyArray]
"""The values of a tensor as they were, in its shape."""


class RestoredCheckpoint(Checkpoint):
    """Another checkpoint, whose tensors of the given names are restored as they are read, a whole tensor at a time.

    ``codes`` says what was done to each. Closing it leaves the other one open.

    Examples
    --------
    >>> from neural_phylogeny.formats.memory import MemoryCheckpoint
    >>> inner = MemoryCheckpoint({"w": np.array([1.0, -2.0])})
    >>> found = RestoredCheckpoint(inner, {"w": lambda values: values[::-1]}, {"w": "permuted"})
    >>> found.read("w"), found.tensors["w"].codes
    (array([-2.,  1.], dtype=float32), 'permuted')
    """

    format = "restored"

    def __init__(self, inner: Checkpoint, restore: Mapping[str, Restore], codes: Mapping[str, str]) -> None:
        self.inner = inner
        self._restore = dict(restore)
        self._last: tuple[str, AnyArray] | None = None
        self._lock = threading.Lock()
        self.tensors = {
            name: replace(tensor, codes=codes[name]) if name in codes else tensor
            for name, tensor in inner.tensors.items()
        }
        self.components, self.notes, self.unread = inner.components, inner.notes, inner.unread

    def read(self, name: str, start: int = 0, stop: int | None = None) -> AnyArray:
        if name not in self._restore:
            return self.inner.read(name, start, stop)
        return self._whole(name)[start:stop]

    def read_into(self, name: str, start: int, out: NDArray[np.float32]) -> None:
        if name not in self._restore:
            self.inner.read_into(name, start, out)
            return
        out[:] = self._whole(name)[start : start + out.size]

    def _whole(self, name: str) -> AnyArray:
        with self._lock:
            if self._last is None or self._last[0] != name:
                values = np.empty(self.inner.tensors[name].size, dtype=np.float32)
                self.inner.read_into(name, 0, values)
                shaped = values.reshape(self.inner.tensors[name].shape)
                self._last = name, np.ascontiguousarray(self._restore[name](shaped), dtype=np.float32).reshape(-1)
            return self._last[1]

    def close(self) -> None:
        """Nothing to release."""


@dataclass(frozen=True)
class Source:
    """Where the values of a tensor come from: the name of the stored one, empty for zeros, and what is done to it."""

    name: str
    restore: Restore | None = None


class RelaidCheckpoint(Checkpoint):
    """Another checkpoint with tensors of other names and shapes, each made of one of its own; leaves the other open.

    Examples
    --------
    >>> from neural_phylogeny.formats.memory import MemoryCheckpoint
    >>> inner = MemoryCheckpoint({"w": np.ones(2)})
    >>> wide = replace(inner.tensors["w"], name="v", shape=(3,))
    >>> RelaidCheckpoint(inner, {wide: Source("w", lambda values: np.append(values, 0.0))}).read("v").tolist()
    [1.0, 1.0, 0.0]
    """

    format = "restored"

    def __init__(self, inner: Checkpoint, tensors: Mapping[TensorInfo, Source]) -> None:
        self.inner = inner
        self._sources = {tensor.name: source for tensor, source in tensors.items()}
        self._last: tuple[str, AnyArray] | None = None
        self._lock = threading.Lock()
        self.tensors = {tensor.name: tensor for tensor in tensors}
        self.components, self.notes, self.unread = inner.components, inner.notes, inner.unread

    def read(self, name: str, start: int = 0, stop: int | None = None) -> AnyArray:
        source = self._sources[name]
        if source.name and source.restore is None:
            return self.inner.read(source.name, start, stop)
        return self._whole(name)[start:stop]

    def read_into(self, name: str, start: int, out: NDArray[np.float32]) -> None:
        source = self._sources[name]
        if not source.name:
            out[:] = 0.0
        elif source.restore is None:
            self.inner.read_into(source.name, start, out)
        else:
            out[:] = self._whole(name)[start : start + out.size]

    def _whole(self, name: str) -> AnyArray:
        source = self._sources[name]
        if not source.name:
            return np.zeros(self.tensors[name].size, dtype=np.float32)
        with self._lock:
            if self._last is None or self._last[0] != name:
                stored = self.inner.tensors[source.name]
                values = np.empty(stored.size, dtype=np.float32)
                self.inner.read_into(source.name, 0, values)
                restore = source.restore or (lambda found: found)
                found = restore(values.reshape(stored.shape))
                self._last = name, np.ascontiguousarray(found, dtype=np.float32).reshape(-1)
            return self._last[1]

    def close(self) -> None:
        """Nothing to release."""
