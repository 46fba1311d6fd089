"""What was fetched of a file is held until the process ends or the file is let go: no byte is fetched twice."""

from __future__ import annotations

import errno
import os
import tempfile
import threading
from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import BinaryIO, Protocol, cast

from neural_phylogeny.errors import CheckpointError, LimitError, UnreadableFileError, show_as
from neural_phylogeny.files.ahead import PIECE
from neural_phylogeny.files.atomic import replacing
from neural_phylogeny.files.far import FarFile, detach
from neural_phylogeny.formats.limits import check, limit

FIRST, PAGE = 1 << 15, 1 << 12
"""Bytes that a first look at a place fetches, and fewest of them; at the end of a file, where archives have their
directory, twice as many."""

MOST = 1 << 22
"""What is read in order is fetched in ever longer pieces, up to so many bytes."""


class Server(Protocol):
    """Where the bytes of one file are."""

    def get(self, start: int, stop: int, count: Callable[[int, int], None]) -> bytes:
        """Exactly these bytes; ``count`` takes the requests made and the bytes received. Raises CheckpointError."""


class Meter:
    """What was fetched of the files of one model together, against the limit ``remote``."""

    def __init__(self) -> None:
        self.files: list[HeldFile] = []
        self._lock = threading.Lock()

    @property
    def spent(self) -> int:
        """Bytes fetched, or being fetched."""
        return sum(max(file.promised, file.fetched) for file in self.files)

    @property
    def left(self) -> int:
        """Bytes that may still be fetched."""
        return max(0, limit("remote") - self.spent)

    def check(self, file: HeldFile, count: int) -> None:
        """Refuse a fetch that would go beyond the limit before any of it is made. Raises LimitError."""
        check("remote", self.spent + count, file.address)

    def take(self, file: HeldFile, count: int) -> None:
        """Allow a fetch. Raises LimitError."""
        with self._lock:
            check("remote", self.spent + count, file.address)
            file.promised += count


class HeldFile(FarFile):
    """A file on a server, with what was fetched of it in an unnamed file on this machine."""

    def __init__(self, address: str, size: int, server: Server, sha256: str = "") -> None:
        self.address, self.size, self.sha256 = address, size, sha256
        self.promised = 0
        self._server = server
        self._starts: list[int] = []
        self._stops: list[int] = []
        self._content: BinaryIO | None = None
        self._lock, self._fetching = threading.RLock(), threading.Lock()
        self._reached, self._stride = -1, FIRST
        self._broken: CheckpointError | None = None
        as_one([self])

    meter: Meter

    @property
    def room(self) -> int:
        return self.meter.left

    def holds(self, start: int, stop: int) -> bool:
        with self._lock:
            at = bisect_right(self._starts, start) - 1
            return at >= 0 and self._stops[at] >= stop

    def fetch(self, start: int, stop: int) -> None:
        missing = self._missing(start, stop)
        self.meter.check(self, sum(high - low for low, high in missing))
        self._get_all(missing, limited=True)

    def read(self, start: int, stop: int) -> bytes:
        if not self.holds(start, stop):
            with self._fetching:
                if not self.holds(start, stop):
                    self.fetch(*self._rounded(start, stop))
        with self._lock:
            assert self._content is not None
            self._content.seek(start)
            return self._content.read(stop - start)

    def download(self, path: str) -> None:
        """As of ``FarFile``: resumes after what is held. The limit ``download`` was checked by whoever asks."""
        self._get_all(self._missing(0, self.size), limited=False)
        with self._lock:
            assert self._content is not None
            self._content.seek(0)
            with replacing(path) as out:
                while piece := self._content.read(PIECE):
                    out.write(piece)
        detach(path)
        show_as(path, self.address)

    def __del__(self) -> None:
        if getattr(self, "_content", None) is not None:
            self.release()

    def release(self) -> None:
        """Forget what was fetched; it is fetched again where it is read again."""
        with self._lock:
            self._starts, self._stops = [], []
            if self._content is not None:
                self._content.close()
                self._content = None

    def _rounded(self, start: int, stop: int) -> tuple[int, int]:
        """A little more than is read: who reads in small steps shall not ask for each."""
        first = max(PAGE, min(FIRST, limit("remote") // 1000))
        self._stride = min(2 * self._stride, MOST) if start == self._reached else first
        if self.size - start <= 2 * first:
            return max(0, self.size - 2 * first), self.size
        reach = max(stop, min(start + self._stride, start + max(self.meter.left // 8, 1)))
        self._reached = min(self.size, reach)
        return start, self._reached

    def _missing(self, start: int, stop: int) -> list[tuple[int, int]]:
        with self._lock:
            held = [pair for pair in zip(self._starts, self._stops, strict=True) if pair[1] > start and pair[0] < stop]
        edges = [start, *(edge for pair in held for edge in pair), stop]
        return [(low, high) for low, high in zip(edges[::2], edges[1::2], strict=True) if low < high]

    def _get_all(self, stretches: Iterable[tuple[int, int]], limited: bool) -> None:
        """Fetch stretches, piece by piece."""
        for low, high in stretches:
            for begin in range(low, high, PIECE):
                self._get(begin, min(begin + PIECE, high), limited)

    def _get(self, start: int, stop: int, limited: bool) -> None:
        if self._broken is not None:
            raise self._broken
        if limited:
            self.meter.take(self, stop - start)
        try:
            content = self._server.get(start, stop, self._count)
        except LimitError:
            raise
        except CheckpointError as error:
            self._broken = error
            raise
        self.keep(start, content)

    def keep(self, start: int, content: bytes) -> None:
        """Hold some bytes."""
        with self._lock:
            try:
                if self._content is None:
                    self._content = cast(BinaryIO, tempfile.TemporaryFile(buffering=0))
                self._content.seek(start)
                if self._content.write(content) != len(content):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            except OSError as error:
                reason = f"no room for what is fetched ({(error.strerror or str(error)).lower()})"
                raise UnreadableFileError(reason, path=self.address, remedy="Free some, or set TMPDIR.") from error
            self._insert(start, start + len(content))

    def _count(self, requests: int, received: int) -> None:
        with self._lock:
            self.requests += requests
            self.fetched += received

    def _insert(self, start: int, stop: int) -> None:
        """Note that a stretch is held, joined with those that it meets."""
        first = bisect_right(self._starts, start)
        if first and self._stops[first - 1] >= start:
            first -= 1
        last = bisect_right(self._starts, stop)
        if first < last:
            start, stop = min(start, self._starts[first]), max(stop, self._stops[last - 1])
        self._starts[first:last], self._stops[first:last] = [start], [stop]


def as_one(files: Iterable[HeldFile]) -> Meter:
    """Let files count as one model from now on."""
    files = list(files)
    meter = getattr(files[0], "meter", None)
    if meter is None or meter.files != files:
        meter = Meter()
        meter.files = files
        for file in files:
            file.meter = meter
    found: Meter = meter
    return found
