"""Some values of every matrix, kept as they are: what a step from one model to another looks like, value by value."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.statistics.base import Arrays, Statistic
from neural_phylogeny.statistics.blocks import BLOCK, Block
from neural_phylogeny.statistics.plan import UnitSample
from neural_phylogeny.tensors.alignment import AlignedTensor
from neural_phylogeny.tensors.roles import matrix_shape

UNITS, INPUTS = 32, 64
"""Most units and inputs of a matrix that are kept. Inputs are neighbours, from a multiple of ``INPUTS`` on, so that
they lie in the blocks of a quantisation."""

VALUES = "kept.values"
"""The result, ``(n_members, units, inputs)``."""


class Kept(Statistic):
    """``values``: at most ``UNITS`` x ``INPUTS`` values of each matrix, at the same places in every model.

    8 KiB of each matrix of each model; costs nothing beside the pass.
    """

    name = "kept"
    in_runs = True
    stacks = True

    def measure(self, tensor: AlignedTensor, block: Block, values: NDArray[np.float32]) -> Arrays:
        """The kept values that lie in this block, in flat order."""
        if not tensor.is_matrix:
            return {}
        sample = kept_sample(self.plan.seed, tensor.start, tensor.shape, tensor.output_axis or 0)
        return {"sample": sample.within(block, values)}

    def combine(self, tensor: AlignedTensor, parts: Sequence[Arrays]) -> Arrays:
        """Put the values together as matrices."""
        if not tensor.is_matrix:
            return {}
        sample = kept_sample(self.plan.seed, tensor.start, tensor.shape, tensor.output_axis or 0)
        flat = np.concatenate([part["sample"] for part in parts], axis=-1)[..., sample.order]
        return {"values": np.ascontiguousarray(flat.reshape(*flat.shape[:-1], sample.units, sample.inputs))}


@lru_cache(maxsize=24)
def kept_sample(seed: int, start: tuple[int, ...], shape: tuple[int, ...], output_axis: int) -> UnitSample:
    """Some units of a tensor, drawn by its shape, with neighbouring inputs.

    Examples
    --------
    >>> sample = kept_sample(0, (0, 0), (100, 128), 0)
    >>> sample.units, sample.inputs, len(sample.where)
    (32, 64, 2048)
    """
    n_units, n_inputs = matrix_shape(shape, output_axis)
    rng = np.random.default_rng(zlib.crc32(f"{seed} {start} {(n_units, n_inputs)}".encode()))
    unit = np.sort(rng.permutation(n_units)[:UNITS])
    first = INPUTS * int(rng.integers(max(1, n_inputs // INPUTS)))
    column = np.arange(first, min(first + INPUTS, n_inputs))
    return UnitSample.of(unit, column, shape, output_axis, BLOCK)
