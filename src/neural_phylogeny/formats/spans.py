"""Tensors that lie in a file as plain values: read with positioned reads into the caller's buffer.

Positioned reads, not a memory map: they reuse one small buffer, so the resident size stays bounded, they cost
no page faults, and a file that shrinks meanwhile gives an error instead of a crash.
"""

from __future__ import annotations

import errno
import io
import os
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import ml_dtypes  # noqa: F401  (registers bfloat16 and the float8 types with NumPy)
import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.errors import DamagedFileError
from neural_phylogeny.files.ahead import fetch_ahead
from neural_phylogeny.files.far import far_file
from neural_phylogeny.files.regular import open_regular, unreadable
from neural_phylogeny.formats.base import AnyArray, Checkpoint, convert


@dataclass(frozen=True, slots=True)
class Span:
    """Where one tensor's values start in the file (bytes), their dtype and how many there are."""

    offset: int
    dtype: np.dtype
    size: int

    @property
    def nbytes(self) -> int:
        """Bytes on disk."""
        return self.size * self.dtype.itemsize


KEPT_ROOM = 1 << 18
"""Bytes of stored values that a thread keeps room for, and reads at a time: a core's cache holds them until they are
converted."""

_SEEKING = threading.Lock()


def read_at(descriptor: int, view: memoryview, offset: int) -> int:
    """Read at most ``len(view)`` bytes at ``offset``, from several threads at once where the system lets them."""
    if hasattr(os, "preadv"):
        return os.preadv(descriptor, [view], offset)
    with _SEEKING:  # descriptors that were duplicated share their position
        os.lseek(descriptor, offset, os.SEEK_SET)
        content = os.read(descriptor, len(view))
    view[: len(content)] = content
    return len(content)


_KEPT = threading.local()


def _scratch() -> NDArray[np.uint8]:
    """Room for values that are converted at once: a thread's own, kept from one read to the next."""
    if not hasattr(_KEPT, "room"):
        _KEPT.room = np.empty(KEPT_ROOM, dtype=np.uint8)
    room: NDArray[np.uint8] = _KEPT.room
    return room


class SpanFile(Checkpoint):
    """A checkpoint whose tensors are spans of one file; readers subclass it and fill ``_spans``.

    Values are in C order. With ``content`` the bytes of the file are given, and ``path`` is only its name; with
    ``window`` only that part of the file (offset and length in bytes, proven to lie in it) is the checkpoint.
    """

    def __init__(
        self, path: str | Path, content: bytes | BinaryIO | None = None, window: tuple[int, int] | None = None
    ) -> None:
        self.path = str(path)
        self._spans: dict[str, Span] = {}
        self._content = content if isinstance(content, bytes) else None
        self._base = 0
        self._descriptor: int | None = None
        self._far = far_file(self.path) if content is None else None
        if self._far is not None:
            self.file_size = self._far.size
        elif content is None:
            self._descriptor = open_regular(self.path)
            self.file_size = os.fstat(self._descriptor).st_size
        elif isinstance(content, bytes):
            self.file_size = len(content)
        else:  # an open file, which may be closed elsewhere
            content.flush()
            self._descriptor = os.dup(content.fileno())
            self.file_size = os.fstat(self._descriptor).st_size
        if window is not None:
            self._base, self.file_size = window

    @property
    def is_far(self) -> bool:
        """Whether its bytes lie elsewhere, so that each look at it costs a request."""
        return self._far is not None

    def look_ahead(self, stretches: Iterable[tuple[int, int]]) -> None:
        """Fetch what will be read, together; nothing where the file is on this machine."""
        if self._far is not None:
            far = self._far
            fetch_ahead((far, start, min(stop, self.file_size)) for start, stop in stretches)

    def stream(self) -> SpanStream:
        """The bytes as a file object of its own; a forged length makes it neither read nor allocate too much."""
        return SpanStream(self)

    def read(self, name: str, start: int = 0, stop: int | None = None) -> AnyArray:
        span = self._spans[name]
        stop = span.size if stop is None else min(stop, span.size)
        values = np.empty(max(0, stop - start), dtype=span.dtype)
        self._fill(name, span.offset + start * span.dtype.itemsize, values)
        return values

    def read_into(self, name: str, start: int, out: NDArray[np.float32]) -> None:
        span = self._spans.get(name)
        if span is not None and span.dtype == np.float32:
            self._fill(name, span.offset + start * 4, out)
        else:
            convert(self.read(name, start, start + out.size), out)

    def _convert_into(self, name: str, start: int, out: NDArray[np.float32]) -> None:
        """The same of a span of any number type, without room made anew for what is stored."""
        span = self._spans[name]
        room = _scratch().view(span.dtype)
        for done in range(0, out.size, room.size):
            piece = out[done : done + room.size]
            stored = room[: piece.size]
            self._fill(name, span.offset + (start + done) * span.dtype.itemsize, stored)
            convert(stored, piece)

    def close(self) -> None:
        self._content = self._far = None
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def read_bytes(self, offset: int, count: int, tensor: str = "") -> bytes:
        """Exactly ``count`` bytes at ``offset``."""
        values = np.empty(count, dtype=np.uint8)
        self._fill(tensor, offset, values)
        return values.tobytes()

    def _fill(self, name: str, offset: int, out: AnyArray) -> None:
        """Read exactly ``out.nbytes`` bytes at ``offset`` into ``out``."""
        view = out.reshape(-1).view(np.uint8).data
        while view:
            got = self._read_some(offset, view)
            if got <= 0:
                raise DamagedFileError(
                    "the file ended before the tensor did; it may have changed while it was read",
                    path=self.path,
                    tensor=name,
                    remedy="Copy or download it again.",
                )
            view = view[got:]
            offset += got

    def _read_some(self, offset: int, view: memoryview) -> int:
        """Read at most ``len(view)`` bytes at ``offset``; 0 at the end."""
        view = view[: max(0, self.file_size - offset)]
        offset += self._base
        if self._far is not None:
            return self._far.read_some(offset, view)
        if self._content is not None:
            piece = self._content[offset : offset + len(view)]
            view[: len(piece)] = piece
            return len(piece)
        if self._descriptor is None:
            raise ValueError(f"{self.path} is closed")
        try:
            return read_at(self._descriptor, view, offset)
        except OSError as error:
            raise unreadable(self.path, error) from error


class _Raw(io.RawIOBase):
    """The bytes of a SpanFile, unbuffered."""

    def __init__(self, file: SpanFile) -> None:
        self._file = file
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._file.file_size}[whence]
        if start + offset < 0:
            raise OSError(errno.EINVAL, "a position before the start of the file")
        self._position = start + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        got = self._file._read_some(self._position, memoryview(buffer).cast("B"))
        self._position += got
        return got


class SpanStream(io.BufferedReader):
    """A buffered file object over a SpanFile; closing it leaves the SpanFile open."""

    def __init__(self, file: SpanFile) -> None:
        super().__init__(_Raw(file))
        self._size = file.file_size

    def read(self, size: int | None = -1, /) -> bytes:
        """At most ``size`` bytes, without making room for more than are left."""
        if size is not None and 0 <= size <= io.DEFAULT_BUFFER_SIZE:
            return super().read(size)
        left = max(0, self._size - self.tell())
        return super().read(left if size is None or size < 0 else min(size, left))
