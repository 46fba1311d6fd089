"""What of a large matrix is compared unit by unit: evenly spaced rows and the first columns, so that memory is bounded.

An axis of which only a part is compared is taken to be in its stored order, as tokens and classes are.
"""

from __future__ import annotations

import numpy as np

from neural_phylogeny.relations.axes import Axis, Ints, shape_of

MOST_UNITS = 16384
"""Most units of a matrix that are matched: the time grows with their square."""

MOST_VALUES = 3 << 24
"""Most values of a matrix that are compared: some copies in single precision are held, 1.5 GB."""


def part_of(shape: tuple[int, ...]) -> tuple[Ints, int]:
    """Which rows of a matrix are compared, and how many of its columns; the longer axis is shortened first.

    Examples
    --------
    >>> rows, columns = part_of((50257, 768))
    >>> len(rows), columns
    (16384, 768)
    >>> rows, columns = part_of((2, 125_000_000))
    >>> len(rows), columns
    (2, 16384)
    """
    m, n, places = shape_of(shape)
    kept = [m, n]
    for axis in sorted((0, 1), key=lambda k: -kept[k]):
        most = MOST_VALUES // max(places * kept[1 - axis], 1)
        kept[axis] = min(kept[axis], MOST_UNITS, max(most, 2))
    return np.linspace(0, m - 1, kept[0]).astype(np.int64), kept[1]


def is_compared(shape: tuple[int, ...]) -> bool:
    """Whether a tensor has rows and columns, and few enough places of each that they fit in memory."""
    return len(shape) > 1 and min(shape_of(shape)[:2]) > 1 and 4 * shape_of(shape)[2] <= MOST_VALUES


def is_small(shape: tuple[int, ...]) -> bool:
    """Whether a matrix is compared as a whole."""
    rows, columns = part_of(shape)
    return (len(rows), columns) == shape_of(shape)[:2]


def of_whole(axes: tuple[Axis, Axis], shape: tuple[int, ...]) -> tuple[Axis, Axis]:
    """The axes of a matrix of which a part was compared, or of the part: what is not of this length is unchanged."""
    rows, columns = (axis if len(axis.order) == n else Axis.unchanged(n) for axis, n in zip(axes, shape, strict=False))
    return rows, columns
