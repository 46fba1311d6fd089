"""Tensors that lie in several pieces: parts of one box, each read from where it is."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from neural_phylogeny.formats.base import AnyArray

Shape = tuple[int, ...]

COMPARED = 1 << 20
"""Most pairs of pieces that are looked at; rows that are split need hardly any."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A box of a tensor: where it starts, its lengths, and a function for its values ``start:stop`` in flat C order."""

    offsets: Shape
    sizes: Shape
    read: Callable[[int, int], AnyArray]


class Ordered:
    """The pieces of one tensor in order of their rows, so that those of a few rows are found without a look at all."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self._pieces = sorted(pieces, key=lambda piece: piece.offsets)
        rows = [(piece.offsets[0], piece.sizes[0]) if piece.offsets else (0, 1) for piece in self._pieces]
        self._starts = [first for first, _ in rows]
        self._ends = list(accumulate((first + n for first, n in rows), max))

    def meeting(self, first: int, last: int) -> Sequence[Piece]:
        """The pieces that may have something of rows ``first:last``."""
        return self._pieces[bisect_right(self._ends, first) : bisect_left(self._starts, last)]


def tiles(shape: Shape, boxes: Sequence[tuple[Shape, Shape]]) -> str:
    """Why boxes (offsets, sizes) do not cover a shape once; empty where they do. Time n log n where rows are split.

    Examples
    --------
    >>> tiles((4, 2), [((0, 0), (3, 2)), ((3, 0), (1, 2))]), tiles((4, 2), [((0, 0), (3, 2))])
    ('', 'its pieces hold 6 of its 8 values')
    """
    for offsets, sizes in boxes:
        inside = all(
            0 <= at and 0 <= n and at + n <= whole for at, n, whole in zip(offsets, sizes, shape, strict=False)
        )
        if not len(offsets) == len(sizes) == len(shape) or not inside:
            return f"a piece of shape {sizes} at {offsets} does not fit its shape {shape}"
    held, wanted = sum(math.prod(sizes) for _, sizes in boxes), math.prod(shape)
    if held != wanted:
        return f"its pieces hold {held:,} of its {wanted:,} values"
    ordered = sorted(box for box in boxes if math.prod(box[1]))
    left = COMPARED
    for number, (offsets, sizes) in enumerate(ordered):
        for other, other_sizes in ordered[number + 1 :]:
            if other and other[0] >= offsets[0] + sizes[0]:
                break
            left -= 1
            if left < 0:
                return f"it has too many pieces ({len(boxes):,})"
            if all(a < b + m and b < a + n for a, n, b, m in zip(offsets, sizes, other, other_sizes, strict=True)):
                return "two of its pieces overlap"
    return ""


def read_pieces(shape: Shape, dtype: np.dtype, pieces: Sequence[Piece] | Ordered, start: int, stop: int) -> AnyArray:
    """Values ``start:stop`` of a tensor in pieces, in flat C order; reads the rows that these lie in, and no others."""
    if stop <= start:
        return np.empty(0, dtype=dtype)
    lengths = shape or (1,)
    width = math.prod(lengths[1:])
    first, last = start // width, -(-stop // width)
    found = np.empty((last - first, *lengths[1:]), dtype=dtype)
    for piece in pieces.meeting(first, last) if isinstance(pieces, Ordered) else pieces:
        (low, *others), (height, *across) = piece.offsets or (0,), piece.sizes or (1,)
        top, bottom = max(first, low), min(last, low + height)
        if top >= bottom:
            continue
        row = math.prod(across)
        values = piece.read((top - low) * row, (bottom - low) * row).reshape(bottom - top, *across)
        place = (slice(top - first, bottom - first), *(slice(at, at + n) for at, n in zip(others, across, strict=True)))
        found[place] = values
    return found.reshape(-1)[start - first * width : stop - first * width]
