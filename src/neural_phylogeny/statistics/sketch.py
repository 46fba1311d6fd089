r"""The shape of each tensor's weights: how its weights are spread, over values, over units, over directions.

Initialisations leave a known shape - the quantiles of a uniform or a normal distribution, equal norms of all units,
the singular values of a random matrix (Marchenko and Pastur, 1967) - and training departs from it; see Martin and
Mahoney, *Implicit self-regularization in deep neural networks* (JMLR 22, 2021), for the spectra. None depends on scale.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.statistics.base import Arrays, Statistic
from neural_phylogeny.statistics.blocks import BLOCK, Block
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
    stacks = True

    def measure(self, tensor: AlignedTensor, block: Block, values: NDArray[np.float32]) -> Arrays:
        """Everything, from block 0."""
        if block.index:
            return {}
        step = self.plan.sketch_step(block)
        quantiles, spread, spectrum = (np.full((*values.shape[:-1], k), np.nan) for k in (len(QUANTILES), 2, 3))
        largest, smallest = values.max(axis=-1), values.min(axis=-1)
        differ = (largest != smallest) & np.isfinite(largest) & np.isfinite(smallest)
        for at in _rows_at_once(differ, block.size):
            rows = values[at]
            quantiles[at] = magnitude_quantiles(rows[:, ::step])
            if not tensor.is_matrix:
                continue
            matrices = leading_matrix(rows, tensor.shape, tensor.output_axis or 0)
            if min(matrices.shape[1:]) > 1:
                spread[at] = variation(matrices)
                spectrum[at] = spectrum_of(matrices[:, : self.plan.sketch_rows, : self.plan.sketch_columns])
        return {"quantiles": quantiles, "rows": spread[..., 0], "columns": spread[..., 1], "spectrum": spectrum}

    def combine(self, tensor: AlignedTensor, parts: Sequence[Arrays]) -> Arrays:
        """The numbers of the first block."""
        return dict(parts[0])


def _rows_at_once(chosen: NDArray[np.bool_], size: int) -> Iterator[tuple[NDArray[np.int64], ...]]:
    """Where the chosen rows are, so many at a time that no copy of a whole block of several models is made."""
    places = np.nonzero(chosen)
    for start in range(0, len(places[0]), step := max(1, BLOCK // size)):
        yield tuple(axis[start : start + step] for axis in places)


def leading_matrix(values: NDArray[np.float32], shape: tuple[int, ...], output_axis: int) -> NDArray[np.float32]:
    """Complete slices of the first axis that lie in the leading ``(..., n_values)``, as ``(..., units, inputs)``.

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
    *stack, size = values.shape
    complete, lead = size // inner, len(stack)
    slices = values[..., : complete * inner].reshape(*stack, complete, *shape[1:])
    units_first = np.moveaxis(slices, lead + output_axis, lead)
    units = units_first.shape[lead]
    return units_first.reshape(*stack, units, math.prod(units_first.shape[lead + 1 :]))


def magnitude_quantiles(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Quantiles of magnitudes over their root mean square, interpolated linearly: ``(..., n_values) -> (..., 9)``."""
    magnitudes = np.sort(np.abs(values), axis=-1).astype(np.float64)
    scale = np.sqrt(np.mean(np.square(magnitudes), axis=-1, keepdims=True))
    places = np.array(QUANTILES) * (values.shape[-1] - 1)
    below = np.minimum(places.astype(np.int64), max(values.shape[-1] - 2, 0))
    low, high = magnitudes[..., below], magnitudes[..., np.minimum(below + 1, values.shape[-1] - 1)]
    found: NDArray[np.float64] = ((high - low) * (places - below) + low) / scale
    return found


def variation(matrices: NDArray[np.float32]) -> NDArray[np.float64]:
    """Coefficients of variation (standard deviation over mean) of the norms of rows and of columns: ``(..., 2)``."""
    squares = np.square(matrices)
    norms = [np.sqrt(squares.sum(axis=axis, dtype=np.float64)) for axis in (-1, -2)]
    return np.stack([norm.std(axis=-1) / norm.mean(axis=-1) for norm in norms], axis=-1)


def spectrum_of(matrices: NDArray[np.float32]) -> NDArray[np.float64]:
    """Log stable rank, log of largest over median singular value, normalised spectral entropy: ``(..., 3)``.

    The median is undefined, NaN, for a matrix of less than half of full rank; all three for zeros.
    """
    units, inputs = matrices.shape[-2:]
    wide = (matrices if units <= inputs else matrices.swapaxes(-1, -2)).astype(np.float64)
    powers = np.maximum(
        np.linalg.eigvalsh(np.matmul(wide, wide.swapaxes(-1, -2))), 0.0
    )  # of singular values, ascending
    largest, median, total = powers[..., -1], np.median(np.sqrt(powers), axis=-1), powers.sum(axis=-1)
    floor = np.finfo(np.float64).eps * powers.shape[-1] * largest  # below this an eigenvalue is rounding
    above = powers > floor[..., None]
    shares = np.divide(powers, total[..., None], out=np.ones_like(powers), where=above)  # 1 log 1 adds nothing
    ratio = np.where(median**2 > floor, np.log(np.sqrt(largest) / median), np.nan)
    entropy = -(shares * np.log(shares)).sum(axis=-1) / np.log(powers.shape[-1])
    return np.stack([np.log(total / largest), ratio, entropy], axis=-1)
