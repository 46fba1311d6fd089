"""Inner products between models (Gram matrices) and which models are equal to the last bit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.statistics.base import Arrays, Statistic, total
from neural_phylogeny.statistics.blocks import Block
from neural_phylogeny.tensors.alignment import AlignedTensor


class Gram(Statistic):
    """``gram[i, j]``: inner product of the tensor in models i and j; squared norms on the diagonal.

    Float32 products inside a block, summed in float64 over the blocks in order. Not finite for a model with
    NaN, infinite or absurdly large values. Of a sample: times size over values seen, which is right on average.
    Cost: n_members multiplications a value.
    """

    name = "gram"
    pairwise = ("gram",)
    sums = ("gram",)

    def measure(self, tensor: AlignedTensor, block: Block, values: NDArray[np.float32]) -> Arrays:
        """Float32 products of one block."""
        return {"gram": np.dot(values, values.T)}  # unlike @, dot lets other threads run meanwhile

    def combine(self, tensor: AlignedTensor, parts: Sequence[Arrays]) -> Arrays:
        """Sum over the blocks."""
        return {"gram": total(parts, "gram")}


class Equality(Statistic):
    """``label[i]``: the lowest member whose values in this tensor, as far as read, are all equal to those of member i.

    Nearly free: only models whose block begins with the same values are compared further.
    """

    name = "equality"

    PROBE = 16
    """Leading values of a block that are compared first."""

    def measure(self, tensor: AlignedTensor, block: Block, values: NDArray[np.float32]) -> Arrays:
        """Label of each model within one block."""
        labels = np.arange(len(values), dtype=np.int32)
        firsts: dict[bytes, list[int]] = {}
        for i, row in enumerate(values):
            same_start = firsts.setdefault(row[: self.PROBE].tobytes(), [])
            for j in same_start:
                if np.array_equal(row, values[j]):
                    labels[i] = j
                    break
            else:
                same_start.append(i)
        return {"label": labels}

    def combine(self, tensor: AlignedTensor, parts: Sequence[Arrays]) -> Arrays:
        """Models are equal in the tensor when they are equal in every block."""
        stacked = np.stack([part["label"] for part in parts], axis=1)
        firsts: dict[bytes, int] = {}
        labels = [firsts.setdefault(row.tobytes(), i) for i, row in enumerate(stacked)]
        return {"label": np.array(labels, dtype=np.int32)}
