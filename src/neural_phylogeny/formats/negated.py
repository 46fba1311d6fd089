"""A checkpoint with the signs of some tensors reversed, as it is read."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.formats.base import AnyArray, Checkpoint


class NegatedCheckpoint(Checkpoint):
    """Another checkpoint, whose tensors of the given names are read as their negatives.

    Closing it leaves the other one open.

    Examples
    --------
    >>> from neural_phylogeny.formats.memory import MemoryCheckpoint
    >>> inner = MemoryCheckpoint({"w": np.array([1.0, -2.0])})
    >>> NegatedCheckpoint(inner, {"w"}).read("w")
    array([-1.,  2.])
    """

    format = "negated"

    def __init__(self, inner: Checkpoint, negated: Collection[str]) -> None:
        self._inner = inner
        self._negated = frozenset(negated)
        self.tensors = inner.tensors

    def read(self, name: str, start: int = 0, stop: int | None = None) -> AnyArray:
        values = self._inner.read(name, start, stop)
        return -values if name in self._negated else values

    def read_into(self, name: str, start: int, out: NDArray[np.float32]) -> None:
        self._inner.read_into(name, start, out)
        if name in self._negated:
            np.negative(out, out=out)

    def close(self) -> None:
        """Nothing to release."""
