"""A checkpoint whose tensors are restored as they are read: disguises undone, what was removed filled with zeros."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.formats.base import AnyArray, Checkpoint
from neural_phylogeny.inputs import TensorInfo

Restore = Callable[[AnyArray], AnyArray]
"""The values of a tensor as they were, in its shape."""


@dataclass(frozen=True)
class Source:
    """Where the values of a tensor come from: the name of the stored one, empty for zeros, and what is done to it."""

    name: str
    restore: Restore | None = None


class RestoredCheckpoint(Checkpoint):
    """Another checkpoint with tensors of other values, names or shapes, each made of one of its own.

    What is restored is read a whole tensor at a time. Closing it leaves the other one open.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from neural_phylogeny.formats.memory import MemoryCheckpoint
    >>> inner = MemoryCheckpoint({"w": np.ones(2)})
    >>> wide = replace(inner.tensors["w"], name="v", shape=(3,))
    >>> RestoredCheckpoint(inner, {wide: Source("w", lambda values: np.append(values, 0.0))}).read("v").tolist()
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
                assert source.restore is not None
                found = source.restore(values.reshape(stored.shape))
                self._last = name, np.ascontiguousarray(found, dtype=np.float32).reshape(-1)
            return self._last[1]

    def close(self) -> None:
        """Nothing to release."""
