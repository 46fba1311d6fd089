"""The header of a GGUF file, proven before any value is read.

Layout: magic, version, counts of tensors and of metadata entries, the entries, one record a tensor, padding, values.
Every count is checked against the bytes that are left before it is believed.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from neural_phylogeny.errors import DamagedFileError, UnsupportedFormatError
from neural_phylogeny.formats.gguf.types import GONE, KINDS, Kind
from neural_phylogeny.formats.limits import Budget, check, check_crumbs
from neural_phylogeny.formats.spans import SpanFile

MAGIC = b"GGUF"
VERSIONS = (2, 3)
HEADER_LIMIT = 1 << 28
"""Longest header accepted, in bytes; vocabularies of half a million words take a tenth of it."""
STRING_LIMIT = 1 << 24
NAME_LIMIT = 1 << 12
DIMENSIONS = 8
"""Most dimensions of a tensor; llama.cpp writes four."""
KEPT = 4096
"""Longest arrays of numbers that are kept; longer ones, and those of texts, are passed over."""
NESTING = 4
"""How deep arrays of arrays may be."""
ENTRY = 16
"""Values that a metadata entry counts as: files have some tens of entries, and each is made an object of its own."""

AT_ONCE, AT_ONCE_FAR = 1 << 20, 1 << 14
"""Bytes that are read at a time; of a file that lies elsewhere fewer, since it fetches ahead by itself."""

STRING, ARRAY = 8, 9
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
"""Formats of ``struct`` by the code of a metadata value."""

LEAST = {**{code: struct.calcsize(form) for code, form in SCALARS.items()}, STRING: 8, ARRAY: 12}
"""Fewest bytes of a value, by its code."""

AGAIN = "Copy or download the file again."


@dataclass(frozen=True, slots=True)
class Entry:
    """A tensor's record: its name, shape with the outer axis first, number type, and where it starts (bytes)."""

    name: str
    shape: tuple[int, ...]
    kind: Kind
    offset: int

    @property
    def nbytes(self) -> int:
        """Bytes of its values."""
        return math.prod(self.shape) // self.kind.values * self.kind.nbytes


@dataclass(frozen=True, slots=True)
class Header:
    """What a GGUF file says of itself: metadata without vocabularies, and its tensors in stored order."""

    metadata: Mapping[str, Any]
    entries: tuple[Entry, ...]


class _Cursor:
    """Goes through the bytes of a header in chunks, and refuses to go beyond the file or ``HEADER_LIMIT``."""

    def __init__(self, file: SpanFile) -> None:
        self._file = file
        self._chunk = b""
        self._start = 0
        self._step = AT_ONCE_FAR if file.is_far else AT_ONCE
        self.position = 0
        self.end = min(file.file_size, HEADER_LIMIT)
        self.budget = Budget("items", file.path)

    @property
    def left(self) -> int:
        return self.end - self.position

    def take(self, count: int) -> bytes:
        at = self._reach(count)
        self.position += count
        return self._chunk[at : at + count]

    def skip(self, count: int) -> None:
        if count > self.left:
            raise self.short()
        self.position += count

    def number(self, form: str) -> Any:
        return struct.unpack("<" + form, self.take(struct.calcsize(form)))[0]

    def text(self, limit: int = STRING_LIMIT) -> str:
        length = self.number("Q")
        if length > min(limit, self.left):
            raise damaged(self._file, f"the header has a text of {length:,} bytes")
        return self.take(length).decode("utf-8", errors="replace")

    def skip_texts(self, count: int) -> None:
        """Pass over texts; a vocabulary has hundreds of thousands, so the loop works on the chunk itself."""
        self.budget.spend(count)
        length_of = struct.Struct("<Q").unpack_from
        for _ in range(count):
            at = self.position - self._start
            if at + 8 > len(self._chunk):
                at = self._reach(8)
            (length,) = length_of(self._chunk, at)
            self.skip(8 + length)

    def short(self) -> DamagedFileError:
        if self.end < self._file.file_size:
            return damaged(self._file, f"the header is longer than {HEADER_LIMIT:,} bytes")
        return damaged(self._file, "the file ends within its header")

    def _reach(self, count: int) -> int:
        """Where the next ``count`` bytes start in the chunk, read where they are not in it."""
        if count > self.left:
            raise self.short()
        at = self.position - self._start
        if at < 0 or at + count > len(self._chunk):
            self._chunk = self._file.read_bytes(self.position, max(count, min(self._step, self.left)))
            self._start, at = self.position, 0
        return at


def read_header(file: SpanFile) -> Header:
    """Read and prove a header: the tensors tile the rest of the file in order, but for padding.

    Raises
    ------
    DamagedFileError
        Truncated, an impossible count, a name twice, overlapping tensors.
    UnsupportedFormatError
        Another version of the format, or an unknown number type.
    """
    cursor = _Cursor(file)
    if cursor.take(4) != MAGIC:
        raise UnsupportedFormatError("not a GGUF file", path=file.path)
    _prove_version(cursor.number("I"), file)
    n_tensors, n_entries = cursor.number("Q"), cursor.number("Q")
    for count, least, what in ((n_tensors, 24, "tensors"), (n_entries, 13, "metadata entries")):
        if count * least > cursor.left:
            raise damaged(file, f"the header claims {count:,} {what} in a file of {file.file_size:,} bytes")
    check("tensors", n_tensors, file.path)
    check_crumbs(n_tensors, file.file_size, file.path)
    metadata: dict[str, Any] = {}
    for _ in range(n_entries):
        cursor.budget.spend(ENTRY)
        key = cursor.text(NAME_LIMIT * 16)
        if key in metadata:
            raise damaged(file, f"the metadata has {key[:100]!r} twice")
        metadata[key] = _value(cursor, cursor.number("I"), file)
    records = [_record(cursor, file) for _ in range(n_tensors)]
    alignment = metadata.get("general.alignment", 32)
    if not isinstance(alignment, int) or not 0 < alignment <= 1 << 24 or alignment % 8:
        raise damaged(file, f"values are aligned to {str(alignment)[:20]} bytes, which is not a multiple of 8")
    start = -(-cursor.position // alignment) * alignment
    return Header(metadata, _proven(records, start, alignment, file))


def damaged(file: SpanFile, reason: str, tensor: str = "") -> DamagedFileError:
    """The error for a file that contradicts itself."""
    return DamagedFileError(reason, path=file.path, tensor=tensor, remedy=AGAIN)


def _prove_version(version: int, file: SpanFile) -> None:
    if version in VERSIONS:
        return
    is_swapped = int.from_bytes(version.to_bytes(4, "big"), "little") in VERSIONS
    raise UnsupportedFormatError(
        "GGUF with big-endian numbers" if is_swapped else f"GGUF of version {version}",
        path=file.path,
        remedy=f"Versions {VERSIONS[0]} and {VERSIONS[1]} with little-endian numbers are read: convert it again.",
    )


def _value(cursor: _Cursor, code: int, file: SpanFile, depth: int = 0) -> Any:
    """One metadata value; None for an array that is passed over."""
    if code in SCALARS:
        return cursor.number(SCALARS[code])
    if code == STRING:
        return cursor.text()
    if code != ARRAY:
        raise damaged(file, f"the metadata has a value of unknown type {code}")
    if depth >= NESTING:
        raise damaged(file, f"the metadata nests arrays more than {NESTING} deep")
    inner, count = cursor.number("I"), cursor.number("Q")
    if inner not in LEAST:
        raise damaged(file, f"the metadata has an array of unknown type {inner}")
    if count * LEAST[inner] > cursor.left:
        raise damaged(file, f"the metadata has an array of {count:,} values in a file of {file.file_size:,} bytes")
    if inner == STRING:
        cursor.skip_texts(count)
        return None
    if inner == ARRAY:
        for _ in range(count):
            cursor.budget.spend(8)  # an array of arrays costs more than a number
            _value(cursor, ARRAY, file, depth + 1)
        return None
    if count > KEPT:
        cursor.skip(count * LEAST[inner])
        return None
    cursor.budget.spend(count)
    form = f"<{count}{SCALARS[inner]}"
    return struct.unpack(form, cursor.take(count * LEAST[inner]))


def _record(cursor: _Cursor, file: SpanFile) -> Entry:
    name = cursor.text(NAME_LIMIT)
    n_dims = cursor.number("I")
    if n_dims > DIMENSIONS:
        raise damaged(file, f"it has {n_dims:,} dimensions, more than {DIMENSIONS}", name)
    lengths = tuple(cursor.number("Q") for _ in range(n_dims))
    code, offset = cursor.number("I"), cursor.number("Q")
    kind = KINDS.get(code)
    if kind is None:
        what = "a number type that llama.cpp gave up" if code in GONE else "an unknown number type"
        raise UnsupportedFormatError(
            f"{what} ({code})", path=file.path, tensor=name, remedy="Convert the model again with a recent llama.cpp."
        )
    if math.prod(lengths) >= 2**63 // 16 or offset >= 2**63:
        raise damaged(file, f"its shape {lengths} or its place is impossible", name)
    if (lengths[0] if lengths else 1) % kind.values:
        raise damaged(file, f"its rows of {lengths[:1]} values are no whole blocks of {kind.name}", name)
    return Entry(name, lengths[::-1], kind, offset)


def _proven(records: list[Entry], start: int, alignment: int, file: SpanFile) -> tuple[Entry, ...]:
    """The same records with places in the file; their values neither overlap nor leave gaps."""
    if len({record.name for record in records}) != len(records):
        raise damaged(file, "two tensors have the same name")
    end = 0
    placed = {}
    for record in sorted(records, key=lambda record: (record.offset, record.nbytes)):
        if record.offset < end:
            raise damaged(file, "the tensor overlaps the one before it", record.name)
        if record.offset != -(-end // alignment) * alignment:
            raise damaged(file, "the tensor leaves a gap before it", record.name)
        end = record.offset + record.nbytes
        if start + end > file.file_size:
            raise damaged(file, f"its values end at byte {start + end:,} of a file of {file.file_size:,}", record.name)
        placed[record.name] = Entry(record.name, record.shape, record.kind, start + record.offset)
    return tuple(placed[record.name] for record in records)
