"""Zip archives as hostile input: directories that lie about sizes and places are found out before they cost."""

from __future__ import annotations

import io
import lzma
import os
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterable
from itertools import pairwise
from typing import BinaryIO, cast

from neural_phylogeny.errors import CheckpointError, DamagedFileError, shortened
from neural_phylogeny.formats.limits import check
from neural_phylogeny.formats.limits import limit as limit_of
from neural_phylogeny.formats.spans import SpanFile

SMALL_SIZE = 1 << 26
"""Up to this many bytes a member may grow by the limit ``ratio``, ..."""

LARGE_RATIO = 20
"""... beyond, only by this one: real weights hardly shrink at all."""

HELD = 1 << 24
"""A member of more bytes is unpacked into a temporary file."""

_ALL_AT_ONCE = 4096
"""Compressed bytes that the library unpacks at once by other methods, however much they expand to."""

DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
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

_END_BYTES_64 = 76
"""The same of the two records that stand before it in a large one."""

_REMEDY = "Copy or download the file again."


def directory(file: BinaryIO, path: str) -> dict[str, zipfile.ZipInfo]:
    """The members of a zip by name.

    Raises DamagedFileError when the directory cannot be read or names a member twice, and when it does not cover
    the file from its first byte to its last: two programs could see two different models in such a file. A
    truncated archive of archives, for one, ends with the directory of a member.
    """
    try:
        _check_directory(file, path)
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            file.seek(-_END_BYTES - len(archive.comment), os.SEEK_END)
            covered = file.read(4) == b"PK\x05\x06"
    except CheckpointError:
        raise
    except DAMAGE as error:
        raise DamagedFileError(f"its zip directory cannot be read ({error})", path=path, remedy=_REMEDY) from error
    by_name = {info.filename: info for info in members}
    if not covered or min((info.header_offset for info in members), default=0) != 0:
        raise DamagedFileError("there are bytes that its zip directory does not cover", path=path, remedy=_REMEDY)
    if len(by_name) != len(members):
        raise DamagedFileError("its zip directory names a member twice", path=path, remedy=_REMEDY)
    return by_name


def _check_directory(file: BinaryIO, path: str) -> None:
    """Refuse a directory that is too long or names too many members, before any record of one is made."""
    end = zipfile._EndRecData(file)  # type: ignore[attr-defined]
    if not end:
        return
    size, location = end[5], end[9]
    check("header", size, path, what="bytes of a zip directory")
    file.seek(max(0, location - size - _END_BYTES_64))
    check("members", file.read(size + _END_BYTES_64).count(b"PK\x01\x02"), path)


ALIGNED = 64
"""PyTorch pads the local header of a member so that its bytes begin at a multiple of so many."""

DESCRIPTORS = (0, 12, 16, 20, 24)
"""Bytes that may follow a member: its descriptor."""


def offsets_unread(file: SpanFile, members: Iterable[zipfile.ZipInfo]) -> dict[str, int]:
    """Where PyTorch's uncompressed members begin in a file that lies elsewhere, by name, without a look at each.

    PyTorch pads local headers to whole steps of ``ALIGNED`` bytes; a place counts where the next member, or the
    directory, begins right behind it. The others, and all members of files on this machine, need a look.
    """
    if not file.is_far:
        return {}
    ordered = sorted(members, key=lambda info: info.header_offset)
    found = {}
    for info, following in pairwise(ordered):
        begin = info.header_offset + 30 + len(info.orig_filename.encode()) + 4
        begin = -(-begin // ALIGNED) * ALIGNED
        honest = info.compress_type == zipfile.ZIP_STORED and info.file_size == info.compress_size
        honest = honest and not info.flag_bits & 1
        if honest and following.header_offset - begin - info.file_size in DESCRIPTORS:
            found[info.filename] = begin
    return found


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
        f"zip member {shortened(info.filename)!r} does not lie where the directory says", path=file.path, remedy=_REMEDY
    )


def is_believable(nbytes: int, stored: int) -> bool:
    """Whether ``stored`` compressed bytes may hold ``nbytes``.

    Examples
    --------
    >>> is_believable(50_000_000, 60_000), is_believable(400_000_000, 400_000), is_believable(10**10, 10**9)
    (True, False, True)
    """
    return nbytes <= max(LARGE_RATIO * stored, min(SMALL_SIZE, limit_of("ratio") * (stored + 1024)))


def check_inflation(info: zipfile.ZipInfo, path: str) -> None:
    """Refuse a member that claims to grow beyond what its compressed bytes allow.

    Raises
    ------
    DamagedFileError
        For a member that claims to be larger than weights ever were.
    LimitError
        For one beyond the limit of inflated bytes.
    """
    if info.compress_type != zipfile.ZIP_STORED and not is_believable(info.file_size, info.compress_size):
        raise DamagedFileError(
            f"zip member {shortened(info.filename)!r} claims to grow from {info.compress_size} to "
            f"{info.file_size} bytes",
            path=path,
            remedy="This is a zip bomb, or damaged; do not unpack it.",
        )
    if info.compress_type != zipfile.ZIP_STORED:
        check("inflated", info.file_size, path)


def check_growth(members: Iterable[zipfile.ZipInfo], path: str) -> None:
    """Refuse an archive whose compressed members together claim too much. Raises as ``check_inflation``."""
    compressed = [info for info in members if info.compress_type != zipfile.ZIP_STORED]
    nbytes, stored = sum(info.file_size for info in compressed), sum(info.compress_size for info in compressed)
    if not is_believable(nbytes, stored):
        raise DamagedFileError(
            f"its members claim to grow from {stored} to {nbytes} bytes",
            path=path,
            remedy="This is a zip bomb, or damaged; do not unpack it.",
        )
    check("inflated", nbytes, path)


def inflate(file: BinaryIO | zipfile.ZipFile, info: zipfile.ZipInfo, path: str) -> bytes | BinaryIO:
    """Decompress a member piece by piece, never further than its directory entry claims.

    A small one comes as bytes, a larger one as an unnamed temporary file. Raises DamagedFileError for a member that
    claims, or turns out, to be larger than its compressed bytes allow.
    """
    check_inflation(info, path)
    whole: BinaryIO = io.BytesIO() if info.file_size <= HELD else cast(BinaryIO, tempfile.TemporaryFile())
    piece = 1 << 20 if info.compress_type == zipfile.ZIP_DEFLATED else _ALL_AT_ONCE
    try:
        archive = file if isinstance(file, zipfile.ZipFile) else zipfile.ZipFile(file)
        with archive.open(info) as member:
            left = info.file_size + 1
            while left and (content := member.read(min(piece, left))):
                whole.write(content)
                left -= len(content)
    except DAMAGE as error:
        whole.close()
        raise DamagedFileError(
            f"zip member {shortened(info.filename)!r} cannot be decompressed ({error})", path=path, remedy=_REMEDY
        ) from error
    if left != 1:
        whole.close()
        raise DamagedFileError(
            f"zip member {shortened(info.filename)!r} does not hold the {info.file_size} bytes it claims",
            path=path,
            remedy=_REMEDY,
        )
    return whole.getvalue() if isinstance(whole, io.BytesIO) else whole
