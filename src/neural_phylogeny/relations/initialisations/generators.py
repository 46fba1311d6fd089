r"""PyTorch's generator for the CPU, draw by draw, in NumPy.

It is the Mersenne Twister (Matsumoto and Nishimura, ACM TOMACS 8, 1998) with Knuth's seeding, one word of 32 bits for a
uniform number in single precision: its low 24 bits. Normal numbers are made from blocks of 16 uniform ones by Box and
Muller's transform, the first eight giving the lengths and the others the angles; a tensor whose size is no multiple of
16 draws its last 16 values again. Fewer than 16 values come one by one, from pairs of uniform numbers of 53 bits, and
the second of a pair is kept for the next call.
"""

from __future__ import annotations

import math
import threading
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint32]
Values = NDArray[np.float64]

LOW_BITS = (1 << 24) - 1
"""Bits of a word that a uniform number in single precision is made from."""

BLOCK = 16
"""Normal numbers are made in blocks of this many; half of a block are lengths, half angles."""

TAILS = 1e-15
"""Uniform numbers are kept this far from 0 and 1 where the normal quantile is taken."""


def words(seed: int, count: int) -> Words:
    """The first words of the Mersenne Twister after ``torch.manual_seed(seed)``: ``(count,)``. 3 ns a word.

    Only the low 32 bits of a seed matter.

    Examples
    --------
    >>> words(42, 2).tolist()
    [1608637542, 3421126067]
    """
    if not hasattr(_KEPT, "twister"):
        _KEPT.twister = twister(0)  # to make one takes as long as 30,000 words
    _KEPT.twister._legacy_seeding(seed & 0xFFFFFFFF)
    found: Words = _KEPT.twister.random_raw(count).astype(np.uint32)
    return found


_KEPT = threading.local()


def twister(seed: int) -> np.random.MT19937:
    """The Mersenne Twister, seeded as PyTorch, Torch7 and NumPy's legacy functions seed it."""
    bits = np.random.MT19937()
    bits._legacy_seeding(seed & 0xFFFFFFFF)
    return bits


def standard_uniform(seed_words: Words) -> Values:
    """Uniform numbers in [0, 1) from words, one each, as ``torch.rand`` gives them.

    Examples
    --------
    >>> standard_uniform(words(42, 2)).round(4).tolist()
    [0.8823, 0.915]
    """
    return (seed_words & np.uint32(LOW_BITS)).astype(np.float64) * 2.0**-24


def box_muller(lengths: Values, angles: Values) -> tuple[Values, Values]:
    """Two normal numbers from two uniform ones each, as PyTorch makes them in blocks."""
    radius = np.sqrt(-2.0 * np.log(1.0 - lengths))
    turned = 2.0 * np.pi * angles
    return radius * np.cos(turned), radius * np.sin(turned)


def normal_quantile(uniform: Values) -> Values:
    """The normal quantile of uniform numbers, by Wichura's AS 241 in the standard library. 1 us a value."""
    inverse = NormalDist().inv_cdf
    return np.array([inverse(p) for p in np.clip(uniform, TAILS, 1.0 - TAILS).ravel().tolist()]).reshape(uniform.shape)


class TorchGenerator:
    """PyTorch's default generator after ``torch.manual_seed(seed)``, for tensors in single precision on the CPU.

    Draws are the library's to the last bit where uniform; normal ones agree to a few units in the last place, since the
    library takes logarithms in single precision.

    Attributes
    ----------
    place : int
        Words that were used.

    Examples
    --------
    >>> generator = TorchGenerator(42)
    >>> generator.uniform(2, 0.0, 1.0).round(4).tolist(), generator.place
    ([0.8823, 0.915], 2)
    """

    def __init__(self, seed: int, place: int = 0) -> None:
        self._bits = twister(seed)
        self._kept: float | None = None
        self.place = 0
        if place:
            self.skip(place)

    def skip(self, count: int) -> None:
        """Leave out some words."""
        self._words(count)

    def uniform(self, count: int, low: float, high: float) -> Values:
        """``tensor.uniform_(low, high)`` of ``count`` values."""
        return standard_uniform(self._words(count)) * (high - low) + low

    def normal(self, count: int, mean: float = 0.0, deviation: float = 1.0) -> Values:
        """``tensor.normal_(mean, deviation)`` of ``count`` values, one after the other in memory."""
        if count < BLOCK:
            return mean + deviation * np.array([self._one_normal() for _ in range(count)])
        uniform = standard_uniform(self._words(count))
        whole = count - count % BLOCK
        found = np.empty(count)
        found[:whole] = _blocks(uniform[:whole])
        if whole < count:
            found[-BLOCK:] = _blocks(standard_uniform(self._words(BLOCK)))
        return mean + deviation * found

    def truncated_normal(
        self, count: int, mean: float = 0.0, deviation: float = 1.0, low: float = -2.0, high: float = 2.0
    ) -> Values:
        """``nn.init.trunc_normal_`` up to PyTorch 2.12: the quantiles of uniform numbers between the bounds."""
        p = [NormalDist(mean, deviation).cdf(bound) for bound in (low, high)]
        uniform = (self.uniform(count, 2 * p[0] - 1, 2 * p[1] - 1) + 1) / 2
        return np.clip(mean + deviation * normal_quantile(uniform), low, high)

    def rejected_normal(
        self, count: int, mean: float = 0.0, deviation: float = 1.0, low: float = -2.0, high: float = 2.0
    ) -> Values:
        """``nn.init.trunc_normal_`` of newer versions: all values are drawn again while some are out of bounds.

        For bounds that hold at least 30 % of the normal distribution.
        """
        found = self.normal(count, mean, deviation)
        while (outside := (found < low) | (found > high)).any():
            found = np.where(outside, self.normal(count, mean, deviation), found)
        return found

    def orthogonal(self, rows: int, columns: int, gain: float = 1.0) -> Values:
        """``nn.init.orthogonal_``: ``(rows, columns)`` with orthonormal rows or columns, from a normal draw."""
        drawn = self.normal(rows * columns).reshape(rows, columns)
        q, r = np.linalg.qr(drawn.T if rows < columns else drawn)
        q *= np.sign(np.diag(r))
        found: Values = gain * (q.T if rows < columns else q)
        return found

    def _words(self, count: int) -> Words:
        self.place += count
        return self._bits.random_raw(count).astype(np.uint32)

    def _one_normal(self) -> float:
        if self._kept is not None:
            found, self._kept = self._kept, None
            return found
        first, second = (self._fine_uniform() for _ in range(2))
        radius = math.sqrt(-2.0 * math.log1p(-second))
        self._kept = radius * math.sin(2.0 * math.pi * first)
        return radius * math.cos(2.0 * math.pi * first)

    def _fine_uniform(self) -> float:
        high, low = self._words(2).tolist()
        return float((high << 32 | low) & ((1 << 53) - 1)) * 2.0**-53


def _blocks(uniform: Values) -> Values:
    """Normal numbers from whole blocks of uniform ones."""
    halves = uniform.reshape(-1, 2, BLOCK // 2)
    return np.stack(box_muller(halves[:, 0], halves[:, 1]), axis=1).reshape(-1)
