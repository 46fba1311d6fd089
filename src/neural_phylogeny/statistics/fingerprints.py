"""Making fingerprints: which tensors of a model keep how many values, and reading those.

The plan depends on the names and shapes of the model's own tensors. Of equal tensors two models keep the same values,
or the one a part of what the other keeps.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import ml_dtypes
import numpy as np

from neural_phylogeny.errors import CheckpointError
from neural_phylogeny.formats import Checkpoint
from neural_phylogeny.formats.base import AnyArray
from neural_phylogeny.formats.fingerprint import Fingerprint, Source
from neural_phylogeny.formats.grids import grid_of, kept_shape
from neural_phylogeny.inputs import ModelRef, TensorInfo
from neural_phylogeny.statistics.ahead import read_ahead
from neural_phylogeny.statistics.blocks import BLOCK, Block, read_block
from neural_phylogeny.statistics.identity import identity
from neural_phylogeny.statistics.sampling import grid_part
from neural_phylogeny.statistics.tables import mark_trained
from neural_phylogeny.tensors.alignment import AlignedTensor
from neural_phylogeny.tensors.neutral import neutral_hashes
from neural_phylogeny.tensors.roles import is_float, role_of

VALUES = 1 << 16
"""Values that a fingerprint keeps by default: 256 kB of single precision, and less once compressed."""

SIDES = (512, 384, 256, 192, 128, 96, 64, 48, 32)
"""Units of a matrix that are kept, and inputs of each; where the least is too much for all, some are left out."""

VECTORS, FOR_VECTORS, OF_VECTOR = 48, 0.1, 64
"""Most vectors, each a request to a hub, share of the values that they may take, and most values of one."""

SCALARS = 4
"""Tensors of up to so many values, such as counters of batches, are kept whole, whatever their type."""


def fingerprint(ref: ModelRef, checkpoint: Checkpoint, values: int = VALUES) -> Fingerprint:
    """The fingerprint of an opened model, of at most about so many values.

    Parameters
    ----------
    ref : ModelRef
        What the model is called, and where it lies.
    checkpoint : Checkpoint
        Opened.
    values : int
        Most values that are kept of matrices and vectors.

    Raises
    ------
    CheckpointError
        When one of the chosen values cannot be read.

    Notes
    -----
    Costs a read of the kept values, each run of 16 by itself; of models that lie elsewhere whole rows.
    """
    if isinstance(checkpoint, Fingerprint):
        return checkpoint
    mark_trained(checkpoint)
    found = identity(ref, checkpoint)
    tensors = chosen(checkpoint.tensors, values)
    aligned = [_alone(tensor) for tensor in tensors.values() if _is_kept(tensor)]
    read_ahead([checkpoint], [(tensor, grid_part(tensor)) for tensor in aligned])
    blocks: dict[str, AnyArray] = {
        name: np.zeros((0,) * len(tensor.shape), dtype=np.uint8) for name, tensor in tensors.items()
    }
    for tensor in aligned:
        blocks[tensor.name] = _read(tensor, checkpoint)
    made_from = getattr(checkpoint, "inner_format", "") or checkpoint.format
    return Fingerprint(tensors, blocks, Source(ref.name, made_from, found))


def chosen(tensors: Mapping[str, TensorInfo], values: int = VALUES) -> dict[str, TensorInfo]:
    """The tensors of a model, each with the grid of what is kept of it; none of it where a place is 0."""
    order = neutral_hashes(list(tensors))
    ordered = sorted((t for t in tensors.values() if is_float(t.dtype) and t.size), key=lambda t: order[t.name])
    if sum(tensor.size for tensor in ordered) <= values:
        return {name: _with_grid(tensor, {t.name: t.shape for t in ordered}) for name, tensor in tensors.items()}
    vectors = [t for t in ordered if _is_vector(t)]
    matrices = [t for t in ordered if not _is_vector(t)]
    grids = _within(vectors[:VECTORS], OF_VECTOR, int(FOR_VECTORS * values))
    rest = values - sum(_cost(tensors[name], grid) for name, grid in grids.items())
    if sum(tensor.size for tensor in matrices) <= rest:
        grids |= {tensor.name: tensor.shape for tensor in matrices}
    else:
        side = next((side for side in SIDES if sum(_cost(t, grid_of(t, side)) for t in matrices) <= rest), SIDES[-1])
        grids |= _within(matrices, side, rest)
    return {name: _with_grid(tensor, grids) for name, tensor in tensors.items()}


def _within(tensors: Sequence[TensorInfo], side: int, most: int) -> dict[str, tuple[int, ...]]:
    """Grids of tensors in the given order, as many as fit together."""
    found: dict[str, tuple[int, ...]] = {}
    for tensor in tensors:
        grid = grid_of(tensor, side)
        cost = _cost(tensor, grid)
        if cost <= most:
            found[tensor.name] = grid
            most -= cost
    return found


def _with_grid(tensor: TensorInfo, grids: Mapping[str, tuple[int, ...]]) -> TensorInfo:
    grid = grids.get(tensor.name, (0,) * len(tensor.shape) if tensor.size > SCALARS else tensor.shape)
    return replace(tensor, grid=None if kept_shape(tensor.shape, grid) == tensor.shape else grid)


def _is_kept(tensor: TensorInfo) -> bool:
    return tensor.size > 0 and (tensor.grid is None or min(tensor.grid) > 0)


def _is_vector(tensor: TensorInfo) -> bool:
    return sum(length > 1 for length in tensor.shape) < 2


def _cost(tensor: TensorInfo, grid: tuple[int, ...]) -> int:
    return math.prod(kept_shape(tensor.shape, grid))


def _alone(tensor: TensorInfo) -> AlignedTensor:
    """A tensor of one model, as the pass would read it."""
    shape = tensor.shape
    return AlignedTensor(tensor.name, role_of(tensor), (0,) * len(shape), shape, 0, (0,), (tensor,))


def _read(tensor: AlignedTensor, checkpoint: Checkpoint) -> AnyArray:
    """The kept values, in their own type where that is narrow; a block of the box's axes."""
    part = grid_part(tensor)
    whole = tensor if part is None else part.tensor
    failures: dict[int, str] = {}
    flat = np.empty(whole.size, dtype=np.float32)
    for start in range(0, whole.size, BLOCK):
        block = Block(0, start, min(start + BLOCK, whole.size))
        flat[start : block.stop] = read_block(
            tensor, block, [checkpoint], np.empty(block.size, dtype=np.float32), failures, part
        )[0]
    if failures:
        raise CheckpointError(failures[0])
    return flat.reshape(whole.shape).astype(_stored(tensor.sources[0].dtype))


def _stored(dtype: str) -> np.dtype[Any]:
    """The type that values are kept in: their own, or single precision, which the pass reads everything in."""
    own = np.dtype(getattr(ml_dtypes, dtype) if hasattr(ml_dtypes, dtype) else dtype)
    return own if own.itemsize < 4 else np.dtype(np.float32)
