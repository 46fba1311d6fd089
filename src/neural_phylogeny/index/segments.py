"""Segments: files to which the bytes of fingerprints are appended, and never changed.

Every writer has a segment of its own, locked while it is open, so that writers do not meet and no one removes what
another is about to name in the catalogue. What is not named there is not part of the index.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from typing import Any

from neural_phylogeny.errors import SavedFileError
from neural_phylogeny.files.regular import SAVED_LIMIT

try:
    import fcntl
except ModuleNotFoundError:  # pragma: no cover - Windows removes no open file anyway
    fcntl = None  # type: ignore[assignment]

SUFFIX = ".segment"
LONGEST = 1 << 30
"""Bytes after which a writer begins another segment."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where bytes lie: the name of the segment, the first of them and how many."""

    segment: str
    offset: int
    length: int

    @property
    def is_sound(self) -> bool:
        """Whether it can be one; SQLite keeps values of any type in any column."""
        name: Any = self.segment
        is_name = isinstance(name, str) and re.fullmatch(rf"[\w.-]{{1,200}}{re.escape(SUFFIX)}", name) is not None
        numbers: tuple[Any, ...] = (self.offset, self.length)
        return is_name and all(isinstance(number, int) and 0 <= number < 2**62 for number in numbers)


@dataclass
class Writer:
    """Appends to a segment of its own in a folder; the file is made with the first bytes."""

    folder: Path
    _file: FileIO | None = field(default=None, init=False)
    _name: str = field(default="", init=False)

    def append(self, content: bytes) -> Place:
        """Write some bytes; they are safe after ``flush``. Raises OSError."""
        if self._file is None or self._file.tell() > LONGEST:
            self.close()
            self._file = self._new()
        offset = self._file.tell()
        rest = memoryview(content)
        while rest:
            rest = rest[self._file.write(rest) :]
        return Place(self._name, offset, len(content))

    def _new(self) -> FileIO:
        """A segment that is locked, and was not removed before it was."""
        while True:
            self._name = f"{os.getpid()}-{secrets.token_hex(8)}{SUFFIX}"
            file = (self.folder / self._name).open("xb", buffering=0)
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX)
            if os.fstat(file.fileno()).st_nlink:
                return file
            file.close()

    def flush(self) -> None:
        """Have all bytes on the disk. Raises OSError."""
        if self._file is not None:
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Leave the segment; what was not flushed may be lost."""
        if self._file is not None:
            file, self._file = self._file, None
            file.close()


def read(folder: Path, place: Place) -> bytes:
    """The bytes at a place, fewer where the segment was cut short.

    Raises OSError, and SavedFileError where the catalogue names what is no place in a segment of this folder.
    """
    if not place.is_sound:
        raise SavedFileError(f"{folder}: the catalogue names no segment of this index; restore it from a copy")
    path = folder / place.segment
    if not stat.S_ISREG(path.stat().st_mode):  # a pipe would wait
        raise SavedFileError(f"{path}: not a regular file; restore the index from a copy")
    with path.open("rb") as file:
        file.seek(place.offset)
        return file.read(min(place.length, SAVED_LIMIT))


def names(folder: Path) -> list[str]:
    """The segments in a folder."""
    return sorted(path.name for path in folder.glob(f"*{SUFFIX}"))


def remove_unused(folder: Path, used: set[str]) -> int:
    """Remove the segments that are neither used nor written to at the moment; the bytes that this frees."""
    freed = 0
    for name in set(names(folder)) - used:
        path = folder / name
        with path.open("rb") as file:
            if fcntl is not None:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    continue
            freed += path.stat().st_size
            path.unlink()
    return freed
