"""Grids of few levels: even ones of rows or blocks, and few different values of any spacing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

BLOCKS = (64, 32, 16)
"""Neighbouring inputs that share a scale: whole rows, as far as they are kept, or blocks."""

CODES = 128
"""Largest magnitude of a code."""

OFF = 1e-3
"""Steps by which arithmetic may move a value off its level."""

FEWER = 0.8
"""Different values for each one that is not zero, at most, where levels are few."""

NEARLY_ALL = 0.98
"""Share of the blocks with values that must lie on a grid: a block of zeros and one number may not."""

LEAST = 8
"""Fewer values of a block show no grid."""

FIRST = 8
"""Blocks that are looked at before all: of weights that were trained, enough of them have no grid."""

AT_ONCE = 1 << 14
"""Levels that are looked at together: of few values those of all codes, of many those of one code after the other."""

STORED = (128, 64, 32)
"""Neighbouring values of a stored tensor that share a scale, wherever its rows end."""

Blocks = tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]
"""Values block by block, their blocks, their places in these, and how many values each block has."""


@dataclass(frozen=True)
class Places:
    """Where values ``(units, inputs)`` lie in a stored tensor, and the length of its rows."""

    flat: NDArray[np.int64]
    row: int
    known: dict[int, Blocks] = field(default_factory=dict, compare=False, repr=False)

    def blocks(self, size: int) -> Blocks:
        """The values by blocks of this size, sorted once: the same places are asked of every pair of models."""
        if size not in self.known:
            self.known[size] = _blocks(self.flat // size)
        return self.known[size]

    def stored(self) -> Iterator[Blocks]:
        """By the rows of the stored tensor, and by the blocks that are tried of it; once where they are the same."""
        if self.row >= LEAST:
            yield self.blocks(self.row)
        known = 0
        for size in STORED:  # each divides the one before it
            blocks = self.blocks(size)
            if len(blocks[-1]) > known:
                yield blocks
            known = len(blocks[-1])


def steps_of_grid(values: Floats, code_bits: int = 0, places: Places | None = None) -> Floats | None:
    """Spacing of the grid on which the rows ``(units, inputs)`` lie, for each value; None where there is none.

    Zeros say nothing. ``places`` are those of the values in the stored tensor: blocks need not begin where rows do.
    Where none is found and ``code_bits`` are known, the spacing follows from the number of levels. O(128 n).

    Examples
    --------
    >>> codes = np.random.default_rng(0).integers(-127, 128, (4, 64)).astype(float)
    >>> steps_of_grid(0.01 * codes)[0, 0].round(6), steps_of_grid(codes + np.sqrt(np.arange(64)) / 9)
    (np.float64(0.01), None)
    """
    if not values.any():
        return None
    for width in _widths(values.shape[1]):
        if (found := _spaced(values.reshape(-1, width))) is not None:
            return found.reshape(values.shape)
    for stored in places.stored() if places is not None else ():
        if (found := _of_stored(values, stored)) is not None:
            return found
    if code_bits:
        return _spread(np.abs(values).max(axis=1, keepdims=True) / 2.0 ** (min(code_bits, 8) - 1), values)
    return None


def may_have_grid(values: Floats, places: Sequence[Places | None]) -> NDArray[np.bool_]:
    """Which of several models ``(k, units, inputs)`` may have a grid: necessary, from a few blocks of each.

    As ``steps_of_grid`` looks at the first blocks, of all models at once.
    """
    found = np.zeros(len(values), dtype=bool)
    for width in _widths(values.shape[2]):
        every = values.reshape(len(values), -1, width)
        found |= _may(every[:, :FIRST], every.shape[1])
    flat = values.reshape(len(values), -1)
    for place in {id(one): one for one in places if one is not None}.values():
        own = np.array([one is place for one in places])
        for order, block, at, count in place.stored():
            some = block < FIRST
            blocks = np.zeros((int(own.sum()), min(FIRST, len(count)), int(count.max())))
            blocks[:, block[some], at[some]] = flat[own][:, order[some]]
            found[own] |= _may(blocks, len(count))
    return found


def _widths(inputs: int) -> list[int]:
    """Inputs of the blocks that are tried: the longest are whole rows, where these are shorter."""
    widths = [min(width, inputs) for width in BLOCKS if width <= inputs or width == BLOCKS[0]]
    return [width for width in widths if width >= LEAST and inputs % width == 0]


def _may(blocks: Floats, every: int) -> NDArray[np.bool_]:
    """Whether the first blocks ``(k, n, width)`` of each model, of ``every`` one, leave it possible: all but a few."""
    n, width = blocks.shape[1:]
    flat = blocks.reshape(-1, width)
    ordered = np.sort(np.abs(flat), axis=1)
    there = np.count_nonzero(ordered, axis=1)
    uneven = ~_may_be_even_sorted(ordered, ordered[:, -1:]) & (there >= LEAST // 2)
    most = (1.0 - NEARLY_ALL) * every + 1e-9
    found: NDArray[np.bool_] = np.count_nonzero(uneven.reshape(-1, n), axis=1) <= most
    there, distinct = _different(flat)
    many = (there >= LEAST) & (distinct > FEWER * there)
    found |= np.count_nonzero(many.reshape(-1, n), axis=1) <= most
    return found


def _blocks(label: NDArray[np.int64]) -> Blocks:
    """The same by the block of each value."""
    order = np.argsort(label, axis=None, kind="stable")
    _, block, count = np.unique(label.ravel()[order], return_inverse=True, return_counts=True)
    return order, block, np.arange(label.size) - (np.cumsum(count) - count)[block], count


def _of_stored(values: Floats, stored: Blocks) -> Floats | None:
    """The same by the blocks of a stored tensor, of which some values are here."""
    order, block, place, count = stored
    blocks = np.zeros((len(count), int(count.max())))
    blocks[block, place] = values.ravel()[order]
    spacing = _spaced(blocks)
    if spacing is None:
        return None
    found = np.empty(values.size)
    found[order] = spacing[block, place]
    return found.reshape(values.shape)


def _spaced(blocks: Floats) -> Floats | None:
    """Spacing of the grid of each block ``(n, width)``, for each value; None where nearly all do not have one."""
    for find in (_even, _few):
        steps = find(blocks)
        if steps is not None:
            return _spread(steps, blocks)
    return None


def _spread(steps: Floats, values: Floats) -> Floats:
    return np.broadcast_to(np.where(steps > 0, steps, np.abs(values).max()), values.shape).copy()


def _even(blocks: Floats) -> Floats | None:
    """Spacing of each block ``(n, 1)`` of which all values are multiples, up to ``CODES`` times."""
    first = blocks[:FIRST]
    uneven = ~_may_be_even(first, np.abs(first).max(axis=1, keepdims=True))
    uneven &= np.count_nonzero(first, axis=1) >= LEAST // 2
    if np.count_nonzero(uneven) > (1.0 - NEARLY_ALL) * len(blocks) + 1e-9:
        return None
    largest = np.abs(blocks).max(axis=1, keepdims=True)
    some = (np.count_nonzero(blocks, axis=1) >= LEAST // 2) & (largest[:, 0] > 0)
    if np.count_nonzero(some) < max(1, len(blocks) // 4):
        return None
    possible = some & _may_be_even(blocks, largest)
    if np.count_nonzero(possible) < NEARLY_ALL * np.count_nonzero(some):
        return None
    found, last = np.zeros_like(largest), 0
    while last < CODES and (left := np.flatnonzero(possible & (found[:, 0] == 0))).size:
        codes = np.arange(last, min(CODES, last + max(1, AT_ONCE // blocks[left].size))) + 1
        last = int(codes[-1])
        steps = largest[left] / codes
        levels = blocks[left][:, None] / steps[..., None]
        fits = np.abs(levels - np.round(levels)).max(axis=2) < OFF
        fitting = np.flatnonzero(fits.any(axis=1))
        found[left[fitting], 0] = steps[fitting, fits[fitting].argmax(axis=1)]
    return found if np.count_nonzero(found[some]) >= NEARLY_ALL * np.count_nonzero(some) else None


def _may_be_even(blocks: Floats, largest: Floats) -> NDArray[np.bool_]:
    """Whether neighbouring magnitudes of each block are equal or a step apart, as on any even grid: ``(n,)``.

    It spares nearly all blocks that were trained the trial of every step.
    """
    return _may_be_even_sorted(np.sort(np.abs(blocks), axis=1), largest)


def _may_be_even_sorted(ordered: Floats, largest: Floats) -> NDArray[np.bool_]:
    """The same of sorted magnitudes."""
    gaps = ordered.copy()
    gaps[:, 1:] -= ordered[:, :-1]
    between = (gaps > 2.0 * OFF * largest) & (gaps < (1.0 - 2.0 * OFF) * largest / CODES)
    found: NDArray[np.bool_] = np.logical_not(between.any(axis=1))
    return found


def _few(blocks: Floats) -> Floats | None:
    """Mean spacing of each block ``(n, 1)`` that has few different values."""
    there, distinct = _different(blocks[:FIRST])
    if np.count_nonzero((there >= LEAST) & (distinct > FEWER * there)) > (1.0 - NEARLY_ALL) * len(blocks) + 1e-9:
        return None
    there, distinct = _different(blocks)
    some = there >= LEAST
    if np.count_nonzero(some) < max(1, len(blocks) // 4):
        return None
    if (distinct[some] > FEWER * there[some]).mean() > 1.0 - NEARLY_ALL or distinct[some].sum() > 0.7 * there[
        some
    ].sum():
        return None
    extent = np.ptp(blocks, axis=1)
    steps: Floats = (extent / np.maximum(distinct - 1, 1))[:, None]
    return steps


def _different(blocks: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Values of each block that are not zero, and how many different ones these are: ``(n,)`` each."""
    ordered = np.sort(blocks, axis=1)
    is_there = ordered != 0
    is_new = is_there.copy()
    is_new[:, 1:] &= ordered[:, 1:] != ordered[:, :-1]
    return np.count_nonzero(is_there, axis=1), np.count_nonzero(is_new, axis=1)
