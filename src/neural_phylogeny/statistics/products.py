"""Inner products between models (Gram matrices) and which models are equal to the last bit."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_info

from neural_phylogeny.statistics.base import Arrays, Statistic, total
from neural_phylogeny.statistics.blocks import Block
from neural_phylogeny.tensors.alignment import AlignedTensor

SLICE = 1 << 11
"""Values of a model that are multiplied at a time: OpenBLAS takes so few as they are, instead of copying them first."""

FEW, MANY, TOGETHER = 4, 64, 4
"""Models up to which each is multiplied by itself, and beyond which all are at once; models of one product between."""

TAKES_FEW = frozenset({"SkylakeX", "Cooperlake", "SapphireRapids"})
"""Processors, as OpenBLAS names them, for which it has products of a few short rows."""


class Gram(Statistic):
    """``gram[i, j]``: inner product of the tensor in models i and j; squared norms on the diagonal.

    Float32 products inside a block, or a slice of it, summed in float64 in order: relative to the norms the error is
    below 10^-6, and near 10^-8. Not finite for a model with
    NaN, infinite or absurdly large values. Of a sample: times size over values seen, which is right on average.
    Cost: n_members multiplications a value.
    """

    name = "gram"
    pairwise = ("gram",)
    sums = ("gram",)
    stacks = True

    def measure(self, tensor: AlignedTensor, block: Block, values: NDArray[np.float32]) -> Arrays:
        """Products of one block."""
        return {"gram": inner_products(values)}

    def combine(self, tensor: AlignedTensor, parts: Sequence[Arrays]) -> Arrays:
        """Sum over the blocks."""
        return {"gram": total(parts, "gram")}


class Equality(Statistic):
    """``label[i]``: the lowest member whose values in this tensor, as far as read, are all equal to those of member i.

    Nearly free: only models whose block begins with the same values are compared further.
    """

    name = "equality"
    in_runs = True

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


def inner_products(values: NDArray[np.float32]) -> NDArray[np.float32] | NDArray[np.float64]:
    """Inner products of all pairs of rows, ``(..., n, n_values) -> (..., n, n)``, symmetric to the last bit.

    Long rows of a few models are multiplied slice by slice, a quarter of the price of one product of matrices where
    the processor has instructions for 16 values; digits then depend on the two rows alone, and not on their places.

    Examples
    --------
    >>> inner_products(np.array([[3.0, 4.0], [4.0, -3.0]], dtype=np.float32)).tolist()
    [[25.0, 0.0], [0.0, 25.0]]
    """
    *stack, n, size = values.shape
    if size < SLICE or n > MANY or not _takes_few():
        return np.asarray(np.matmul(values, values.swapaxes(-1, -2)))  # of a view np.dot is ten times slower
    if stack:
        return np.asarray([inner_products(one) for one in values])
    whole = size - size % SLICE
    found = _summed(values[:, :whole].reshape(n, -1, SLICE))
    if whole < size:
        found += _summed(values[:, None, whole:])
    return np.triu(found) + np.triu(found, 1).T


def row_products(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float64]:
    """Inner product of each row of one array with that of the other, ``(..., n_values)`` twice to ``(...)``.

    Float32 inside slices, float64 between them: the relative error is below 10^-6 where no product is negative.

    Examples
    --------
    >>> row_products(np.ones((2, 3), dtype=np.float32), np.ones((2, 3), dtype=np.float32)).tolist()
    [3.0, 3.0]
    """
    *rows, size = first.shape
    whole = size - size % SLICE
    found: NDArray[np.float64] = np.vecdot(first[..., whole:], second[..., whole:]).astype(np.float64)
    if whole:
        parts = (values[..., :whole].reshape(*rows, -1, SLICE) for values in (first, second))
        found += np.vecdot(*parts).sum(axis=-1, dtype=np.float64)
    return found


def _summed(slices: NDArray[np.float32]) -> NDArray[np.float64]:
    """Products of all pairs, from the diagonal on, of rows in slices: ``(n, n_slices, n_values) -> (n, n)``."""
    n = len(slices)
    found = np.zeros((n, n))
    if n <= FEW:
        for i, own in enumerate(slices):
            found[i, i:] = np.vecdot(own, slices[i:]).sum(axis=1, dtype=np.float64)
        return found
    rows = slices.swapaxes(0, 1)
    columns = rows.swapaxes(1, 2)
    products = np.zeros((len(rows), n, n), dtype=np.float32)
    for start in range(0, n, TOGETHER):
        first = min(start, n - TOGETHER)
        other = min(first, n - TOGETHER - 1)  # as many columns as rows would be taken for a square, with other digits
        part = slice(first, first + TOGETHER)
        np.matmul(rows[:, part], columns[:, :, other:], out=products[:, part, other:])
    products.sum(axis=0, dtype=np.float64, out=found)
    return found


@lru_cache(maxsize=1)
def _takes_few() -> bool:
    """Whether NumPy's library of products has those of a few short rows on this processor."""
    return any(library.get("architecture") in TAKES_FEW for library in threadpool_info())
