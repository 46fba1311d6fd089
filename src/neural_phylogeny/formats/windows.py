"""Tensors that cannot be read in place: fetched in windows, so that memory stays bounded whatever their size."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from neural_phylogeny.formats.base import AnyArray
from neural_phylogeny.formats.spans import SpanFile

WINDOW = 1 << 22
"""Values in a window."""

Fetch = Callable[[str, int, int], AnyArray]
"""Called with (tensor, start, stop); gives these values in flat C order."""


class Windows:
    """The two latest windows of one file's tensors.

    Readers go forward, several threads at a time, each a little ahead of or behind the others: two windows
    keep them from fetching anything twice.
    """

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._kept: list[tuple[str, int, AnyArray]] = []
        self._lock = threading.Lock()

    def read(self, name: str, start: int, stop: int, size: int) -> AnyArray:
        """Values ``start:stop`` of a tensor that has ``size`` of them."""
        with self._lock:
            first, last = start // WINDOW, max(start, stop - 1) // WINDOW
            parts = []
            for index in range(first, last + 1):
                at = index * WINDOW
                parts.append(self._window(name, index, size)[max(start - at, 0) : max(stop - at, 0)])
            return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _window(self, name: str, index: int, size: int) -> AnyArray:
        for kept_name, kept_index, values in self._kept:
            if (kept_name, kept_index) == (name, index):
                return values
        values = self._fetch(name, index * WINDOW, min((index + 1) * WINDOW, size))
        self._kept = [*self._kept[-1:], (name, index, values)]
        return values


class WindowedFile(SpanFile):
    """A file some of whose tensors are spans; the others are fetched in windows."""

    def __init__(self, path: str | Path, *where: Any) -> None:
        super().__init__(path, *where)
        self._windows = Windows(self._fetch)

    def read(self, name: str, start: int = 0, stop: int | None = None) -> AnyArray:
        if name in self._spans:
            return super().read(name, start, stop)
        size = self.tensors[name].size
        return self._windows.read(name, start, size if stop is None else min(stop, size), size)

    @abstractmethod
    def _fetch(self, name: str, start: int, stop: int) -> AnyArray:
        """Values ``start:stop`` of a tensor that is not a span, in flat C order."""
