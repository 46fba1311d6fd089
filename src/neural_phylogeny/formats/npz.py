"""NumPy ``.npz``: stored arrays are read in place, compressed ones in windows as they are inflated."""

from __future__ import annotations

import io
import math
import tokenize
import warnings
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from neural_phylogeny.errors import (
    CheckpointError,
    DamagedFileError,
    NoModelError,
    UnknownChoiceError,
    UnsafeFileError,
    UnsupportedFormatError,
)
from neural_phylogeny.formats.base import DIMENSIONS_LIMIT, AnyArray, Checkpoint
from neural_phylogeny.formats.limits import check_crumbs, tick
from neural_phylogeny.formats.spans import Span, SpanFile
from neural_phylogeny.formats.strided import check_turns
from neural_phylogeny.formats.strided import window as values_of
from neural_phylogeny.formats.windows import WINDOW, WindowedFile
from neural_phylogeny.formats.zips import DAMAGE, check_growth, directory, inflate, stored_offset
from neural_phylogeny.inputs import TensorInfo

HEADER_LIMIT = 1 << 16
"""Longest array header accepted, in bytes."""

LOOK, HEAD = 1 << 9, 1 << 8
"""Bytes that hold the headers of a member and of its array, and the latter alone, in a file that lies elsewhere."""

_READERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def matches(head: bytes, path: Path) -> bool:
    """A zip that holds nothing but arrays, or is named so."""
    if head[:2] != b"PK":
        return False
    if path.suffix.lower() == ".npz":
        return True
    try:
        with SpanFile(path) as file:
            names = directory(file.stream(), str(path))
    except CheckpointError:
        return False
    return bool(names) and all(name.endswith(".npy") for name in names)


def open_file(path: Path, component: str | None = None) -> Checkpoint:
    """Open an ``.npz`` file; costs a read of its directory and of each array's header."""
    if component is not None:
        raise UnknownChoiceError("component", component, ())
    return NpzFile(path)


@dataclass(frozen=True, slots=True)
class _Header:
    """What stands before an array's values; ``size`` is its own length in bytes."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype
    size: int


class NpzFile(WindowedFile):
    """One ``.npz`` file; arrays of objects are pickles in disguise and refused.

    A window of a compressed array costs at most one inflation of what comes before it; going forward, each byte is
    inflated once. Compressed arrays in Fortran order are unpacked into a temporary file.
    """

    format = "npz"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.tensors = {}
        self._others: dict[str, tuple[zipfile.ZipInfo, _Header]] = {}
        self._inflating: tuple[str, IO[bytes]] | None = None
        self._unpacked: tuple[str, SpanFile] | None = None
        self._archive: zipfile.ZipFile | None = None
        try:
            members = directory(self.stream(), self.path)
            check_crumbs(len(members), self.file_size, self.path)
            check_growth(members.values(), self.path)
            self._archive = self._opened()
            self.look_ahead((info.header_offset, info.header_offset + LOOK) for info in members.values())
            for info in members.values():
                if info.filename.endswith(".npy"):
                    self._register(info)
            if not self.tensors:
                raise NoModelError(
                    "an .npz file without arrays", "no weights", path=path, remedy="Save the weights again."
                )
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        if self._inflating is not None:
            self._inflating[1].close()
        if self._unpacked is not None:
            self._unpacked[1].close()
        if self._archive is not None:
            self._archive.close()
        super().close()

    def _opened(self) -> zipfile.ZipFile:
        try:
            return zipfile.ZipFile(self.stream())
        except DAMAGE as error:
            if isinstance(error, CheckpointError):
                raise
            raise self._damaged(f"its zip directory cannot be read ({str(error)[:200]})") from error

    def _register(self, info: zipfile.ZipInfo) -> None:
        name = info.filename.removesuffix(".npy")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise UnsupportedFormatError(
                f"compression method {info.compress_type}, not the one NumPy uses",
                path=self.path,
                tensor=name,
                remedy="Save it with numpy.savez_compressed.",
            )
        tick()
        stored = info.compress_type == zipfile.ZIP_STORED
        offset = stored_offset(self, info) if stored else 0
        header = self._header(name, info, offset)
        tensor = TensorInfo(name=name, shape=header.shape, dtype=header.dtype.name)
        needed = header.size + tensor.size * header.dtype.itemsize
        if needed != info.file_size:
            raise self._damaged(f"its shape and dtype need {needed} bytes but it has {info.file_size}", name)
        self.tensors[name] = tensor
        if stored and not header.fortran:
            self._spans[name] = Span(offset + header.size, header.dtype, tensor.size)
        else:
            self._others[name] = (info, header)
            if header.fortran:
                check_turns(header.shape, _column_major(header.shape), WINDOW, self.path, name)

    def _header(self, name: str, info: zipfile.ZipInfo, offset: int) -> _Header:
        """Read one array's header, without unpickling, and check that it is an array of numbers."""
        if self.is_far and offset:
            stream = io.BytesIO(self.read_bytes(offset, min(HEAD, info.file_size), name))
        else:
            stream = io.BytesIO(self._inflate(name, info, 0, min(HEADER_LIMIT, info.file_size)))
        try:
            version = np.lib.format.read_magic(stream)
            if version not in _READERS:
                raise UnsupportedFormatError(
                    f"array format {version} is for structured arrays", path=self.path, tensor=name
                )
            with warnings.catch_warnings(action="ignore"):  # headers as Python 2 wrote them
                shape, fortran, dtype = _READERS[version](stream)
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError, tokenize.TokenError) as error:
            if isinstance(error, CheckpointError):
                raise
            raise self._damaged(f"its header cannot be read ({str(error)[:200]})", name) from error
        if dtype.hasobject:
            raise UnsafeFileError(
                "an array of Python objects, which NumPy would unpickle",
                path=self.path,
                tensor=name,
                remedy="Save plain numbers.",
            )
        if dtype.kind not in "biufc":
            raise UnsupportedFormatError(
                f"its dtype {dtype} is not a plain number", path=self.path, tensor=name, remedy="Save it as float32."
            )
        if any(n < 0 for n in shape) or len(shape) > DIMENSIONS_LIMIT:
            raise self._damaged(f"no array has the shape its header claims, {str(shape)[:200]}", name)
        return _Header(tuple(map(int, shape)), fortran and len(shape) > 1, dtype, stream.tell())

    def _fetch(self, name: str, start: int, stop: int) -> AnyArray:
        info, header = self._others[name]
        if header.fortran:
            return self._turned(name, start, stop)
        width = header.dtype.itemsize
        content = self._inflate(name, info, header.size + start * width, (stop - start) * width)
        return np.frombuffer(content, dtype=header.dtype)

    def _turned(self, name: str, start: int, stop: int) -> AnyArray:
        """Values of an array in Fortran order; a compressed one is unpacked first, and the latest of these is kept."""
        info, header = self._others[name]
        if info.compress_type == zipfile.ZIP_STORED:
            home: SpanFile = self
            offset = stored_offset(self, info) + header.size
        else:
            home, offset = self._unpacked_member(info), header.size
        width = header.dtype.itemsize

        def read(first: int, count: int) -> AnyArray:
            return np.frombuffer(home.read_bytes(offset + first * width, count * width, name), dtype=header.dtype)

        return values_of(read, 0, header.shape, _column_major(header.shape), start, stop)

    def _unpacked_member(self, info: zipfile.ZipInfo) -> SpanFile:
        if self._unpacked is None or self._unpacked[0] != info.filename:
            assert self._archive is not None
            content = inflate(self._archive, info, self.path)
            if self._unpacked is not None:
                self._unpacked[1].close()
            self._unpacked = (info.filename, SpanFile(self.path, content))
            if not isinstance(content, bytes):
                content.close()
        return self._unpacked[1]

    def _inflate(self, name: str, info: zipfile.ZipInfo, offset: int, count: int) -> bytes:
        """Exactly ``count`` bytes at ``offset`` of a member; going on where the last call ended costs no more."""
        assert self._archive is not None
        try:
            if self._inflating is None or self._inflating[0] != name:
                self._inflating = (name, self._archive.open(info))
            member = self._inflating[1]
            member.seek(offset)
            content = member.read(count)
        except DAMAGE as error:
            if isinstance(error, CheckpointError):
                raise
            raise self._damaged(f"it cannot be decompressed ({str(error)[:200]})", name) from error
        if len(content) != count:
            raise self._damaged("it ends before its values do", name)
        return content

    def _damaged(self, reason: str, tensor: str = "") -> DamagedFileError:
        return DamagedFileError(reason, path=self.path, tensor=tensor, remedy="Copy or download the file again.")


def _column_major(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Strides of an array in Fortran order, in values."""
    return tuple(math.prod(shape[:axis]) for axis in range(len(shape)))
