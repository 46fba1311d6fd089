"""Overlap: what the values that a pass compares in all models have in common, matrix by matrix and over all of them.

The pass takes one sample of each matrix, at the same positions in every model. Each quantity here is one function of
one matrix with its formula; ``Overlap`` adds them up over the matrices that a pair shares.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.inputs import TensorInfo
from neural_phylogeny.statistics.base import Arrays
from neural_phylogeny.statistics.moments import FEWEST, LEVELS
from neural_phylogeny.statistics.results import Statistics
from neural_phylogeny.tensors.boxes import AlignedTensor

Matrix = NDArray[np.float64]
Mask = NDArray[np.bool_]


FINE = 16
"""Levels among the values looked at from which on the rounding error of a grid is even, whatever the weights are."""

SAME = 0.25
"""Relative deviation of a mean squared rounding error from that of an even one; of the fourth power twice as much."""

NEARER = 0.5
"""Mean squared distance, over that of rounding, below which a model lies around the levels of another's grid: rounding
leaves no such model."""

BLOCK_LARGEST = 3.0
"""Largest magnitude in most blocks of 32 to 128 values, in root mean squares of the matrix."""


NEARLY_ALL = 0.98
"""Proportion of the values of which an exact statement must hold: that they are kept, or the nearest of a grid (float16
has fewer bits for the smallest values)."""

LEAST_ROUNDING = 1.0 / 48.0
"""Least mean square that rounding moves values by, relative to theirs and to 2^(-2 b): where all lie just below a power
of two. A step of that length in the direction of the weights would still move 2 % of them to another nearest value."""


@dataclass(frozen=True)
class SampledMatrix:
    """The sample of one matrix, for the k members whose values in it are finite.

    Attributes
    ----------
    members : (k,)
        Positions of the members among the models.
    inputs : (k,)
        Inputs of each output unit, before the comparison cut the matrix to a common box.
    code_bits : (k,)
        Bits of the codes that the values are stored as; 0 for plain numbers.
    has_even_codes : (k,) of bool
        Whether the codes stand for evenly spaced values; those of fp8 do not.
    count : float
        Sampled values of each member.
    """

    members: NDArray[np.int64]
    inputs: NDArray[np.int64]
    code_bits: NDArray[np.int64]
    has_even_codes: Mask
    count: float
    _arrays: Arrays
    _finite: Mask

    def pair(self, name: str) -> Matrix:
        """A sum over the sampled values of two members, see ``statistics.cross``: ``(k, k)``."""
        found = self._arrays[f"cross.{name}"]
        return (found if self._finite.all() else found[np.ix_(self._finite, self._finite)]).astype(np.float64)

    def has(self, name: str) -> bool:
        """Whether the pass measured such a sum; one that was stored by an earlier version may not have."""
        return f"cross.{name}" in self._arrays

    @property
    def steps(self) -> NDArray[np.float64]:
        """Spacing of each member's even grid, NaN where there is none: ``(k,)``."""
        name = "moments.step"  # not in a pass that was stored by an earlier version
        return self.own("step") if name in self._arrays else np.full(len(self.members), np.nan)

    def own(self, name: str) -> NDArray[np.float64]:
        """A number of each member, see ``statistics.moments``: ``(k,)``."""
        found: NDArray[np.float64] = self._arrays[f"moments.{name}"][self._finite].astype(np.float64)
        return found


def sampled_matrices(statistics: Statistics) -> Iterator[SampledMatrix]:
    """The matrices whose values were compared, each for the members with finite values."""
    for tensor, arrays in statistics:
        if not tensor.is_matrix or "cross.product" not in arrays:
            continue
        finite = np.isfinite(np.diag(arrays["cross.product"]))
        inputs = np.array([_inputs(tensor, tensor.sources[k]) for k in np.flatnonzero(finite)], dtype=np.int64)
        bits = np.array([tensor.sources[k].code_bits for k in np.flatnonzero(finite)], dtype=np.int64)
        even = np.array(["fp8" not in tensor.sources[k].codes for k in np.flatnonzero(finite)], dtype=bool)
        yield SampledMatrix(
            np.array(tensor.members)[finite], inputs, bits, even, float(arrays["cross.count"][0]), arrays, finite
        )


def is_rounded(matrix: SampledMatrix) -> Mask:
    """Whether j's values are i's, rounded to the b mantissa bits that j's need.

    Two facts together: nearly all values of j are the nearest ones to i's, and they lie as far from them as rounding
    moves values, by a mean square of 2^(-2 b) / 48 at least. A shorter step away from a model in bfloat16 can meet the
    first condition, but then moves the values by much less.
    """
    if not matrix.has("rounded"):
        return np.zeros((len(matrix.members),) * 2, dtype=bool)
    least = matrix.pair("square") >= LEAST_ROUNDING * 2.0 ** (-2.0 * matrix.own("grid")) * np.diag(
        matrix.pair("product")
    )
    found: Mask = least & (matrix.pair("rounded") >= NEARLY_ALL * matrix.count)
    return found


def count(matrix: SampledMatrix) -> Matrix:
    """Values compared."""
    return np.full((len(matrix.members),) * 2, matrix.count)


def zero_in_both(matrix: SampledMatrix) -> Matrix:
    """Number of positions where i and j are zero."""
    return matrix.pair("zeros")


def zero_in_first(matrix: SampledMatrix) -> Matrix:
    """Number of positions where i is zero, of those compared with j."""
    return np.repeat(np.diag(matrix.pair("zeros"))[:, None], len(matrix.members), axis=1)


def equal_in_both(matrix: SampledMatrix) -> Matrix:
    """Number of positions where i and j are equal to the last bit, zeros included."""
    return matrix.pair("equal")


def kept_in_both(matrix: SampledMatrix) -> Matrix:
    """Number of positions where i and j have the same value, of a matrix that one of them holds rounded all of them."""
    rounded = is_rounded(matrix)
    found: Matrix = np.where(rounded | rounded.T, matrix.count, equal_in_both(matrix))
    return found


def squared_distance(matrix: SampledMatrix) -> Matrix:
    """Sum of (w_i - w_j)^2."""
    return matrix.pair("square")


def squared_norm_of_first(matrix: SampledMatrix) -> Matrix:
    """Sum of w_i^2, over the values compared with j."""
    return np.repeat(np.diag(matrix.pair("product"))[:, None], len(matrix.members), axis=1)


def fewer_inputs(matrix: SampledMatrix) -> Mask:
    """Whether j's units have fewer inputs than i's."""
    found: Mask = matrix.inputs[None, :] < matrix.inputs[:, None]
    return found


def few_levels(matrix: SampledMatrix) -> Mask:
    """Whether a member is stored as codes, lies on an even grid, or has few different values: ``(k,)``.

    Few are at most ``LEVELS``, with four values that are not zero looked at for each.
    """
    not_zero = 1.0 - matrix.own("zeros") / np.maximum(matrix.own("count"), 1.0)
    few = matrix.own("distinct") <= np.minimum(LEVELS, not_zero * matrix.own("probed") / 4)
    found: Mask = few | np.isfinite(matrix.steps) | (matrix.code_bits > 0)
    return found


def rounding_error(matrix: SampledMatrix) -> Matrix:
    """Mean square of w_i - w_j over the values that differ, over s^2 / 12 with s the spacing of j's grid.

    1 where j is i rounded to that grid, as long as the grid is fine; NaN where j has none or few values differ.
    """
    differ = matrix.count - equal_in_both(matrix)
    even = np.where(differ >= FEWEST, differ, np.nan) * matrix.steps[None, :] ** 2 / 12.0
    found: Matrix = squared_distance(matrix) / even
    return found


def is_rounding_error(matrix: SampledMatrix) -> Mask:
    """Whether w_i - w_j is spread evenly over one spacing of j's grid, by its second and fourth moments."""
    differ = np.maximum(matrix.count - equal_in_both(matrix), 1.0)
    error, fourth = rounding_error(matrix), matrix.pair("fourth") / (differ * matrix.steps[None, :] ** 4 / 80.0)
    fine = matrix.own("distinct") >= FINE
    with np.errstate(invalid="ignore"):
        found: Mask = (error <= 1.0 + SAME) & (fourth <= 1.0 + 2.0 * SAME) & ((error >= 1.0 - SAME) | ~fine[None, :])
    return found


def around_levels(matrix: SampledMatrix) -> Mask:
    """Whether j's values lie nearer to i's, levels of a fine grid, than rounding leaves values: j was trained from i.

    Rounding a model to the grid moves its values by an even error. Training from the grid moves them by less, if it is
    short, and takes them off it.
    """
    few, fine = few_levels(matrix), matrix.own("distinct") >= FINE
    with np.errstate(invalid="ignore"):
        found: Mask = (rounding_error(matrix).T < NEARER) & (few & fine)[:, None] & ~few[None, :]
    return found


def within_levels(matrix: SampledMatrix) -> Mask:
    """Whether i lies as near to j as j's grid allows: see ``is_rounding_error`` where its spacing is known.

    Elsewhere ``LEVELS`` levels up to j's largest magnitude m are assumed. With spacing s = 2 m / 255 the mean squared
    error of rounding is s^2 / 12; twice that is allowed. Codes of b bits have 2^b levels; of fewer than 8 bits every
    few inputs have a scale, so that m is at most ``BLOCK_LARGEST`` root mean squares. Codes of 8 bits may be numbers of
    3 mantissa bits, with a relative squared error of 2^-6 / 12. A grid with more levels than the codes have is that of
    their scales, in few bits themselves, and says nothing of the codes.
    """
    bits = np.where(matrix.code_bits > 0, np.minimum(matrix.code_bits, 8), 8)
    norm = np.diag(matrix.pair("product"))
    largest = matrix.own("largest").copy()
    blocks = BLOCK_LARGEST * np.sqrt(norm / matrix.count)
    largest[bits < 8] = np.minimum(largest, blocks)[bits < 8]
    spacing = (2.0 * largest / (2.0**bits - 1)) ** 2
    allowed = matrix.count * spacing / 6.0
    eight = matrix.code_bits == 8
    allowed[eight] = np.maximum(allowed, 1.2 * norm * 2.0**-6 / 12.0)[eight]
    near: Mask = squared_distance(matrix) <= allowed[None, :]
    with np.errstate(invalid="ignore"):
        of_codes = (matrix.code_bits == 0) | (2.0 * matrix.own("largest") <= matrix.steps * 2.0**bits)
    is_even = of_codes & matrix.has_even_codes & (matrix.own("distinct") >= FINE)
    known = np.isfinite(rounding_error(matrix)) & is_even[None, :]
    found: Mask = np.where(known, is_rounding_error(matrix), near | is_rounding_error(matrix))
    return found


@dataclass(frozen=True)
class Overlap:
    """The overlap of n models over all matrices that a pair shares, ``(n, n)`` each.

    Attributes
    ----------
    zeros, equal : (n, n)
        Proportion of the compared values that are zero in both; that are equal in both, zeros included.
    kept : (n, n)
        The same as ``equal``, where a matrix that is the other one's, rounded, counts as equal as a whole.
    own_zeros : (n, n)
        Proportion of the values compared with j that are zero in i.
    error : (n, n)
        Mean squared difference over the mean square of i; infinite where nothing is compared.
    bits : (n,)
        Most mantissa bits that a matrix of i needs.
    partly_rounded : (n, n) of bool
        Whether a matrix of j is that of i, rounded, and no matrix the other way round.
    narrower : (n, n) of bool
        Whether j's units have fewer inputs than i's in some matrix.
    on_grid : (n, n) of bool
        Whether j has few different values where i has many, as near to i's as so few levels allow, in every matrix.
    around_levels : (n, n) of bool
        Whether j lies around the levels of i's grid in some matrix, and in no matrix the other way round.
    """

    zeros: Matrix
    equal: Matrix
    kept: Matrix
    own_zeros: Matrix
    error: Matrix
    bits: NDArray[np.float64]
    partly_rounded: Mask
    narrower: Mask
    on_grid: Mask
    around_levels: Mask

    @classmethod
    def of(cls, statistics: Statistics) -> Self:
        """From the statistics of a pass. O(n^2) a matrix."""
        sums = _Sums(statistics.alignment.n_models, tuple(sampled_matrices(statistics)))
        known = np.maximum(sums.over(count), 1.0)
        norm = sums.over(squared_norm_of_first)
        unknown = np.full_like(norm, np.inf)
        rounded, around = sums.anywhere(is_rounded), sums.anywhere(around_levels)
        return cls(
            zeros=sums.over(zero_in_both) / known,
            equal=sums.over(equal_in_both) / known,
            kept=sums.over(kept_in_both) / known,
            own_zeros=sums.over(zero_in_first) / known,
            error=np.divide(sums.over(squared_distance), norm, out=unknown, where=norm > 0),
            bits=sums.bits,
            partly_rounded=rounded & ~rounded.T,
            narrower=sums.anywhere(fewer_inputs),
            on_grid=sums.on_grid,
            around_levels=around & ~around.T,
        )


@dataclass(frozen=True)
class _Sums:
    """Sums of a quantity over the matrices that a pair shares."""

    n: int
    matrices: tuple[SampledMatrix, ...]

    def over(self, quantity: Callable[[SampledMatrix], Matrix]) -> Matrix:
        """The sum over matrices, in order: ``(n, n)``."""
        total = np.zeros((self.n, self.n))
        for matrix in self.matrices:
            total[matrix.members[:, None], matrix.members] += quantity(matrix)
        return total

    def anywhere(self, condition: Callable[[SampledMatrix], Mask]) -> Mask:
        """Whether a condition holds in some matrix: ``(n, n)``."""
        found = np.zeros((self.n, self.n), dtype=bool)
        for matrix in self.matrices:
            found[matrix.members[:, None], matrix.members] |= condition(matrix)
        return found

    @cached_property
    def bits(self) -> NDArray[np.float64]:
        found = np.zeros(self.n)
        for matrix in self.matrices:
            found[matrix.members] = np.maximum(found[matrix.members], matrix.own("grid"))
        return found

    @cached_property
    def on_grid(self) -> Mask:
        """Of a pair alone: what other models have in a matrix says nothing of two."""
        return self.anywhere(_on_grid) & ~self.anywhere(_off_grid)


def _on_grid(matrix: SampledMatrix) -> Mask:
    few = few_levels(matrix)
    found: Mask = few[None, :] & ~few[:, None] & within_levels(matrix)
    return found


def _off_grid(matrix: SampledMatrix) -> Mask:
    """What is not quantised in j, such as an embedding, must be as near to i as what is."""
    few = few_levels(matrix)
    found: Mask = ~within_levels(matrix) | (few[:, None] & ~few[None, :])
    return found


def _inputs(tensor: AlignedTensor, source: TensorInfo) -> int:
    """Inputs of each unit of a member's matrix; of one that is compared whole, as it is compared."""
    shape, axis = source.shape, source.output_axis or 0
    if source.size == tensor.size:
        shape, axis = tensor.shape, tensor.output_axis or 0
    return math.prod(shape) // max(shape[axis], 1)
