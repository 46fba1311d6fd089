"""Zip archives as hostile input: directories that lie about sizes and places are found out before they cost."""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from typing import BinaryIO

from neural_phylogeny.errors import DamagedFileError
from neural_phylogeny.formats.spans import SpanFile

INFLATION_LIMIT = 1100
"""Largest ratio by which a compressed member may grow: a little more than deflate can reach."""

SMALL_SIZE = 1 << 28
"""Up to this many bytes a member may grow by that ratio, ..."""

LARGE_RATIO = 20
"""... beyond, only by this one (real weights hardly shrink at all), ..."""

SIZE_LIMIT = 1 << 33
"""... and never to more than this many bytes: it is unpacked into memory."""

DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    ArithmeticError,
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    RuntimeError,
    ValueError,
)
"""What the standard library raises on a damaged archive."""

_END_BYTES = 22
"""Length of the record that ends a zip archive, without its comment."""

_REMEDY = "Copy or download the file again."


def directory(file: BinaryIO, path: str) -> dict[str, zipfile.ZipInfo]:
    """The members of a zip by name.

    Raises DamagedFileError when the directory cannot be read or names a member twice, and when it does not cover
    the file from its first byte to its last: two programs could see two different models in such a file. A
    truncated archive of archives, for one, ends with the directory of a member.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            file.seek(-_END_BYTES - len(archive.comment), os.SEEK_END)
            covered = file.read(4) == b"PK\x05\x06"
    except DAMAGE as error:
        raise DamagedFileError(f"its zip directory cannot be read ({error})", path=path, remedy=_REMEDY) from error
    by_name = {info.filename: info for info in members}
    if not covered or min((info.header_offset for info in members), default=0) != 0:
        raise DamagedFileError("there are bytes that its zip directory does not cover", path=path, remedy=_REMEDY)
    if len(by_name) != len(members):
        raise DamagedFileError("its zip directory names a member twice", path=path, remedy=_REMEDY)
    return by_name


def stored_offset(file: SpanFile, info: zipfile.ZipInfo) -> int:
    """Where an uncompressed member's bytes begin: behind its local header, whose two lengths are its own.

    Raises DamagedFileError when they would lie outside the file, or are encrypted.
    """
    if 0 <= info.header_offset <= file.file_size - 30:
        local = file.read_bytes(info.header_offset, 30)
        lengths = int.from_bytes(local[26:28], "little") + int.from_bytes(local[28:30], "little")
        offset = info.header_offset + 30 + lengths
        honest = info.file_size == info.compress_size and not info.flag_bits & 1
        if honest and local[:4] == b"PK\x03\x04" and offset + info.file_size <= file.file_size:
            return offset
    raise DamagedFileError(
        f"zip member {info.filename!r} does not lie where the directory says", path=file.path, remedy=_REMEDY
    )


def inflate(file: BinaryIO, info: zipfile.ZipInfo, path: str, limit: int | None = None) -> bytes:
    """Decompress a member, or its first ``limit`` bytes, but never further than its directory entry claims.

    Raises DamagedFileError for a member that claims, or turns out, to be larger than its compressed bytes allow.
    """
    believable = max(LARGE_RATIO * info.compress_size, min(SMALL_SIZE, INFLATION_LIMIT * (info.compress_size + 1024)))
    if info.file_size > min(SIZE_LIMIT, believable):
        raise DamagedFileError(
            f"zip member {info.filename!r} claims to grow from {info.compress_size} to {info.file_size} bytes",
            path=path,
            remedy="This is a zip bomb, or damaged; do not unpack it.",
        )
    try:
        with zipfile.ZipFile(file) as archive, archive.open(info) as member:
            if limit is not None:
                return member.read(limit)
            content = member.read(info.file_size + 1)
    except DAMAGE as error:
        raise DamagedFileError(
            f"zip member {info.filename!r} cannot be decompressed ({error})", path=path, remedy=_REMEDY
        ) from error
    if len(content) != info.file_size:
        raise DamagedFileError(
            f"zip member {info.filename!r} does not hold the {info.file_size} bytes it claims",
            path=path,
            remedy=_REMEDY,
        )
    return content
