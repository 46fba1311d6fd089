"""The sampling plan: which values of a tensor each statistic sees, at the same positions in every model.

===============  ===================================================================================================
what             sees
===============  ===================================================================================================
the pass         all values, or the ``part`` of a tensor that is left of a share; see ``statistics.sampling``
products         every value that the pass reads
moments          every block, of a long tensor one in ``moment_stride``; distinct values and number grid: the first
                 ``probed`` values
cross moments    the blocks that moments see; of those one value in ``cross_step``
unit matching    ``matched``: some units crossed with some inputs, wherever they lie
rows             ``rows_and_columns``: a few rows, and a few columns, of some values each
sketch           the first block: values one in ``sketch_step``, leading rows and columns
===============  ===================================================================================================

Nothing but the shape of the tensor and the seed has a bearing on any of it: what is measured of two models does not
depend on a third one.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.statistics.blocks import BLOCK, Block, count_blocks
from neural_phylogeny.tensors.alignment import AlignedTensor
from neural_phylogeny.tensors.roles import matrix_shape


@dataclass(frozen=True, slots=True)
class UnitSample:
    """Flat indices of sampled values, ascending; ``where[order]`` lists them unit by unit.

    Those of block k are ``where[cuts[k] : cuts[k + 1]]``.
    """

    where: NDArray[np.int64]
    order: NDArray[np.int64]
    units: int
    inputs: int
    cuts: tuple[int, ...]

    @classmethod
    def of(
        cls, unit: NDArray[np.int64], column: NDArray[np.int64], shape: tuple[int, ...], output_axis: int, block: int
    ) -> UnitSample:
        """Given units and inputs of a tensor, read in blocks of ``block`` values."""
        after, n_units = math.prod(shape[output_axis + 1 :]), shape[output_axis]
        before, within = np.divmod(column, after)
        flat = ((before * n_units + unit[:, None]) * after + within).reshape(-1)
        ascending = np.argsort(flat)
        where = flat[ascending]
        cuts = np.searchsorted(where, np.arange(0, math.prod(shape) + block, block))
        return cls(where, np.argsort(ascending), len(unit), len(column), tuple(cuts.tolist()))

    def within(self, block: Block, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """The sampled values among those of a run of blocks, ``(..., block.size)``, in flat order."""
        low, high = self.cuts[block.index], self.cuts[block.index + count_blocks(block.size)]
        if low == high:
            return np.empty((*values.shape[:-1], 0), dtype=np.float32)
        return np.take(values, self.where[low:high] - block.start, axis=-1)


@dataclass(frozen=True, slots=True)
class SamplingPlan:
    """Which values of a tensor are seen.

    Attributes
    ----------
    seed : int
        Draws the sample of unit matching.
    thin_from, stride, thinned : int
        Moments and cross moments of a tensor of more than ``thin_from`` blocks are taken of one block in ``stride``,
        or in a multiple of it, so that at most ``thinned`` are seen.
    probed : int
        Leading values whose distinct values and number grid are looked at.
    top : int
        Largest magnitudes of a sample that tell how far its largest lies below that of the whole.
    cross_values : int
        Most values of a model in a block that cross moments are taken of.
    cross_steps : tuple of int
        One value in N is taken: a prime that divides no usual width, so that no column is met too often.
    units, inputs : int
        Most units and inputs of a matrix whose units are matched.
    rows, row_values : int
        Most rows, and columns, of a matrix that are compared one by one; most values of each.
    sketch_values, sketch_rows, sketch_columns : int
        Most values of the quantiles; size of the sub-matrix whose spectrum is taken.
    """

    seed: int = 0
    thin_from: int = 16
    stride: int = 8
    thinned: int = 8
    probed: int = 1 << 10
    top: int = 16
    cross_values: int = 1 << 13
    cross_steps: tuple[int, ...] = (1, 11)
    units: int = 512
    inputs: int = 128
    rows: int = 64
    row_values: int = 256
    sketch_values: int = 1 << 13
    sketch_rows: int = 64
    sketch_columns: int = 1024

    def moment_stride(self, n_blocks: int, n_whole: int = 0) -> int:
        """Moments and cross moments see one block in N of a tensor, or of a part of one that has ``n_whole`` blocks.

        Of a part as many blocks are seen as of the whole, if this many were read.

        Examples
        --------
        >>> plan = SamplingPlan()
        >>> [plan.moment_stride(n) for n in (16, 17, 64, 1000)], [plan.moment_stride(n, 64) for n in (8, 16, 32)]
        ([1, 8, 8, 128], [1, 2, 4])
        """
        whole = max(n_blocks, n_whole)
        if whole <= self.thin_from:
            return 1
        return max(1, n_blocks * self.stride * -(-whole // (self.stride * self.thinned)) // whole)

    def cross_step(self, block: Block) -> int:
        """Cross moments see one value in N of a block."""
        enough = (step for step in self.cross_steps if block.size <= step * self.cross_values)
        return next(enough, self.cross_steps[-1])

    def cross_offsets(self, tensor: AlignedTensor, block: Block) -> range:
        """Where in a block the steps of cross moments begin: once, or of a part of a tensor from several places.

        So of a part as many values are seen as of the whole, if this many were read.
        """
        as_whole = self._seen_blocks(count_blocks(block.whole)) if block.whole else 1
        passes = -(-as_whole // self._seen_blocks(count_blocks(tensor.size)))
        return range(min(self.cross_step(block), passes))

    def _seen_blocks(self, n_blocks: int) -> int:
        """Number of blocks that are seen of this many."""
        return -(-n_blocks // self.moment_stride(n_blocks))

    def sketch_step(self, block: Block) -> int:
        """Quantiles see one value in N of the first block."""
        return -(-block.size // self.sketch_values)

    def matched(self, tensor: AlignedTensor) -> UnitSample:
        """The units and inputs whose matching is tested; matrices of one shape give equal samples."""
        return self._drawn(tensor, self.units, self.inputs)

    def rows_and_columns(self, tensor: AlignedTensor) -> tuple[UnitSample, UnitSample]:
        """Some units with many inputs, and many units with some inputs; matrices of one shape give equal samples."""
        return self._drawn(tensor, self.rows, self.row_values), self._drawn(tensor, self.row_values, self.rows)

    def _drawn(self, tensor: AlignedTensor, units: int, inputs: int) -> UnitSample:
        return _unit_sample(self.seed, tensor.start, tensor.shape, tensor.output_axis or 0, units, inputs, BLOCK)


@lru_cache(maxsize=24)
def _unit_sample(
    seed: int, place: tuple[int, ...], shape: tuple[int, ...], output_axis: int, units: int, inputs: int, block: int
) -> UnitSample:
    """Draw at most ``units`` units and ``inputs`` inputs of a tensor; equal places and shapes give equal samples."""
    n_units, n_inputs = matrix_shape(shape, output_axis)
    rng = np.random.default_rng(zlib.crc32(f"{seed} {place} {(n_units, n_inputs)}".encode()))
    unit = np.sort(rng.permutation(n_units)[:units])
    column = np.sort(rng.permutation(n_inputs)[:inputs])
    return UnitSample.of(unit, column, shape, output_axis, block)
