r"""The shape of each tensor's weights: how its weights are spread, over values, over units, over directions.

Initialisations leave a known shape - the quantiles of a uniform or a normal distribution, equal norms of all units,
the singular values of a random matrix (Marchenko and Pastur, 1967) - and training departs from it; see Martin and
Mahoney, *Implicit self-regularization in deep neural networks* (JMLR 22, 2021), for the spectra. None depends on scale.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.statistics.base import Arrays, Statistic
from neural_phylogeny.statistics.blocks import Block
from neural_phylogeny.tensors.alignment import AlignedTensor

Array = NDArray[np.float64]

QUANTILES = (0.05, 0.15, 0.25, 0.35, 0.5, 0.65, 0.8, 0.9, 0.98)
"""Levels of the quantiles of magnitudes."""

AT_ONCE = 1 << 17
"""Values of several models that are looked at together, so that small tensors cost few steps."""


class Sketch(Statistic):
    """Quantiles, norms of rows and columns, and singular values of the beginning of each tensor.

    ``quantiles (n_members, 9)`` of magnitudes over their root mean square; ``rows`` and ``columns (n_members,)``, the
    coefficients of variation of the norms of the output units and of the inputs; ``spectrum (n_members, 3)``, log
    stable rank, log of the largest over the median singular value, entropy of the squared singular values over that
    of as many equal ones. NaN where there is no such number: all of them for a model with equal values or values
    that are not finite, all but the quantiles for vectors and for what has less than two complete rows in a block.

    Only the first block is looked at: evenly spaced values for the quantiles, the complete slices along the first axis
    for the norms, and some units and inputs of those for the spectrum, see ``SamplingPlan``. Cost: about two
    milliseconds a tensor and model, whatever its size.
    """

    name = "sketch"
    stacks = True

    def measure(self, tensor: AlignedTensor, block: Block, values: NDArray[np.float32]) -> Arrays:
        """Everything, from block 0."""
        if block.index:
            return {}
        step = self.plan.sketch_step(block)
        shape, values = values.shape[:-1], values.reshape(-1, block.size)
        quantiles, spread, spectrum = (np.full((len(values), count), np.nan) for count in (len(QUANTILES), 2, 3))
        largest, smallest = values.max(axis=1), values.min(axis=1)
        usable = np.flatnonzero((largest != smallest) & np.isfinite(largest) & np.isfinite(smallest))
        together = max(1, AT_ONCE // block.size)
        for rows in (usable[start : start + together] for start in range(0, len(usable), together)):
            some = values[rows]
            quantiles[rows] = magnitude_quantiles(some[:, ::step])
            if not tensor.is_matrix:
                continue
            matrices = leading_matrix(some, tensor.shape, tensor.output_axis or 0)
            if min(matrices.shape[1:]) > 1:
                spread[rows] = variation(matrices)
                spectrum[rows] = spectrum_of(matrices[:, : self.plan.sketch_rows, : self.plan.sketch_columns])
        found = {"quantiles": quantiles, "rows": spread[:, 0], "columns": spread[:, 1], "spectrum": spectrum}
        return {key: array.reshape(*shape, *array.shape[1:]) for key, array in found.items()}

    def combine(self, tensor: AlignedTensor, parts: Sequence[Arrays]) -> Arrays:
        """The numbers of the first block."""
        return dict(parts[0])


def leading_matrix(values: NDArray[np.float32], shape: tuple[int, ...], output_axis: int) -> NDArray[np.float32]:
    """Complete slices of the first axis that lie in the leading values: ``(..., n) -> (..., units, inputs)``.

    With output units first these are some units with all of their inputs, with output units last all units with
    some of their inputs. No row where not even one slice is complete.

    Examples
    --------
    >>> leading_matrix(np.arange(8, dtype=np.float32), (4, 3), 0).tolist()
    [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
    >>> leading_matrix(np.arange(8, dtype=np.float32), (4, 3), 1).tolist()
    [[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]]
    """
    inner, models = math.prod(shape[1:]), values.shape[:-1]
    complete = values.shape[-1] // inner
    slices = values[..., : complete * inner].reshape(*models, complete, *shape[1:])
    units_first = np.moveaxis(slices, len(models) + output_axis, len(models))
    units, *inputs = units_first.shape[len(models) :]
    return units_first.reshape(*models, units, math.prod(inputs))


def magnitude_quantiles(values: NDArray[np.float32]) -> Array:
    """Quantiles of magnitudes over their root mean square, interpolated linearly: ``(..., n_values) -> (..., 9)``."""
    magnitudes = np.sort(np.abs(values), axis=-1).astype(np.float64)
    scale = np.sqrt(np.mean(np.square(magnitudes), axis=-1, keepdims=True))
    last = magnitudes.shape[-1] - 1
    positions = np.array(QUANTILES) * last
    below = positions.astype(np.int64)
    low, high = magnitudes[..., below], magnitudes[..., np.minimum(below + 1, last)]
    found: Array = ((high - low) * (positions - below) + low) / scale
    return found


def variation(matrix: NDArray[np.float32]) -> Array:
    """Standard deviation over mean of the norms of rows, and of columns: ``(..., units, inputs) -> (..., 2)``."""
    squares = np.square(matrix)
    norms = (np.sqrt(squares.sum(axis=axis, dtype=np.float64)) for axis in (-1, -2))
    return np.stack([norm.std(axis=-1) / norm.mean(axis=-1) for norm in norms], axis=-1)


def spectrum_of(matrix: NDArray[np.float32]) -> Array:
    """Log stable rank, log of largest over median singular value, normalised spectral entropy: ``(..., 3)``.

    The median is undefined, NaN, for a matrix of less than half of full rank; all three for zeros.
    """
    is_wide = matrix.shape[-2] <= matrix.shape[-1]
    wide = (matrix if is_wide else np.swapaxes(matrix, -1, -2)).astype(np.float64)
    powers = np.linalg.eigvalsh(np.matmul(wide, np.swapaxes(wide, -1, -2)))  # squared singular values, ascending
    powers = np.maximum(powers, 0.0)
    largest, whole, n = powers[..., -1], powers.sum(axis=-1), powers.shape[-1]
    median = np.sqrt(powers[..., [(n - 1) // 2, n // 2]]).mean(axis=-1)
    floor = np.finfo(np.float64).eps * n * largest  # below this an eigenvalue is rounding
    with np.errstate(all="ignore"):
        shares = powers / whole[..., None]
        parts = np.where(powers > floor[..., None], shares * np.log(shares), 0.0)
        gap = np.where(median**2 > floor, np.log(np.sqrt(largest) / median), np.nan)
        entropy = np.where(whole > 0, -parts.sum(axis=-1) / np.log(n), np.nan)
        return np.stack([np.log(whole / largest), gap, entropy], axis=-1)
