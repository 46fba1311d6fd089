"""The protobuf wire format, as far as it takes to find the large fields of a message without reading them.

Reference: https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from neural_phylogeny.formats.limits import Budget
from neural_phylogeny.formats.spans import SpanStream

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
"""Wire types; the two others are of groups, which nothing uses any more."""

_LONGEST_PREFIX = 20
"""A tag and a length are varints of at most 10 bytes."""

_CHUNK = 4096
"""Bytes that are looked at together."""


class Field(NamedTuple):
    """One field of a message: its number and wire type, and where it and its value are in the file (bytes)."""

    number: int
    wire_type: int
    begin: int
    value: int
    end: int


def fields(stream: SpanStream, begin: int, end: int, budget: Budget | None = None) -> Iterator[Field]:
    """The fields of the message at ``begin:end`` of a stream; values are not read.

    Raises ValueError where the bytes are not a message, and LimitError where there are more than the budget allows.
    """
    chunk, base = b"", begin
    while begin < end:
        if budget is not None:
            budget.spend()
        at = begin - base
        if at + _LONGEST_PREFIX > len(chunk) and base + len(chunk) < end:
            stream.seek(begin)
            chunk, base, at = stream.read(min(_CHUNK, end - begin)), begin, 0
        tag, used = _varint(chunk, at)
        number, wire_type = tag >> 3, tag & 7
        value = base + used
        if wire_type == VARINT:
            stop = base + _varint(chunk, used)[1]
        elif wire_type == BYTES:
            length, used = _varint(chunk, used)
            value = base + used
            stop = value + length
        elif wire_type in (FIXED64, FIXED32):
            stop = value + (8 if wire_type == FIXED64 else 4)
        else:
            raise ValueError(f"wire type {wire_type} at byte {begin}")
        if stop > end or not number:
            raise ValueError(f"field {number} at byte {begin} does not fit its message")
        yield Field(number, wire_type, begin, value, stop)
        begin = stop
        if begin > base + len(chunk):
            chunk, base = b"", begin


def encoded(number: int, content: bytes) -> bytes:
    r"""A field of bytes, or of a message, as it is stored.

    Examples
    --------
    >>> encoded(5, b"ab")
    b'*\x02ab'
    """
    out, length = bytearray([number << 3 | BYTES]), len(content)
    while length > 0x7F:
        out.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes(out) + bytes([length]) + content


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """The number that starts at ``at``, and where it ends."""
    number = 0
    if at < len(data) and data[at] < 0x80:
        return data[at], at + 1
    for index, byte in enumerate(data[at : at + 10]):
        number |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return number, at + index + 1
    raise ValueError("a number that does not end")
