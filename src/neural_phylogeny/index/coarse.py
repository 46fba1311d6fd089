"""Which of many sketches are worth a look: a first pass over a sixth of their bits, a second over some of the rest.

Bits of a sketch are independent of each other, so that any of them estimate the correlation, with a noise of
pi / 2 / sqrt(bits). What is far by a sixth of the bits is hardly near by all: see benchmarks/index_speed.py.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]

MANY = 200_000
"""Sketches beyond which not every one is looked at; as many take 40 ms of one core."""

FIRST, SECOND = 18, 34
"""Words of a sketch that the first pass reads, and those that both read together."""

SHARE, FEWEST = 12, 8192
"""One of so many sketches goes on to the second pass; so many or four times as many as wanted are then looked at."""

CHUNK = 1 << 14
"""Sketches whose words are compared at a time: what is computed of them stays in a core's cache."""


_EVEN, _ONES = np.uint64(0x00FF00FF00FF00FF), np.uint64(0x0001000100010001)


def columns(sketches: Words) -> Words:
    """The first words of all sketches, ``(FIRST, n)``, word by word: a tenth to a fifth of a second for a million."""
    return np.ascontiguousarray(sketches[:, :FIRST].T)


def likely(sketches: Words, first: Words, query: Words, count: int) -> NDArray[np.int64]:
    """Rows of the sketches that may be among the ``count`` nearest; ``first`` are their ``columns``.

    A million take 45 ms of one core. Of models whose values correlate by 0.15 it misses 4 %, by 0.2 none.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> every = rng.integers(0, 2**64 - 1, (9000, 128), dtype=np.uint64)
    >>> rows = likely(every, columns(every), every[7], 10)
    >>> 7 in rows, len(rows) < 8500
    (True, True)
    """
    differing = np.zeros(first.shape[1], dtype=np.uint16)
    other, counted = np.empty(CHUNK, dtype=np.uint64), np.empty(CHUNK, dtype=np.uint8)
    for start in range(0, len(differing), CHUNK):
        some = differing[start : start + CHUNK]
        for word, own in zip(first[:, start : start + CHUNK], query[:FIRST], strict=True):
            np.bitwise_xor(word, own, out=other[: len(some)])
            np.bitwise_count(other[: len(some)], out=counted[: len(some)])
            np.add(some, counted[: len(some)], out=some)
    rows = _least(differing, max(FEWEST, len(differing) // SHARE))
    rest = np.bitwise_count(sketches[rows, FIRST:SECOND] ^ query[FIRST:SECOND])
    return rows[_least(differing[rows] + _sums(rest), max(FEWEST, 4 * count))]


def _sums(counted: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """Sums of rows of 16 counts of at most 64: as lanes of one word, in a third of the time of ``sum``."""
    lanes = (counted[:, :8] + counted[:, 8:]).view(np.uint64)[:, 0]
    lanes = (lanes & _EVEN) + (lanes >> np.uint64(8) & _EVEN)
    return (lanes * _ONES >> np.uint64(48)).astype(np.uint16)


def _least(values: NDArray[np.uint16], count: int) -> NDArray[np.int64]:
    """Where the ``count`` smallest values are, in order of place; all that equal the last of them are among them."""
    if count >= len(values):
        return np.arange(len(values))
    return np.flatnonzero(values <= np.partition(values, count - 1)[count - 1])
