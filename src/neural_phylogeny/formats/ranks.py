"""The files of ranks: a small PyTorch file for each piece of a tensor, one behind another.

Pieces of one writer are alike but for their values: what is found in one holds for all whose other bytes are the same.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.errors import UnsupportedFormatError
from neural_phylogeny.formats.base import AnyArray
from neural_phylogeny.formats.limits import check, tick
from neural_phylogeny.formats.pytorch.reader import PyTorchFile
from neural_phylogeny.formats.spans import Span, SpanFile
from neural_phylogeny.formats.zips import stored_offset

READ = ("data.pkl", "byteorder")
"""Members of which a reader sees the bytes; of all others it sees the values of the tensor alone."""

MOST_FRAME = 1 << 14
"""Bytes of a piece beside its values, up to which it is compared with others."""

FRAMES = 4
"""Frames of pieces of one length that are kept: the values of a tensor on two devices, for one, have two."""

UNLIKE, BYTES_UNLIKE = 4, 1 << 16
"""A piece unlike all others counts as this many crumbs, where such pieces have fewer bytes on average: one costs a
millisecond. Pieces of one shape are alike, so that a sound checkpoint has few."""

_CRC_LOCAL, _CRC_LISTED = 14, 16
"""Where the sum of a member's bytes stands in its own header, and in its line of the directory."""


class RankFile(SpanFile):
    """One ``.distcp`` file."""

    format = "distributed"

    def values(self, span: Span, start: int, stop: int) -> AnyArray:
        """Values ``start:stop`` of a span."""
        found = np.empty(max(0, min(stop, span.size) - start), dtype=span.dtype)
        self._fill("", span.offset + start * span.dtype.itemsize, found)
        return found


@dataclass(frozen=True, slots=True)
class _Frame:
    """The bytes around a piece's values, ``head`` of them in front; those that a reader looks at are ``seen``."""

    head: int
    tail: int
    seen: NDArray[np.bool_]
    content: NDArray[np.uint8]
    inner: Span

    def holds(self, file: RankFile, offset: int, length: int) -> bool:
        """Whether a piece of the same length has the same bytes around its values."""
        found = _around(file, offset, length, self.head, self.tail)
        return bool((found[self.seen] == self.content).all())


class Pieces:
    """Pieces that were looked at so far, in all files of a checkpoint."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._frames: dict[int, list[_Frame]] = {}
        self._unlike = self._in_unlike = 0

    def span(self, file: RankFile, offset: int, length: int, name: str) -> Span:
        """Where the values of a piece lie in its file: ``length`` bytes at ``offset``, which must lie in it.

        Costs two short reads where a piece is like one before; else all that opening a PyTorch file does. Raises what
        that raises, and UnsupportedFormatError where a piece is not one plain tensor.
        """
        tick()
        kept = self._frames.setdefault(length, [])
        for frame in kept:
            if frame.holds(file, offset, length):
                return Span(offset + frame.inner.offset, frame.inner.dtype, frame.inner.size)
        self._unlike, self._in_unlike = self._unlike + 1, self._in_unlike + length
        if self._in_unlike < BYTES_UNLIKE * self._unlike:
            what = f"crumbs for pieces that are small and unlike each other, {UNLIKE} for each"
            check("crumbs", UNLIKE * self._unlike, self._path, what=what)
        with PyTorchFile(file.path, window=(offset, length)) as opened:
            spans = opened._spans
            if len(opened.tensors) != 1 or len(spans) != 1:
                raise UnsupportedFormatError("a piece that is not one plain tensor", path=file.path, tensor=name)
            (inner,) = spans.values()
            if (new := _frame(opened, file, offset, inner)) is not None:
                kept[:] = [new, *kept[: FRAMES - 1]]
        return Span(offset + inner.offset, inner.dtype, inner.size)


def _around(file: RankFile, offset: int, length: int, head: int, tail: int) -> NDArray[np.uint8]:
    found = np.empty(head + tail, dtype=np.uint8)
    file._fill("", offset, found[:head])
    file._fill("", offset + length - tail, found[head:])
    return found


def _frame(opened: PyTorchFile, file: RankFile, offset: int, inner: Span) -> _Frame | None:
    """The bytes around a piece's values; None for one that is compressed, odd, or mostly something else."""
    length, head, tail = opened.file_size, inner.offset, opened.file_size - inner.offset - inner.nbytes
    if head + tail > MOST_FRAME or opened.read_bytes(0, 2) != b"PK":
        return None
    end = opened.read_bytes(length - 22, 22)
    with zipfile.ZipFile(opened.stream()) as archive:
        members, listed = archive.infolist(), archive.start_dir
    if end[:4] != b"PK\x05\x06" or end[-2:] != bytes(2) or any(info.compress_type for info in members):
        return None
    seen = np.ones(head + tail, dtype=bool)
    for start, stop in _unseen(opened, members, listed):
        seen[start : min(stop, head)] = False
        beyond = head + tail - length
        seen[max(head, start + beyond) : max(head, stop + beyond)] = False
    content = _around(file, offset, length, head, tail)
    return _Frame(head, tail, seen, content[seen], inner)


def _unseen(opened: PyTorchFile, members: list[zipfile.ZipInfo], listed: int) -> Iterator[tuple[int, int]]:
    """Stretches of a piece that no reader looks at: bytes of members but for ``READ``, and their sums."""
    starts = sorted([*(info.header_offset for info in members), listed])
    for info in members:
        lengths = np.frombuffer(opened.read_bytes(listed + 28, 6), dtype="<u2")
        if info.filename.split("/")[-1] not in READ:
            yield stored_offset(opened, info), starts[starts.index(info.header_offset) + 1]
            yield info.header_offset + _CRC_LOCAL, info.header_offset + _CRC_LOCAL + 4
            yield listed + _CRC_LISTED, listed + _CRC_LISTED + 4
        listed += 46 + int(lengths.sum())
