"""Moments of each tensor of each model: what the direction features are made of."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.statistics.base import Arrays, Statistic, room, total
from neural_phylogeny.statistics.blocks import Block, count_blocks
from neural_phylogeny.statistics.products import row_products
from neural_phylogeny.tensors.alignment import AlignedTensor

LEVELS = 256
"""Most levels of a grid: those of eight bits, as int8 has."""

FEWEST = 64
"""Fewer values prove nothing: they may lie on a grid, or be equal, by chance, and their mean square is uncertain."""

OFF_GRID = 0.01
"""Spacings by which rounding may move a value off its level."""


class Moments(Statistic):
    """Power sums, largest magnitude, zeros, distinct values and number grid of each tensor, ``(n_members,)`` each.

    ``count, sum, absolute, square, cube, fourth, largest, zeros, distinct, grid, step, probed``; ``absolute`` is the
    sum of magnitudes. Large tensors are thinned, see ``SamplingPlan``, to the same blocks in every model, so that
    differences between models keep their precision; ``count`` says how many values were seen. Of a tensor that is read
    in part ``largest`` is what it would grow to among the values that are measured of the whole. ``distinct`` counts
    different values among the first ``probed`` ones, a hint at quantised weights, and ``grid`` the mantissa bits that
    those values need (see ``mantissa_bits``), a hint at weights that were rounded. ``step`` is the spacing of the even
    grid on which the first values lie, see ``grid_step``.
    """

    name = "moments"
    stacks = True

    def measure(self, tensor: AlignedTensor, block: Block, values: NDArray[np.float32]) -> Arrays:
        """Power sums of one block, float32 inside slices of it."""
        if block.index % self.plan.moment_stride(count_blocks(tensor.size), count_blocks(block.whole)):
            return {}
        buffer = np.abs(values, out=room(values.shape))
        part = {
            "sum": values.sum(axis=-1),
            "absolute": buffer.sum(axis=-1),
            "largest": buffer.max(axis=-1),
            "zeros": by_row(np.count_nonzero, values == 0),
            "count": np.full(values.shape[:-1], block.size),
        }
        squares = np.multiply(values, values, out=buffer)
        part |= {
            "square": row_products(values, values),
            "cube": row_products(values, squares),
            "fourth": row_products(squares, squares),
        }
        if block.index == 0:
            probe = np.sort(values[..., : self.plan.probed], axis=-1)
            part["distinct"] = 1 + np.count_nonzero(np.diff(probe, axis=-1), axis=-1)
            part["grid"] = mantissa_bits(values[..., : self.plan.probed])
            part["step"] = by_row(grid_step, values)
            part["probed"] = np.full(values.shape[:-1], probe.shape[-1])
        if block.whole:
            top = min(self.plan.top, block.size - 1)
            part["top"] = np.partition(np.abs(values), block.size - 1 - top, axis=1)[:, -1 - top :]
            part["whole"] = np.full(len(values), block.whole)
        return part

    def combine(self, tensor: AlignedTensor, parts: Sequence[Arrays]) -> Arrays:
        """Sums over the measured blocks; the largest magnitude is the largest of them."""
        seen = [part for part in parts if part]
        result: Arrays = {key: total(seen, key) for key in _SUMS}
        result["largest"] = np.max([part["largest"] for part in seen], axis=0).astype(np.float64)
        if "top" in seen[0]:
            result["largest"] += self._growth(seen, result["count"])
        return result | {key: seen[0][key].astype(np.float64) for key in ("distinct", "grid", "step", "probed")}

    def _growth(self, seen: Sequence[Arrays], count: NDArray[np.float64]) -> NDArray[np.float64]:
        """How far the largest magnitude of a sample lies below that of the whole, were it measured, with a tail that
        falls off exponentially: the mean excess of the largest magnitudes for each factor e in their number.
        """
        top = np.sort(np.concatenate([part["top"] for part in seen], axis=1), axis=1)[:, -1 - self.plan.top :]
        excess = top[:, 1:].mean(axis=1, dtype=np.float64) - top[:, 0]
        whole = int(seen[0]["whole"][0])
        measured = whole / self.plan.moment_stride(count_blocks(whole))
        growth: NDArray[np.float64] = excess * np.log(np.maximum(measured / count, 1.0))
        return growth


_SUMS = ("count", "sum", "absolute", "square", "cube", "fourth", "zeros")


def by_row(of: Callable[[NDArray[Any]], float], values: NDArray[Any]) -> NDArray[Any]:
    """A number of each row, ``(..., n_values) -> (...)``: no copy of all rows is made."""
    return np.array([of(row) for row in values.reshape(-1, values.shape[-1])]).reshape(values.shape[:-1])


def mantissa_bits(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Bits after the leading one that each row's values need, ``(..., n_values) -> (...)``; NaN if not finite.

    At most 7 for values that were rounded to bfloat16, 10 for float16, 23 for any float32. Zeros and powers of two
    need none.

    Examples
    --------
    >>> mantissa_bits(np.array([[1.0, 1.5], [0.1, 0.0], [-0.25, 3.75]], dtype=np.float32)).tolist()
    [1.0, 23.0, 3.0]
    """
    mantissas = np.ascontiguousarray(values).view(np.uint32) & np.uint32((1 << 23) - 1)
    used = np.bitwise_or.reduce(mantissas, axis=-1).astype(np.int64)
    needed = np.where(used > 0, 23 - np.bitwise_count((used & -used) - 1).astype(np.float64), 0.0)
    return np.where(np.isfinite(values).all(axis=-1), needed, np.nan)


def grid_step(values: NDArray[np.float32]) -> float:
    """Spacing of the even grid through zero on which all values lie: ``(n_values,)``; NaN where there is none.

    At most ``LEVELS`` levels, two of them neighbours; every value must lie within ``OFF_GRID`` spacings of a level. At
    least ``FEWEST`` values are needed. O(n log n), nearly free where there are many different ones.

    Examples
    --------
    >>> codes = np.random.default_rng(0).integers(-9, 9, 100)
    >>> round(grid_step((0.3 * codes).astype(np.float32)), 6), grid_step((0.3 * codes + 0.1).astype(np.float32))
    (0.3, nan)
    """
    if len(values) < FEWEST or len(np.unique(values[: 2 * LEVELS])) > LEVELS:
        return math.nan
    levels = np.unique(values).astype(np.float64)
    if not 2 <= len(levels) <= LEVELS or not np.isfinite(levels).all():
        return math.nan
    step = float(np.diff(levels).min())
    for _ in range(2):  # the smallest gap is rounded; the levels together give more digits
        codes = np.round(levels / step)
        step = float((levels * codes).sum() / (codes * codes).sum()) if codes.any() else step
    off = np.abs(levels - step * np.round(levels / step)).max()
    return step if off <= OFF_GRID * step else math.nan
