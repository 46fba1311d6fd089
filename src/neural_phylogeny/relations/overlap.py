"""Overlap: what the values that a pass compares in all models have in common, matrix by matrix and over all of them.

The pass takes one sample of each matrix, at the same positions in every model. Each quantity here is one function of
each matrix with its formula, ``(T, k, k)`` for T matrices of k members; ``Overlap`` adds them up over the matrices that
a pair shares.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.relations.sampled import Mask, Matrix, SampledMatrices, of_each, sampled_matrices, turned
from neural_phylogeny.statistics.moments import FEWEST, LEVELS
from neural_phylogeny.statistics.results import Statistics, add_in_order

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


def is_rounded(matrices: SampledMatrices) -> Mask:
    """Whether j's values are i's, rounded to the b mantissa bits that j's need.

    Two facts together: nearly all values of j are the nearest ones to i's, and they lie as far from them as rounding
    moves values, by a mean square of 2^(-2 b) / 48 at least. A shorter step away from a model in bfloat16 can meet the
    first condition, but then moves the values by much less.
    """
    if not matrices.has("rounded"):
        return np.zeros(matrices.pair("square").shape, dtype=bool)
    least = LEAST_ROUNDING * 2.0 ** (-2.0 * matrices.own("grid")) * matrices.squares
    far = matrices.pair("square") >= least[:, None, :]
    found: Mask = far & (matrices.pair("rounded") >= NEARLY_ALL * matrices.count)
    return found


def count(matrices: SampledMatrices) -> Matrix:
    """Values compared."""
    return np.broadcast_to(matrices.count, matrices.pair("square").shape)


def zero_in_both(matrices: SampledMatrices) -> Matrix:
    """Number of positions where i and j are zero."""
    return matrices.pair("zeros")


def zero_in_first(matrices: SampledMatrices) -> Matrix:
    """Number of positions where i is zero, of those compared with j."""
    zeros = matrices.pair("zeros")
    return np.broadcast_to(of_each(zeros)[:, :, None], zeros.shape)


def equal_in_both(matrices: SampledMatrices) -> Matrix:
    """Number of positions where i and j are equal to the last bit, zeros included."""
    return matrices.pair("equal")


def kept_in_both(matrices: SampledMatrices) -> Matrix:
    """Number of positions where i and j have the same value, of a matrix that one of them holds rounded all of them."""
    rounded = is_rounded(matrices)
    found: Matrix = np.where(rounded | turned(rounded), matrices.count, equal_in_both(matrices))
    return found


def squared_distance(matrices: SampledMatrices) -> Matrix:
    """Sum of (w_i - w_j)^2."""
    return matrices.pair("square")


def squared_norm_of_first(matrices: SampledMatrices) -> Matrix:
    """Sum of w_i^2, over the values compared with j."""
    return np.broadcast_to(matrices.squares[:, :, None], matrices.pair("product").shape)


def fewer_inputs(matrices: SampledMatrices) -> Mask:
    """Whether j's units have fewer inputs than i's."""
    found: Mask = matrices.inputs[:, None, :] < matrices.inputs[:, :, None]
    return found


def few_levels(matrices: SampledMatrices) -> Mask:
    """Whether a member is stored as codes, lies on an even grid, or has few different values: ``(T, k)``.

    Few are at most ``LEVELS``, with four values that are not zero looked at for each.
    """
    not_zero = 1.0 - matrices.own("zeros") / np.maximum(matrices.own("count"), 1.0)
    few = matrices.own("distinct") <= np.minimum(LEVELS, not_zero * matrices.own("probed") / 4)
    found: Mask = few | np.isfinite(matrices.steps) | (matrices.code_bits > 0)
    return found


def rounding_error(matrices: SampledMatrices) -> Matrix:
    """Mean square of w_i - w_j over the values that differ, over s^2 / 12 with s the spacing of j's grid.

    1 where j is i rounded to that grid, as long as the grid is fine; NaN where j has none or few values differ.
    """
    differ = matrices.count - equal_in_both(matrices)
    even = np.where(differ >= FEWEST, differ, np.nan) * matrices.steps[:, None, :] ** 2 / 12.0
    found: Matrix = squared_distance(matrices) / even
    return found


def is_rounding_error(matrices: SampledMatrices) -> Mask:
    """Whether w_i - w_j is spread evenly over one spacing of j's grid, by its second and fourth moments."""
    differ = np.maximum(matrices.count - equal_in_both(matrices), 1.0)
    error, fourth = (
        rounding_error(matrices),
        matrices.pair("fourth") / (differ * matrices.steps[:, None, :] ** 4 / 80.0),
    )
    fine = matrices.own("distinct") >= FINE
    with np.errstate(invalid="ignore"):
        found: Mask = (error <= 1.0 + SAME) & (fourth <= 1.0 + 2.0 * SAME) & ((error >= 1.0 - SAME) | ~fine[:, None, :])
    return found


def around_levels(matrices: SampledMatrices) -> Mask:
    """Whether j's values lie nearer to i's, levels of a fine grid, than rounding leaves values: j was trained from i.

    Rounding a model to the grid moves its values by an even error. Training from the grid moves them by less, if it is
    short, and takes them off it.
    """
    few, fine = few_levels(matrices), matrices.own("distinct") >= FINE
    with np.errstate(invalid="ignore"):
        found: Mask = (turned(rounding_error(matrices)) < NEARER) & (few & fine)[:, :, None] & ~few[:, None, :]
    return found


def within_levels(matrices: SampledMatrices) -> Mask:
    """Whether i lies as near to j as j's grid allows: see ``is_rounding_error`` where its spacing is known.

    Elsewhere ``LEVELS`` levels up to j's largest magnitude m are assumed. With spacing s = 2 m / 255 the mean squared
    error of rounding is s^2 / 12; twice that is allowed. Codes of b bits have 2^b levels; of fewer than 8 bits every
    few inputs have a scale, so that m is at most ``BLOCK_LARGEST`` root mean squares. Codes of 8 bits may be numbers of
    3 mantissa bits, with a relative squared error of 2^-6 / 12. A grid with more levels than the codes have is that of
    their scales, in few bits themselves, and says nothing of the codes.
    """
    bits = np.where(matrices.code_bits > 0, np.minimum(matrices.code_bits, 8), 8)
    norm, count, largest = matrices.squares, matrices.count[:, 0], matrices.own("largest")
    blocks = BLOCK_LARGEST * np.sqrt(norm / count)
    largest = np.where(bits < 8, np.minimum(largest, blocks), largest)
    spacing = (2.0 * largest / (2.0**bits - 1)) ** 2
    allowed = count * spacing / 6.0
    allowed = np.where(matrices.code_bits == 8, np.maximum(allowed, 1.2 * norm * 2.0**-6 / 12.0), allowed)
    near: Mask = squared_distance(matrices) <= allowed[:, None, :]
    with np.errstate(invalid="ignore"):
        of_codes = (matrices.code_bits == 0) | (2.0 * matrices.own("largest") <= matrices.steps * 2.0**bits)
    is_even = of_codes & matrices.has_even_codes & (matrices.own("distinct") >= FINE)
    known, rounds = np.isfinite(rounding_error(matrices)) & is_even[:, None, :], is_rounding_error(matrices)
    found: Mask = np.where(known, rounds, near | rounds)
    return found


def is_on_grid(matrices: SampledMatrices) -> Mask:
    """Whether j has few levels where i has many, and is as near to i as they allow; what others have says nothing."""
    few = few_levels(matrices)
    found: Mask = few[:, None, :] & ~few[:, :, None] & within_levels(matrices)
    return found


def is_off_grid(matrices: SampledMatrices) -> Mask:
    """Whether j is no rounding of i: what is not quantised in it, as an embedding, must be as near to i as what is."""
    few = few_levels(matrices)
    found: Mask = ~within_levels(matrices) | (few[:, :, None] & ~few[:, None, :])
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
        n = statistics.alignment.n_models
        sums = {quantity: np.zeros((n, n)) for quantity in _SUMMED}
        anywhere = {condition: np.zeros((n, n), dtype=bool) for condition in _ANYWHERE}
        bits = np.zeros(n)
        for window in sampled_matrices(statistics):
            for quantity, total in sums.items():
                add_in_order(total, [(places, some.members, quantity(some)) for places, some in window])
            for _, some in window:
                at = some.members[:, None], some.members
                for condition, found in anywhere.items():
                    found[at] |= condition(some).any(axis=0)
                bits[some.members] = np.maximum(bits[some.members], some.own("grid").max(axis=0))
        known, norm = np.maximum(sums[count], 1.0), sums[squared_norm_of_first]
        unknown = np.full_like(norm, np.inf)
        rounded, around = anywhere[is_rounded], anywhere[around_levels]
        return cls(
            zeros=sums[zero_in_both] / known,
            equal=sums[equal_in_both] / known,
            kept=sums[kept_in_both] / known,
            own_zeros=sums[zero_in_first] / known,
            error=np.divide(sums[squared_distance], norm, out=unknown, where=norm > 0),
            bits=bits,
            partly_rounded=rounded & ~rounded.T,
            narrower=anywhere[fewer_inputs],
            on_grid=anywhere[is_on_grid] & ~anywhere[is_off_grid],
            around_levels=around & ~around.T,
        )


_SUMMED = (count, squared_norm_of_first, zero_in_both, equal_in_both, kept_in_both, zero_in_first, squared_distance)
_ANYWHERE = (is_rounded, around_levels, fewer_inputs, is_on_grid, is_off_grid)
"""What is added up over the matrices that a pair shares, and of what one is enough."""
