"""Whether two files hold the same weights: names and shapes first, then values, in bounded time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from neural_phylogeny.formats.base import AnyArray, Checkpoint
from neural_phylogeny.inputs import TensorInfo

VALUES_LIMIT = 1 << 24
"""Most values that are compared of two files; of larger ones a block of each tensor is."""

BLOCK = 1 << 12
"""Fewest values of a tensor that are compared, where it has as many."""

TIED_LIMIT = 16
"""Most tensors that one file may hold beyond the other."""

STRIDE = 1 << 20
"""Most values that are in memory at a time."""


class Verdict(Enum):
    """What two files hold."""

    EQUAL = "the same weights"
    ROUNDED = "the same weights, rounded"
    DIFFERENT = "different weights"
    UNDECIDED = "weights of other names or shapes"


@dataclass(frozen=True, slots=True)
class Likeness:
    """How two files compare: the verdict, how many values were compared, and how many there are."""

    verdict: Verdict
    compared: int = 0
    total: int = 0

    @property
    def extent(self) -> str:
        """How much was compared, in words."""
        if self.compared == self.total:
            return f"all {self.total:,} values compared"
        return f"{self.compared:,} of {self.total:,} values compared"


def likeness(a: Checkpoint, b: Checkpoint) -> Likeness:
    """Compare two opened files.

    They are equal where both have the same tensors of the same number types and every value compared is the same to the
    last bit; rounded where the number types differ and the finer values, rounded, are the others. Tensors that one has
    beyond the other must be equal to one of their shape that both have, as tied weights are; those without
    floating-point values do not count. Other names or shapes leave it undecided.

    Costs a read of at most ``VALUES_LIMIT`` values of each. Raises CheckpointError where one cannot be read. Breaks
    where large files differ only in values that were not compared.
    """
    ours, theirs = _weights(a), _weights(b)
    common = [name for name in ours if name in theirs]
    if not common or any(ours[name].shape != theirs[name].shape for name in common):
        return Likeness(Verdict.UNDECIDED)
    if not (_are_tied(a, ours, common) and _are_tied(b, theirs, common)):
        return Likeness(Verdict.UNDECIDED)
    return _compare_values(a, b, common, ours)


def _weights(checkpoint: Checkpoint) -> dict[str, TensorInfo]:
    """Tensors of floating-point values."""
    return {
        name: tensor
        for name, tensor in checkpoint.tensors.items()
        if tensor.size and tensor.dtype.startswith(("float", "bfloat"))
    }


def _are_tied(opened: Checkpoint, tensors: dict[str, TensorInfo], common: Sequence[str]) -> bool:
    """Whether each tensor beyond the common ones is equal to one of these, by a look at its first values."""
    others = tensors.keys() - set(common)
    return len(others) <= TIED_LIMIT and all(_has_twin(opened, tensors, name, common) for name in others)


def _has_twin(opened: Checkpoint, tensors: dict[str, TensorInfo], name: str, common: Sequence[str]) -> bool:
    tensor = tensors[name]
    alike = [other for other in common if (tensors[other].shape, tensors[other].dtype) == (tensor.shape, tensor.dtype)]
    values = opened.read(name, 0, BLOCK) if alike else None
    return values is not None and any(_same_bits(values, opened.read(other, 0, BLOCK)) for other in alike)


def _compare_values(a: Checkpoint, b: Checkpoint, names: Sequence[str], tensors: dict[str, TensorInfo]) -> Likeness:
    total = sum(tensors[name].size for name in names)
    share = min(1.0, VALUES_LIMIT / max(1, total))
    compared, is_rounded = 0, False
    for name in names:
        for start, stop in _blocks(tensors[name].size, share):
            ours, theirs = a.read(name, start, stop), b.read(name, start, stop)
            is_one_type = ours.dtype == theirs.dtype
            is_rounded |= ours.dtype.name != theirs.dtype.name
            if not (_same_bits(ours, theirs) if is_one_type else _same_rounded(ours, theirs)):
                return Likeness(Verdict.DIFFERENT, compared, total)
            compared += stop - start
    return Likeness(Verdict.ROUNDED if is_rounded else Verdict.EQUAL, compared, total)


def _blocks(size: int, share: float) -> Iterator[tuple[int, int]]:
    """Slices of a flat tensor: all of it in pieces, or pieces spread evenly over it."""
    if share == 1.0 or size <= BLOCK:
        yield from ((start, min(start + STRIDE, size)) for start in range(0, size, STRIDE))
        return
    wanted = max(BLOCK, math.ceil(size * share))
    n_blocks = -(-wanted // BLOCK)
    gap = (size - BLOCK) / max(1, n_blocks - 1)
    end = 0
    for k in range(n_blocks):
        start = max(end, int(k * gap))
        end = min(start + BLOCK, size)
        if start < end:
            yield start, end


def _same_bits(ours: AnyArray, theirs: AnyArray) -> bool:
    return ours.tobytes() == theirs.tobytes()


def _same_rounded(ours: AnyArray, theirs: AnyArray) -> bool:
    """Whether the values of the finer type, rounded to the coarser, are the others; two NaN are the same."""
    fine, coarse = (ours, theirs) if ours.dtype.itemsize >= theirs.dtype.itemsize else (theirs, ours)
    with np.errstate(over="ignore", invalid="ignore"):
        rounded, others = fine.astype(coarse.dtype).astype(np.float64), coarse.astype(np.float64)
    return bool(np.array_equal(rounded, others, equal_nan=True))
