"""Tensors that cannot be read in place: fetched in windows, so that memory stays bounded whatever their size."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np

from neural_phylogeny.formats.base import AnyArray

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
            windows = [self._window(name, index, size) for index in range(first, last + 1)]
            values = windows[0] if len(windows) == 1 else np.concatenate(windows)
            return values[start - first * WINDOW : stop - first * WINDOW]

    def _window(self, name: str, index: int, size: int) -> AnyArray:
        for kept_name, kept_index, values in self._kept:
            if (kept_name, kept_index) == (name, index):
                return values
        values = self._fetch(name, index * WINDOW, min((index + 1) * WINDOW, size))
        self._kept = [*self._kept[-1:], (name, index, values)]
        return values
