"""What a statistic of the pass is: register one here and it is computed without another read.

A statistic sees every block once, on any thread, and returns partial results; they are put together in reading
order. Results are dicts of arrays whose leading axes are the tensor's members: ``(n_members, ...)`` for a
number per model, ``(n_members, n_members, ...)`` for a number per pair.
"""

from __future__ import annotations

import math
import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.statistics.blocks import Block
from neural_phylogeny.statistics.plan import SamplingPlan
from neural_phylogeny.tensors.alignment import AlignedTensor

Arrays = dict[str, NDArray[Any]]
"""Named arrays: a partial or a final result."""


class Statistic(ABC):
    """Something measured from the blocks of one tensor at a time; holds its sampling plan, no state.

    Attributes
    ----------
    name : str
        Prefix of its results, e.g. ``"moments"``.
    pairwise : tuple of str
        The results that are per pair; all others are per model.
    sums : tuple of str
        The results that are sums over all values: of a sample they are scaled to the size of the tensor.
    in_runs : bool
        Whether it measures a run of blocks as one block; else block by block.
    stacks : bool
        Whether ``measure`` and ``combine`` take several tensors of one form and one block each, with an axis for them
        before that of the members.
    """

    name: ClassVar[str]
    pairwise: ClassVar[tuple[str, ...]] = ()
    sums: ClassVar[tuple[str, ...]] = ()
    in_runs: ClassVar[bool] = False
    stacks: ClassVar[bool] = False

    def __init__(self, plan: SamplingPlan | None = None) -> None:
        self.plan = plan or SamplingPlan()

    @abstractmethod
    def measure(self, tensor: AlignedTensor, block: Block, values: NDArray[np.float32]) -> Arrays:
        """Partial result of one block, ``values (n_members, block.size)``; empty where it is not sampled.

        Of a tensor that is read in part, ``tensor`` is that part.

        Called from several threads; must not keep or change ``values``.
        """

    def measured(self, tensor: AlignedTensor, run: Block, values: NDArray[np.float32]) -> list[Arrays]:
        """Partial results of a run of blocks, in order: of each, or of all together."""
        if self.in_runs:
            return [self.measure(tensor, run, values)]
        return [self.measure(tensor, block, part) for block, part in run.blocks(values)]

    def together(self, tensor: AlignedTensor, values: NDArray[np.float32]) -> Arrays:
        """Results of several tensors of the form of ``tensor``, ``(n_tensors, n_members, size)``: one block each.

        Those of ``combine`` with an axis for the tensors in front.
        """
        block = Block(0, 0, tensor.size)
        if self.stacks:
            return self.combine(tensor, [self.measure(tensor, block, values)])
        found = [self.combine(tensor, [self.measure(tensor, block, one)]) for one in values]
        return {key: np.stack([one[key] for one in found]) for key in found[0]}

    @abstractmethod
    def combine(self, tensor: AlignedTensor, parts: Sequence[Arrays]) -> Arrays:
        """Result of a tensor from the partial results of its blocks, in order."""


_ROOMS = threading.local()


def room(shape: tuple[int, ...], dtype: type[np.generic] = np.float32) -> NDArray[Any]:
    """Room for what is computed of a block, until this thread asks again for the same number type.

    Room that is given back and asked for anew for each block costs as much as what is computed in it: the system
    clears it every time.
    """
    size = math.prod(shape)
    kept: dict[type[np.generic], NDArray[Any]] = _ROOMS.__dict__.setdefault("kept", {})
    if dtype not in kept or kept[dtype].size < size:
        kept[dtype] = np.empty(size, dtype=dtype)
    return kept[dtype][:size].reshape(shape)


def total(parts: Sequence[Arrays], key: str) -> NDArray[np.float64]:
    """Sum of one partial result over the blocks, in float64 and in order: the same bits every time."""
    result = np.zeros(parts[0][key].shape, dtype=np.float64)
    for part in parts:
        result += part[key]
    return result
