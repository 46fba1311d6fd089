"""The bytes in reading order: blocks of fixed boundaries, filled from every model that holds the tensor.

The boundaries depend on nothing but the tensor's shape, so that threads, memory limits and sources cannot
change a single bit of what is computed from a block.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.errors import CheckpointError
from neural_phylogeny.formats import Checkpoint
from neural_phylogeny.formats.fingerprint import Fingerprint
from neural_phylogeny.inputs import TensorInfo
from neural_phylogeny.statistics.sampling import Grid, Part
from neural_phylogeny.tensors.alignment import AlignedTensor
from neural_phylogeny.tensors.reading import read_view

BLOCK = 1 << 16
"""Values of one model in a block: 256 KiB as float32, so that a block of 8 models stays in a core's cache."""

TOGETHER = 1 << 20
"""Values of all models that a worker reads at a time: several blocks of a few models. Each step of NumPy then lasts
longer, so that workers wait less for the interpreter's lock."""

BETWEEN = 1 << 12
"""Most values between two wanted ones that are read and left out: one read instead of two."""


@dataclass(frozen=True, slots=True)
class Block:
    """Values ``start:stop`` of an aligned tensor in flat C order of its box; ``index`` counts from 0.

    A run of blocks that are read together is one as well, with the ``index`` of the first. ``whole`` is the number of
    values of the tensor where the block is one of a part of it; else 0.
    """

    index: int
    start: int
    stop: int
    whole: int = 0

    @property
    def size(self) -> int:
        """Number of values."""
        return self.stop - self.start

    def blocks(self, values: NDArray[np.float32]) -> Iterator[tuple[Block, NDArray[np.float32]]]:
        """The single blocks of a run, in order, and the values ``(n, run.size)`` of each as a view.

        Examples
        --------
        >>> run = Block(2, 2 * BLOCK, 4 * BLOCK + 1)
        >>> [(block.index, found.shape) for block, found in run.blocks(np.zeros((3, run.size), dtype=np.float32))]
        [(2, (3, 65536)), (3, (3, 65536)), (4, (3, 1))]
        """
        for index, start in enumerate(range(self.start, self.stop, BLOCK), self.index):
            stop = min(start + BLOCK, self.stop)
            yield Block(index, start, stop, self.whole), values[:, start - self.start : stop - self.start]


def count_blocks(size: int) -> int:
    """Number of blocks of a tensor of this many values."""
    return -(-size // BLOCK)


def blocks_of(tensor: AlignedTensor, part: Part | Grid | None = None, together: int = 1) -> Iterator[Block]:
    """The blocks of a tensor, or of the part of it that is read, in order; the last one may be shorter.

    With ``together`` runs of so many blocks.
    """
    size, whole = (tensor.size, 0) if part is None else (part.tensor.size, tensor.size)
    for start in range(0, size, together * BLOCK):
        yield Block(start // BLOCK, start, min(start + together * BLOCK, size), whole)


def blocks_together(n_members: int) -> int:
    """Blocks of this many models that are read at a time.

    Examples
    --------
    >>> [blocks_together(n) for n in (2, 8, 32, 200)]
    [8, 2, 1, 1]
    """
    return max(1, TOGETHER // (n_members * BLOCK))


def read_block(
    tensor: AlignedTensor,
    block: Block,
    checkpoints: Sequence[Checkpoint],
    out: NDArray[np.float32],
    failures: dict[int, str],
    part: Part | Grid | None = None,
) -> NDArray[np.float32]:
    """The block's values of every member, ``(n_members, block.size)``, in the front of the buffer ``out``.

    With ``part`` the block is one of that part of the tensor, and nothing else of it is read.

    A model whose values cannot be read is filled with NaN, which leaves it, and nobody else, out of this tensor;
    ``failures`` keeps the first reason for each such model.
    """
    values = out[: len(tensor.members) * block.size].reshape(len(tensor.members), block.size)
    runs = [(block.start, block.stop)] if part is None else list(part.runs(block.start, block.stop))
    for row, model, source in zip(values, tensor.members, tensor.sources, strict=True):
        try:
            if isinstance(part, Grid) and _fill_grid(part, tensor, source, checkpoints[model], block, row):
                continue
            filled = 0
            for start, stop in runs:
                fill(tensor, source, start, stop, checkpoints[model], row[filled : filled + stop - start])
                filled += stop - start
        except CheckpointError as error:
            failures.setdefault(model, str(error))
            row.fill(np.nan)
    return values


def _fill_grid(
    part: Grid,
    tensor: AlignedTensor,
    source: TensorInfo,
    checkpoint: Checkpoint,
    block: Block,
    out: NDArray[np.float32],
) -> bool:
    """Fill a block of crossings: at once from a fingerprint, else with what lies between near ones read and left out.

    False where it must be read run by run, as from a fingerprint behind another layout.
    """
    if source.grid is not None:
        wanted = [axis + first for axis, first in zip(part.axes, tensor.start, strict=True)]
        known = checkpoint.read_grid(source, wanted) if isinstance(checkpoint, Fingerprint) else None
        if known is not None:
            out[:] = known.reshape(-1)[block.start : block.stop]
        return known is not None
    flat = part.flat(block.start, block.stop)
    cuts = [0, *(np.flatnonzero(np.diff(flat) > BETWEEN) + 1).tolist(), len(flat)]
    for low, high in pairwise(cuts):
        run = np.empty(int(flat[high - 1] - flat[low]) + 1, dtype=np.float32)
        fill(tensor, source, int(flat[low]), int(flat[high - 1]) + 1, checkpoint, run)
        out[low:high] = run[flat[low:high] - flat[low]]
    return True


def fill(
    tensor: AlignedTensor, source: TensorInfo, start: int, stop: int, checkpoint: Checkpoint, out: NDArray[np.float32]
) -> None:
    """Read values ``start:stop`` of one member; a box that leaves out columns is cut out of whole rows."""
    if tensor.size == source.size:
        read_view(checkpoint, source, start, out)
        return
    _fill_from(lambda first, found: read_view(checkpoint, source, first, found), tensor, source, start, stop, out)


def _fill_from(
    read_into: Callable[[int, NDArray[np.float32]], None],
    tensor: AlignedTensor,
    source: TensorInfo,
    start: int,
    stop: int,
    out: NDArray[np.float32],
) -> None:
    inner, box = source.shape[1:], tensor.shape
    if inner == box[1:]:
        read_into(tensor.start[0] * math.prod(inner) + start, out)
        return
    width, full_width = math.prod(box[1:]), math.prod(inner)
    first, last = start // width, -(-stop // width)
    if len(box) == 2 and last - first == 1:
        place = (tensor.start[0] + first) * full_width + tensor.start[1] + start - first * width
        read_into(place, out)
        return
    rows = np.empty((last - first, *inner), dtype=np.float32)
    read_into((tensor.start[0] + first) * full_width, rows.reshape(-1))
    cut = tuple(slice(low, high) for low, high in zip(tensor.start[1:], tensor.stop[1:], strict=True))
    flat = rows[(slice(None), *cut)].reshape(-1)
    out[:] = flat[start - first * width : stop - first * width]
