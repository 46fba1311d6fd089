"""The two containers torch writes: a zip archive, and before version 1.6 pickles with the values behind them.

Both are taken apart into the same three things: the unpickled object as inert records, the place of every storage
in the file, and the byte order.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from neural_phylogeny.errors import DamagedFileError, NoModelError, UnsupportedFormatError, shortened
from neural_phylogeny.formats.limits import check
from neural_phylogeny.formats.pytorch import unpickler
from neural_phylogeny.formats.pytorch.inert import Storage
from neural_phylogeny.formats.spans import SpanFile, SpanStream
from neural_phylogeny.formats.zips import (
    check_growth,
    check_inflation,
    directory,
    inflate,
    offsets_unread,
    stored_offset,
)

PICKLE_LIMIT = 1 << 28
"""Longest pickle accepted, in bytes; it describes tensors and does not hold them."""

LOCAL_HEADER = 30
"""Bytes of a zip member's local header."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a storage's bytes are: at ``offset``, or in a compressed zip member, or in the pickle itself."""

    offset: int
    nbytes: int
    member: zipfile.ZipInfo | None = None
    content: bytes | None = None


@dataclass(frozen=True, slots=True)
class Container:
    """What a file holds: the unpickled object, the storages by key, and whether values are big-endian."""

    root: Any
    places: Mapping[str, Place]
    big_endian: bool = False


def unpack(file: SpanFile) -> Container:
    """Take a file apart; costs a read of its directory and its pickle.

    Raises DamagedFileError, UnsafeFileError or UnsupportedFormatError.
    """
    head = file.read_bytes(0, min(file.file_size, 262))
    if head[:2] == b"PK":
        return _unpack_zip(file)
    if head[257:262] == b"ustar":
        raise UnsupportedFormatError(
            "a tar archive as torch wrote it before version 0.1.10",
            path=file.path,
            remedy="Load and save it again with a newer torch.",
        )
    return _unpack_legacy(file)


def _unpack_zip(file: SpanFile) -> Container:
    """``NAME/data.pkl``, ``NAME/data/KEY`` for each storage, perhaps ``NAME/byteorder``."""
    members = directory(file.stream(), file.path)
    pickles = sorted((name for name in members if name.split("/")[-1] == "data.pkl"), key=len)
    if not pickles:
        raise NoModelError(
            "a zip archive without PyTorch's data.pkl",
            "no weights",
            path=file.path,
            remedy="Give the weight file inside it.",
        )
    prefix = pickles[0].removesuffix("data.pkl")
    content = _member(file, members[pickles[0]], PICKLE_LIMIT)
    root = _loaded(file, content)
    order = members.get(f"{prefix}byteorder")
    folder = f"{prefix}data/"
    storages = {name: info for name, info in members.items() if name.startswith(folder)}
    unread = offsets_unread(file, members.values())
    lacking = [info.header_offset for name, info in storages.items() if name not in unread]
    file.look_ahead((start, start + LOCAL_HEADER) for start in lacking)
    places = {
        name.removeprefix(folder): Place(unread[name], info.file_size) if name in unread else _place(file, info)
        for name, info in storages.items()
    }
    check_growth((info for name, info in members.items() if name.startswith(folder)), file.path)
    return Container(root, places, order is not None and _member(file, order, 16) == b"big")


def _loaded(file: SpanFile, content: bytes | BinaryIO) -> Any:
    if isinstance(content, bytes):
        return unpickler.load(io.BytesIO(content), file.path, nbytes=file.file_size)
    with content, SpanFile(file.path, content) as unpacked:
        return unpickler.load(unpacked.stream(), file.path, nbytes=file.file_size)


def _place(file: SpanFile, info: zipfile.ZipInfo) -> Place:
    if info.compress_type != zipfile.ZIP_STORED:
        check_inflation(info, file.path)
        return Place(0, info.file_size, info)
    return Place(stored_offset(file, info), info.file_size)


def _member(file: SpanFile, info: zipfile.ZipInfo, limit: int) -> bytes | BinaryIO:
    """All bytes of a zip member of at most ``limit`` bytes, as ``inflate`` gives them."""
    if info.file_size > limit:
        raise _damaged(file, f"zip member {shortened(info.filename)!r} claims {info.file_size} bytes")
    if info.compress_type != zipfile.ZIP_STORED:
        check("buffer", info.file_size, file.path, what="bytes of a compressed pickle")
    place = _place(file, info)
    if place.member is None:
        return file.read_bytes(place.offset, place.nbytes)
    return inflate(file.stream(), info, file.path)


def _unpack_legacy(file: SpanFile) -> Container:
    """Five pickles - magic number, protocol, system, the object, its storages' keys - then count and values of each.

    Values are little-endian whatever the machine. A file without the magic number is one plain pickle.
    """
    stream = file.stream()
    first = unpickler.load(stream, file.path, nbytes=file.file_size)
    if first != unpickler.MAGIC:
        return Container(first, {})
    for _ in ("protocol version", "system information"):
        unpickler.load(stream, file.path)
    storages: dict[str, Storage] = {}
    root = unpickler.load(stream, file.path, storages, file.file_size)
    keys = unpickler.load(stream, file.path)
    if not isinstance(keys, list) or not all(isinstance(key, str | int) for key in keys):
        raise _damaged(file, "its list of storages is missing")
    return Container(root, _legacy_places(file, stream, [str(key) for key in keys], storages))


def _legacy_places(
    file: SpanFile, stream: SpanStream, keys: list[str], storages: Mapping[str, Storage]
) -> dict[str, Place]:
    places, offset = {}, stream.tell()
    for key in keys:
        if key not in storages:
            raise _damaged(file, f"storage {shortened(key)!r} belongs to no tensor")
        if offset + 8 > file.file_size:
            raise _damaged(file, f"the file ends before storage {shortened(key)!r}")
        count = int.from_bytes(file.read_bytes(offset, 8), "little", signed=True)
        nbytes = count * storages[key].dtype.itemsize
        if count < 0 or offset + 8 + nbytes > file.file_size:
            raise _damaged(file, f"storage {shortened(key)!r} claims {count} values, more than the file holds")
        places[key] = Place(offset + 8, nbytes)
        offset += 8 + nbytes
    return places


def _damaged(file: SpanFile, reason: str) -> DamagedFileError:
    return DamagedFileError(reason, path=file.path, remedy="Copy or download the file again.")
