"""PyTorch ``.pt .pth .bin .ckpt``, without torch: the zip format and the one before version 1.6.

Both hold a pickle that describes tensors as views of storages, and the storages as plain values. The pickle is
loaded as inert records (see ``unpickler``), the views are proven (see ``views``), and contiguous tensors are then
read like those of any other file.
"""

from __future__ import annotations

import io
import threading
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np

from neural_phylogeny.errors import (
    DamagedFileError,
    UnknownChoiceError,
    UnsupportedFormatError,
)
from neural_phylogeny.formats import unpickler
from neural_phylogeny.formats.base import AnyArray, Checkpoint
from neural_phylogeny.formats.spans import Span, SpanFile
from neural_phylogeny.formats.state_dicts import find_state_dicts
from neural_phylogeny.formats.unpickler import Inert, Storage, TensorRecord
from neural_phylogeny.formats.views import View, prove
from neural_phylogeny.formats.zips import directory, inflate, stored_offset
from neural_phylogeny.records import TensorInfo

MAGIC = 0x1950A86A20F9469CFC6C
"""First pickled object of a file written before version 1.6."""

PICKLE_LIMIT = 1 << 28
"""Longest pickle accepted, in bytes; it describes tensors and does not hold them."""


def matches(head: bytes, path: Path) -> bool:
    """A zip or a pickle, or an old tar archive by its magic."""
    return head[:4] == b"PK\x03\x04" or (head[:1] == b"\x80" and head[1] <= 5) or head[257:262] == b"ustar"


def open_file(path: Path, component: str | None = None) -> Checkpoint:
    """Open a PyTorch checkpoint; costs a read of its directory and pickle."""
    return PyTorchFile(path, component)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a storage's bytes are: at ``offset``, or in a compressed zip member."""

    offset: int
    nbytes: int
    member: zipfile.ZipInfo | None = None


class PyTorchFile(SpanFile):
    """One PyTorch checkpoint; ``content`` gives the bytes of one that lies inside an archive."""

    format = "pytorch"

    def __init__(self, path: str | Path, component: str | None = None, content: bytes | None = None) -> None:
        super().__init__(path, content)
        self._arrays: dict[str, AnyArray] = {}
        self._views: dict[str, tuple[View, unpickler.Quantizer | None]] = {}
        self._last: tuple[str, AnyArray] | None = None
        self._lock = threading.Lock()
        try:
            with self._stream() as file:
                root, self._places, self._big_endian = self._load(file)
            self._choose(root, component)
        except BaseException:
            self.close()
            raise

    def read(self, name: str, start: int = 0, stop: int | None = None) -> AnyArray:
        if name in self._spans:
            return super().read(name, start, stop)
        if name in self._arrays:
            return self._arrays[name][start:stop]
        with self._lock:  # one tensor at a time is put together, and kept for the blocks that follow
            if self._last is None or self._last[0] != name:
                self._last = (name, self._assemble(name, *self._views[name]))
            return self._last[1][start:stop]

    def _stream(self) -> BinaryIO:
        return open(self.path, "rb") if self._content is None else io.BytesIO(self._content)

    def _load(self, file: BinaryIO) -> tuple[Any, dict[str, Place], bool]:
        """The unpickled object, the place of every storage, and whether values are big-endian."""
        head = file.read(262)
        file.seek(0)
        if head[:2] == b"PK":
            return self._load_zip(file)
        if head[257:262] == b"ustar":
            raise UnsupportedFormatError(
                "a tar archive as torch wrote it before version 0.1.10",
                path=self.path,
                remedy="Load and save it again with a newer torch.",
            )
        root, places = self._load_legacy(cast(BinaryIO, _Bounded(file, self.file_size)))
        return root, places, False

    def _load_zip(self, file: BinaryIO) -> tuple[Any, dict[str, Place], bool]:
        members = directory(file, self.path)
        pickles = sorted((name for name in members if name.split("/")[-1] == "data.pkl"), key=len)
        if not pickles:
            raise UnsupportedFormatError(
                "a zip archive without PyTorch's data.pkl", path=self.path, remedy="Give the weight file inside it."
            )
        prefix = pickles[0].removesuffix("data.pkl")
        root = unpickler.load(io.BytesIO(self._member(members[pickles[0]], PICKLE_LIMIT)), self.path)
        order = members.get(f"{prefix}byteorder")
        folder = f"{prefix}data/"
        places = {
            name.removeprefix(folder): self._place(info) for name, info in members.items() if name.startswith(folder)
        }
        return root, places, order is not None and self._member(order, 16) == b"big"

    def _place(self, info: zipfile.ZipInfo) -> Place:
        """Where a member's bytes are."""
        if info.compress_type != zipfile.ZIP_STORED:
            return Place(0, info.file_size, info)
        return Place(stored_offset(self, info), info.file_size)

    def _member(self, info: zipfile.ZipInfo, limit: int) -> bytes:
        """All bytes of a zip member of at most ``limit`` bytes."""
        if info.file_size > limit:
            raise self._damaged(f"zip member {info.filename!r} claims {info.file_size} bytes")
        place = self._place(info)
        if place.member is None:
            return self.read_bytes(place.offset, place.nbytes)
        with self._stream() as file:
            return inflate(file, info, self.path)

    def _load_legacy(self, file: BinaryIO) -> tuple[Any, dict[str, Place]]:
        first = unpickler.load(file, self.path)
        if first != MAGIC:
            return first, {}
        for _ in ("protocol version", "system information"):
            unpickler.load(file, self.path)
        root = unpickler.load(file, self.path)
        keys = unpickler.load(file, self.path)
        if not isinstance(keys, list):
            raise self._damaged("its list of storages is missing")
        itemsizes = _storage_itemsizes(root)
        places, offset = {}, file.tell()
        for key in map(str, keys):
            if offset + 8 > self.file_size:
                raise self._damaged(f"the file ends before storage {key}")
            count = int.from_bytes(self.read_bytes(offset, 8), "little", signed=True)
            nbytes = count * itemsizes.get(key, 0)
            if count < 0 or offset + 8 + nbytes > self.file_size:
                raise self._damaged(f"storage {key} claims {count} values, more than the file holds")
            if key not in itemsizes:
                raise self._damaged(f"storage {key} belongs to no tensor")
            places[key] = Place(offset + 8, nbytes)
            offset += 8 + nbytes
        return root, places

    def _choose(self, root: Any, component: str | None) -> None:
        """Pick the state dict and register each of its tensors."""
        found = find_state_dicts(root)
        if not found:
            kind = root.qualified_name if isinstance(root, Inert) else type(root).__name__
            raise UnsupportedFormatError(
                f"no state dict with floating-point tensors in it, only a {kind}",
                path=self.path,
                remedy="Give the file that holds the model's weights.",
            )
        if component is not None and component not in found:
            raise UnknownChoiceError("component", component, found)
        chosen = next(iter(found)) if component is None else component
        self.components = (chosen, *(name for name in found if name != chosen)) if len(found) > 1 else ()
        self.tensors = {}
        notes = []
        for name, tensor in found[chosen].items():
            if isinstance(tensor, TensorRecord):
                notes += self._register(name, tensor)
            else:
                array = np.ascontiguousarray(tensor)
                self._arrays[name] = array.reshape(-1)
                self.tensors[name] = TensorInfo(name, tensor.shape, array.dtype.name)
        self.notes = tuple(dict.fromkeys(notes))

    def _register(self, name: str, record: TensorRecord) -> list[str]:
        """Prove one tensor and note how it will be read."""
        place = self._places.get(record.storage.key) if isinstance(record.storage, Storage) else None
        if place is None:
            raise self._damaged("its storage is not in the file", name)
        view = prove(record, place.nbytes, self.path, name)
        dtype = view.dtype
        if self._big_endian:
            if dtype.kind == "V":
                raise UnsupportedFormatError("big-endian values of a small float type", path=self.path, tensor=name)
            dtype = dtype.newbyteorder(">")
        if record.quantizer is None and view.contiguous and place.member is None:
            self._spans[name] = Span(place.offset + view.offset * dtype.itemsize, dtype, view.size)
        else:
            self._views[name] = (view, record.quantizer)
        stored = view.dtype if record.quantizer is None else np.dtype(np.float32)
        self.tensors[name] = TensorInfo(name, view.shape, stored.name)
        return ["quantised tensors are read as the weights they stand for"] if record.quantizer is not None else []

    def _assemble(self, name: str, view: View, quantizer: unpickler.Quantizer | None) -> AnyArray:
        """All values of a tensor that is strided, compressed or quantised, in flat C order."""
        values = view.take(self._storage(name, view))
        if quantizer is None:
            return values
        scale, zero = self._parameter(name, quantizer.scale), self._parameter(name, quantizer.zero)
        if quantizer.axis is not None:
            if quantizer.axis not in range(len(view.shape)):
                raise self._damaged("its quantisation axis is not one of its axes", name)
            along = [1] * len(view.shape)
            along[quantizer.axis] = -1
            scale, zero = scale.reshape(along), zero.reshape(along)
        try:
            codes = values.astype(np.float32).reshape(view.shape)
            return np.ascontiguousarray((codes - zero) * scale, dtype=np.float32).reshape(-1)
        except ValueError as error:
            raise self._damaged("its scales do not fit its shape", name) from error

    def _storage(self, name: str, view: View) -> AnyArray:
        place = self._places[view.storage.key]
        if place.member is None:
            content = self.read_bytes(place.offset, place.nbytes, name)
        else:
            with self._stream() as file:
                content = inflate(file, place.member, self.path)
        dtype = view.dtype.newbyteorder(">") if self._big_endian else view.dtype
        return np.frombuffer(content[: len(content) // dtype.itemsize * dtype.itemsize], dtype=dtype)

    def _parameter(self, name: str, value: Any) -> AnyArray:
        """A quantiser's scale or zero point: a number, or a tensor with one per channel."""
        if isinstance(value, TensorRecord):
            place = self._places.get(value.storage.key) if isinstance(value.storage, Storage) else None
            if place is None:
                raise self._damaged("its scales are not in the file", name)
            view = prove(value, place.nbytes, self.path, name)
            return view.take(self._storage(name, view)).astype(np.float64)
        if isinstance(value, int | float):
            return np.array(value, dtype=np.float64)
        raise self._damaged("its scale or zero point is not a number", name)

    def _damaged(self, reason: str, tensor: str = "") -> DamagedFileError:
        return DamagedFileError(reason, path=self.path, tensor=tensor, remedy="Copy or download the file again.")


def _storage_itemsizes(root: Any) -> dict[str, int]:
    """Bytes per value of every storage that a tensor in the unpickled object refers to."""
    sizes: dict[str, int] = {}
    stack, seen = [root], set[int]()
    while stack:
        node = stack.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, Storage):
            sizes[node.key] = node.dtype.itemsize
        elif isinstance(node, TensorRecord):
            stack += [node.storage, node.quantizer]
        elif isinstance(node, unpickler.Quantizer):
            stack += [node.scale, node.zero]
        elif isinstance(node, dict):
            stack += node.values()
        elif isinstance(node, list | tuple):
            stack += node
        elif isinstance(node, Inert):
            stack += [node.args, node.state, node.items]
    return sizes


class _Bounded:
    """A file that answers a read beyond its end at once, so that no forged length allocates memory."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._size = size

    def read(self, count: int = -1) -> bytes:
        left = self._size - self._file.tell()
        if count > left:
            raise EOFError("the pickle asks for more bytes than the file has")
        return self._file.read(count)

    def readline(self) -> bytes:
        return self._file.readline(PICKLE_LIMIT)

    def readinto(self, buffer: Any) -> int:
        piece = self.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)

    def tell(self) -> int:
        return self._file.tell()
