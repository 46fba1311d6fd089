"""Files whose bytes lie elsewhere: each has an empty placeholder on this machine, and its bytes are fetched when read.

A reader that knows nothing of this sees an empty file, never wrong values.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager


class NotFetchedError(Exception):
    """Bytes would have to be fetched, where they are only planned."""


class FarFile(ABC):
    """One file that lies elsewhere; safe to read from several threads.

    Attributes
    ----------
    address : str
        Where it lies, without credentials.
    size : int
        Its length in bytes.
    sha256 : str
        Of its content, where the place it lies at says so; else empty.
    version : str
        What the place it lies at calls this content, such as an ETag; empty where that is not known.
    fetched, requests : int
        Bytes that were received for it, and requests that were made.
    """

    address: str
    size: int
    sha256: str = ""
    version: str = ""
    fetched: int = 0
    requests: int = 0

    @property
    @abstractmethod
    def room(self) -> int:
        """Bytes that may still be fetched of it, and of the other files of its model."""

    @abstractmethod
    def holds(self, start: int, stop: int) -> bool:
        """Whether these bytes were fetched before."""

    @abstractmethod
    def fetch(self, start: int, stop: int) -> None:
        """Fetch these bytes and no others. Raises CheckpointError."""

    @abstractmethod
    def read(self, start: int, stop: int) -> bytes:
        """Exactly these bytes, fetched where they were not before. Raises CheckpointError."""

    @abstractmethod
    def download(self, path: str) -> None:
        """Fetch all of it into a file on this machine, which takes its place. Raises CheckpointError."""

    def read_some(self, offset: int, view: memoryview) -> int:
        """Fill a view with the bytes from ``offset`` on; the number of bytes, 0 at the end.

        Raises CheckpointError; NotFetchedError within ``planning``.
        """
        stop = min(self.size, offset + len(view))
        wanted = getattr(_PLANS, "wanted", None)
        if wanted is not None:
            _PLANS.touched = True
            if stop > offset and not self.holds(offset, stop):
                wanted.append((self, offset, stop))
                raise NotFetchedError
        content = self.read(offset, stop) if stop > offset else b""
        view[: len(content)] = content
        return len(content)


Stretch = tuple[FarFile, int, int]
"""Bytes ``start:stop`` of a file."""

_FILES: dict[str, FarFile] = {}
_PLANS = threading.local()


def far_file(path: str) -> FarFile | None:
    """The file that a placeholder stands for; None where the path is that of an ordinary file."""
    return _FILES.get(path) if _FILES else None


def attach(path: str, file: FarFile) -> None:
    """Let a placeholder stand for a file."""
    _FILES[path] = file


def detach(path: str) -> None:
    """Let a path be an ordinary file again."""
    _FILES.pop(path, None)


def detach_below(folder: str) -> None:
    """Let all paths below a folder be ordinary again."""
    for path in [path for path in _FILES if path.startswith(folder)]:
        del _FILES[path]


def any_far() -> bool:
    """Whether any placeholder is known."""
    return bool(_FILES)


@contextmanager
def planning() -> Iterator[list[Stretch]]:
    """Within it nothing is fetched in this thread: what would be is listed, and the read that needs it broken off."""
    wanted: list[Stretch] = []
    _PLANS.wanted, _PLANS.touched = wanted, False
    try:
        yield wanted
    finally:
        _PLANS.wanted = None


def touched() -> bool:
    """Whether a file that lies elsewhere was read in the latest ``planning`` of this thread."""
    return bool(getattr(_PLANS, "touched", False))
