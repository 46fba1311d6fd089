"""NumPy ``.npz``: stored members are read in place, compressed ones no further than they honestly claim."""

from __future__ import annotations

import io
import threading
import zipfile
from pathlib import Path

import numpy as np

from neural_phylogeny.errors import DamagedFileError, UnknownChoiceError, UnsafeFileError, UnsupportedFormatError
from neural_phylogeny.formats.base import AnyArray, Checkpoint
from neural_phylogeny.formats.spans import Span, SpanFile
from neural_phylogeny.formats.zips import directory, inflate, stored_offset
from neural_phylogeny.records import TensorInfo

HEADER_LIMIT = 1 << 16
"""Longest array header accepted, in bytes."""


def matches(head: bytes, path: Path) -> bool:
    """A zip that holds nothing but arrays, or is named so."""
    if head[:4] != b"PK\x03\x04":
        return False
    if path.suffix.lower() == ".npz":
        return True
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError, EOFError, OSError, NotImplementedError):
        return False
    return bool(names) and all(name.endswith(".npy") for name in names)


def open_file(path: Path, component: str | None = None) -> Checkpoint:
    """Open an ``.npz`` file; costs a read of its directory and of each array's header."""
    if component is not None:
        raise UnknownChoiceError("component", component, ())
    return NpzFile(path)


class NpzFile(SpanFile):
    """One ``.npz`` file; arrays of objects are pickles in disguise and refused."""

    format = "npz"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._compressed: dict[str, tuple[zipfile.ZipInfo, bool]] = {}
        self._last: tuple[str, AnyArray] | None = None
        self._lock = threading.Lock()
        self.tensors = {}
        try:
            with open(path, "rb") as file:
                for info in directory(file, self.path).values():
                    if info.filename.endswith(".npy"):
                        self._register(info)
        except BaseException:
            self.close()
            raise

    def _register(self, info: zipfile.ZipInfo) -> None:
        name = info.filename.removesuffix(".npy")
        stored = info.compress_type == zipfile.ZIP_STORED
        offset = stored_offset(self, info) if stored else 0
        if stored:
            head = self.read_bytes(offset, min(HEADER_LIMIT, info.file_size), name)
        else:
            with open(self.path, "rb") as file:
                head = inflate(file, info, self.path, limit=HEADER_LIMIT)
        shape, fortran, dtype, header_size = self._header(name, head)
        tensor = TensorInfo(name, shape, dtype.newbyteorder("=").name)
        if header_size + tensor.size * dtype.itemsize != info.file_size:
            raise self._damaged(f"its shape and dtype need other than its {info.file_size} bytes", name)
        self.tensors[name] = tensor
        if stored and not (fortran and len(shape) > 1):
            self._spans[name] = Span(offset + header_size, dtype, tensor.size)
        else:
            self._compressed[name] = (info, fortran)

    def _header(self, name: str, head: bytes) -> tuple[tuple[int, ...], bool, np.dtype, int]:
        """Shape, Fortran order, dtype and length of one array's header."""
        stream = io.BytesIO(head)
        try:
            version = np.lib.format.read_magic(stream)
            if version == (1, 0):
                shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
            elif version == (2, 0):
                shape, fortran, dtype = np.lib.format.read_array_header_2_0(stream)
            else:
                raise UnsupportedFormatError(f"array format {version}", path=self.path, tensor=name)
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError) as error:
            raise self._damaged(f"its header cannot be read ({error})", name) from error
        if dtype.hasobject:
            raise UnsafeFileError(
                "an array of Python objects, which NumPy would unpickle",
                path=self.path,
                tensor=name,
                remedy="Save plain numbers.",
            )
        if dtype.kind not in "biufc" or any(n < 0 for n in shape):
            raise UnsupportedFormatError(f"dtype {dtype} is not a plain number", path=self.path, tensor=name)
        return shape, fortran, dtype, stream.tell()

    def read(self, name: str, start: int = 0, stop: int | None = None) -> AnyArray:
        if name in self._spans:
            return super().read(name, start, stop)
        with self._lock:
            if self._last is None or self._last[0] != name:
                self._last = (name, self._whole(name))
            return self._last[1][start:stop]

    def _whole(self, name: str) -> AnyArray:
        info, fortran = self._compressed[name]
        with open(self.path, "rb") as file:
            content = inflate(file, info, self.path)
        shape, _, dtype, header_size = self._header(name, content[:HEADER_LIMIT])
        array = np.frombuffer(content, dtype=dtype, offset=header_size).reshape(shape, order="F" if fortran else "C")
        return np.ascontiguousarray(array).reshape(-1)

    def _damaged(self, reason: str, tensor: str = "") -> DamagedFileError:
        return DamagedFileError(reason, path=self.path, tensor=tensor, remedy="Copy or download the file again.")
