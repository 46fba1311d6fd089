r"""Cross moments of pairs of models: what the second order of a Gram matrix cannot tell about direction.

With w_i, w_j the weights of two models and sums over one sample of each matrix, further quantities follow by
algebra:

- :math:`\sum w_i^3 w_j - w_i w_j^3` is ``third - third.T``: a direction test for a linear effect with
  non-Gaussian noise (Hyvarinen and Smith, *Pairwise likelihood ratios*, JMLR 14, 2013);
- :math:`\sum (w_i - w_j)^2 w_i^2` is ``diag(third)[:, None] - 2 third + second``: did large weights move more?
- the kurtosis of the difference is ``count * fourth / square**2``.

The last one would lose all digits if it were expanded: for models that differ by a part in 10^3 the sum of
fourth powers is 10^12 times smaller than its terms. So the powers of the differences are computed from the
differences, which are exact in float64, and only the rest is left to algebra: its relative error stays below
10^-14 over the square of the relative difference, 10^-8 for a part in 10^3.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.statistics.base import Arrays, Statistic, room, total
from neural_phylogeny.statistics.blocks import Block, count_blocks
from neural_phylogeny.statistics.moments import by_row, mantissa_bits
from neural_phylogeny.tensors.alignment import AlignedTensor

COARSE = 11
"""Mantissa bits of the finest format that weights are rounded to: 10 for float16, and one for scaled weights."""

FINER = 2
"""Mantissa bits that a model needs beyond those of another for the other to be its rounding."""


AT_ONCE = 1 << 16
"""Differences of values that are looked at together: 512 KiB, so that a core's nearer cache holds them."""


class Cross(Statistic):
    """Sums over a sample of each matrix, in float64, ``(n_members, n_members)`` each.

    ``product[i, j]`` of w_i w_j, ``second[i, j]`` of w_i^2 w_j^2, ``third[i, j]`` of w_i^3 w_j, ``square[i, j]`` of
    (w_i - w_j)^2, ``fourth[i, j]`` of (w_i - w_j)^4; the number of entries that are zero in both models,
    ``zeros[i, j]``, and equal in both, ``equal[i, j]`` (0 and -0 are equal, what is not finite equals nothing); and
    where w_j needs fewer mantissa bits than w_i, the number of entries where w_j is w_i rounded to that many,
    ``rounded[i, j]``.
    ``count`` says how many values were seen, ``(n_members,)``.

    The sample is every k-th value of the blocks that ``Moments`` measures, at the same positions in every
    model, see ``SamplingPlan``. Not finite for a model with such values in the sample.
    Cost: about three passes over ``plan.cross_values`` values of each pair of models in a sampled block, 0.6 ms for 8
    models and 0.3 s for 200.
    """

    name = "cross"
    stacks = True
    pairwise = ("product", "second", "third", "square", "fourth", "zeros", "equal", "rounded")

    def measure(self, tensor: AlignedTensor, block: Block, values: NDArray[np.float32]) -> Arrays:
        """Sums over the sample of one block."""
        if not tensor.is_matrix or block.index % self.plan.moment_stride(count_blocks(tensor.size)):
            return {}
        step = self.plan.cross_step(block)
        sums: Arrays = {}
        for first in self.plan.cross_offsets(tensor, block):
            for key, more in cross_sums(values[..., first::step]).items():
                sums[key] = sums[key] + more if key in sums else more
        return sums

    def combine(self, tensor: AlignedTensor, parts: Sequence[Arrays]) -> Arrays:
        """Sums over the sampled blocks."""
        seen = [part for part in parts if part]
        result: Arrays = {key: total(seen, key) for key in seen[0]} if seen else {}
        return result | {key: result[key].astype(np.int32) for key in ("zeros", "equal", "rounded") if key in result}


def cross_sums(single: NDArray[np.float32]) -> Arrays:
    """All sums of ``Cross`` for values ``(..., n, n_values)``; see there."""
    *stack, n, n_values = single.shape
    values = single.astype(np.float64)
    squares = values * values
    zero = (values == 0).astype(np.float32)  # counts are exact in float32 up to 2**24
    square, fourth, equal = (np.empty((*stack, n, n)) for _ in range(3))
    for i, others in _pairs(n, math.prod(stack) * n_values):
        some = values[..., others, :]
        difference = np.subtract(some, values[..., i : i + 1, :], out=room(some.shape, np.float64))
        equal[..., i, others] = equal[..., others, i] = by_row(np.count_nonzero, difference == 0)
        square[..., i, others] = square[..., others, i] = np.vecdot(difference, difference)
        difference *= difference
        fourth[..., i, others] = fourth[..., others, i] = np.vecdot(difference, difference)
    columns = values.swapaxes(-1, -2)
    return {
        "product": np.matmul(values, columns),
        "second": np.matmul(squares, squares.swapaxes(-1, -2)),
        "third": np.matmul(squares * values, columns),
        "square": square,
        "fourth": fourth,
        "zeros": np.matmul(zero, zero.swapaxes(-1, -2)),
        "equal": equal,
        "rounded": _rounded(single, values),
        "count": np.full((*stack, n), n_values),
    }


def _pairs(n: int, n_values: int) -> Iterator[tuple[int, slice]]:
    """All pairs, each row with itself too: a row and some of those from it on, whose differences stay in the cache."""
    step = max(1, AT_ONCE // max(n_values, 1))
    for i in range(n):
        for start in range(i, n, step):
            yield i, slice(start, min(start + step, n))


def _rounded(single: NDArray[np.float32], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Number of values where j is i rounded to nearest, ties to even, with the bits that j needs: ``(..., n, n)``."""
    bits = mantissa_bits(single)
    found = np.zeros((*bits.shape, bits.shape[-1]))
    if bits.ndim > 1:
        for t in np.flatnonzero(((bits > 0) & (bits <= COARSE)).any(axis=-1)):
            found[t] = _rounded(single[t], values[t])
        return found
    coarse = [j for j in np.flatnonzero((bits > 0) & (bits <= COARSE)) if (bits > bits[j] + FINER).any()]
    if not coarse:
        return found
    finer = np.flatnonzero(bits > bits[coarse].min() + FINER)
    mantissas, exponents = np.frexp(values[finer])
    for b in np.unique(bits[coarse]):
        nearest = np.ldexp(np.rint(np.ldexp(mantissas, int(b) + 1)), exponents - int(b) - 1)
        for j in (j for j in coarse if bits[j] == b):
            found[finer, j] = np.where(bits[finer] > b + FINER, np.count_nonzero(nearest == values[j], axis=1), 0)
    return found
