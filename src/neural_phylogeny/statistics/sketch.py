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

QUANTILES = (0.05, 0.15, 0.25, 0.35, 0.5, 0.65, 0.8, 0.9, 0.98)
"""Levels of the quantiles of magnitudes."""


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

    def measure(self, tensor: AlignedTensor, block: Block, values: NDArray[np.float32]) -> Arrays:
        """Everything, from block 0."""
        if block.index:
            return {}
        n, step = len(values), self.plan.sketch_step(block)
        quantiles, spread, spectrum = (
            np.full((n, len(QUANTILES)), np.nan),
            np.full((n, 2), np.nan),
            np.full((n, 3), np.nan),
        )
        for k, row in enumerate(values):  # one by one: no copy of the whole block is made
            largest, smallest = row.max(), row.min()
            if largest == smallest or not (math.isfinite(largest) and math.isfinite(smallest)):
                continue
            quantiles[k] = magnitude_quantiles(row[::step])
            matrix = leading_matrix(row, tensor.shape, tensor.output_axis or 0) if tensor.is_matrix else row[:, None]
            if min(matrix.shape) > 1:
                spread[k] = variation(matrix)
                spectrum[k] = spectrum_of(matrix[: self.plan.sketch_rows, : self.plan.sketch_columns])
        return {"quantiles": quantiles, "rows": spread[:, 0], "columns": spread[:, 1], "spectrum": spectrum}

    def combine(self, tensor: AlignedTensor, parts: Sequence[Arrays]) -> Arrays:
        """The numbers of the first block."""
        return dict(parts[0])


def leading_matrix(values: NDArray[np.float32], shape: tuple[int, ...], output_axis: int) -> NDArray[np.float32]:
    """Complete slices of the first axis that lie in the leading values, as ``(units, inputs)``.

    With output units first these are some units with all of their inputs, with output units last all units with
    some of their inputs. No row where not even one slice is complete.

    Examples
    --------
    >>> leading_matrix(np.arange(8, dtype=np.float32), (4, 3), 0).tolist()
    [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
    >>> leading_matrix(np.arange(8, dtype=np.float32), (4, 3), 1).tolist()
    [[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]]
    """
    inner = math.prod(shape[1:])
    complete = len(values) // inner
    slices = values[: complete * inner].reshape(complete, *shape[1:])
    units_first = np.moveaxis(slices, output_axis, 0)
    return units_first.reshape(len(units_first), math.prod(units_first.shape[1:]))


def magnitude_quantiles(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Quantiles of magnitudes over their root mean square, interpolated linearly: ``(n_values,) -> (9,)``."""
    magnitudes = np.sort(np.abs(values)).astype(np.float64)
    scale = np.sqrt(np.mean(np.square(magnitudes)))
    positions = np.array(QUANTILES) * (len(magnitudes) - 1)
    found: NDArray[np.float64] = np.interp(positions, np.arange(len(magnitudes)), magnitudes) / scale
    return found


def variation(matrix: NDArray[np.float32]) -> tuple[float, float]:
    """Coefficients of variation (standard deviation over mean) of the norms of rows and of columns."""
    squares = np.square(matrix)
    norms = (np.sqrt(squares.sum(axis=axis, dtype=np.float64)) for axis in (1, 0))
    rows, columns = (float(norm.std() / norm.mean()) for norm in norms)
    return rows, columns


def spectrum_of(matrix: NDArray[np.float32]) -> tuple[float, float, float]:
    """Log stable rank, log of largest over median singular value, normalised spectral entropy of a matrix.

    The median is undefined, NaN, for a matrix of less than half of full rank; all three for zeros.
    """
    wide = (matrix if len(matrix) <= matrix.shape[1] else matrix.T).astype(np.float64)
    powers = np.maximum(np.linalg.eigvalsh(np.dot(wide, wide.T)), 0.0)  # squared singular values, ascending
    largest, median = powers[-1], np.median(np.sqrt(powers))
    floor = np.finfo(np.float64).eps * len(powers) * largest  # below this an eigenvalue is rounding
    shares = powers[powers > floor] / powers.sum()
    return (
        float(np.log(powers.sum() / largest)),
        float(np.log(np.sqrt(largest) / median)) if median**2 > floor else math.nan,
        float(-(shares * np.log(shares)).sum() / np.log(len(powers))),
    )
