"""The protobuf wire format, as far as it takes to find the large fields of a message without reading them.

Reference: https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from neural_phylogeny.formats.spans import SpanStream

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
"""Wire types; the two others are of groups, which nothing uses any more."""

_LONGEST_PREFIX = 20
"""A tag and a length are varints of at most 10 bytes."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message: its number and wire type, and where it and its value are in the file (bytes)."""

    number: int
    wire_type: int
    begin: int
    value: int
    end: int


def fields(stream: SpanStream, begin: int, end: int) -> Iterator[Field]:
    """The fields of the message at ``begin:end`` of a stream; values are not read.

    Raises ValueError where the bytes are no message.
    """
    while begin < end:
        stream.seek(begin)
        prefix = stream.read(min(_LONGEST_PREFIX, end - begin))
        tag, used = _varint(prefix, 0)
        number, wire_type = tag >> 3, tag & 7
        value = begin + used
        if wire_type == VARINT:
            stop = begin + _varint(prefix, used)[1]
        elif wire_type == BYTES:
            length, used = _varint(prefix, used)
            value = begin + used
            stop = value + length
        elif wire_type in (FIXED64, FIXED32):
            stop = value + (8 if wire_type == FIXED64 else 4)
        else:
            raise ValueError(f"wire type {wire_type} at byte {begin}")
        if stop > end or not number:
            raise ValueError(f"field {number} at byte {begin} does not fit its message")
        yield Field(number, wire_type, begin, value, stop)
        begin = stop


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """The number that starts at ``at``, and where it ends."""
    number = 0
    for index, byte in enumerate(data[at : at + 10]):
        number |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return number, at + index + 1
    raise ValueError("a number that does not end")
