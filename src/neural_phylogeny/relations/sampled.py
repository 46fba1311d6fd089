"""The sample of values that a pass compares in all models, for matrices that follow each other and have equal members.

Many small matrices cost a step of NumPy for all of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.inputs import TensorInfo
from neural_phylogeny.statistics.base import Arrays
from neural_phylogeny.statistics.results import Alike, Statistics, stacked
from neural_phylogeny.tensors.boxes import AlignedTensor

Matrix = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class SampledMatrices:
    """The samples of T matrices that follow each other, for the k members whose values in them are finite.

    Attributes
    ----------
    members : (k,)
        Positions of the members among the models.
    inputs : (T, k)
        Inputs of each output unit, before the comparison cut the matrix to a common box.
    code_bits : (T, k)
        Bits of the codes that the values are stored as; 0 for plain numbers.
    has_even_codes : (T, k) of bool
        Whether the codes stand for evenly spaced values; those of fp8 do not.
    count : (T, 1, 1)
        Sampled values of each member.
    """

    members: NDArray[np.int64]
    inputs: NDArray[np.int64]
    code_bits: NDArray[np.int64]
    has_even_codes: Mask
    count: NDArray[np.float64]
    _alike: Alike
    _rows: NDArray[np.int64]
    _known: Arrays = field(default_factory=dict)

    @classmethod
    def of(cls, alike: Alike, finite: Mask) -> Self:
        """Of some of the members of matrices, ``(k,)``."""
        rows = np.flatnonzero(finite)
        sources = [[tensor.sources[row] for row in rows.tolist()] for tensor, _ in alike]
        return cls(
            np.array(alike[0][0].members)[rows],
            np.array(
                [[_inputs(pair[0], one) for one in every] for pair, every in zip(alike, sources, strict=True)],
                dtype=np.int64,
            ),
            np.array([[one.code_bits for one in every] for every in sources], dtype=np.int64),
            np.array([["fp8" not in one.codes for one in every] for every in sources], dtype=bool),
            np.array([[[float(arrays["cross.count"][0])]] for _, arrays in alike]),
            alike,
            rows,
        )

    def __len__(self) -> int:
        return len(self._alike)

    def pair(self, name: str) -> Matrix:
        """A sum over the sampled values of two members, see ``statistics.cross``: ``(T, k, k)``."""
        return self._found(f"cross.{name}", pairwise=True)

    def has(self, name: str) -> bool:
        """Whether the pass measured such a sum; one that was stored by an earlier version may not have."""
        return f"cross.{name}" in self._alike[0][1]

    @property
    def steps(self) -> NDArray[np.float64]:
        """Spacing of each member's even grid, NaN where there is none: ``(T, k)``."""
        name = "moments.step"  # not in a pass that was stored by an earlier version
        return self.own("step") if name in self._alike[0][1] else np.full(self.code_bits.shape, np.nan)

    @property
    def squares(self) -> NDArray[np.float64]:
        """Sum of each member's squared values: ``(T, k)``."""
        return of_each(self.pair("product"))

    def own(self, name: str) -> NDArray[np.float64]:
        """A number of each member, see ``statistics.moments``: ``(T, k)``."""
        return self._found(f"moments.{name}", pairwise=False)

    def _found(self, name: str, *, pairwise: bool) -> NDArray[np.float64]:
        if name not in self._known:
            found = stacked(self._alike, name).astype(np.float64, copy=False)
            if len(self._rows) < found.shape[1]:
                found = found[:, self._rows[:, None], self._rows] if pairwise else found[:, self._rows]
            self._known[name] = found
        return self._known[name]


def sampled_matrices(statistics: Statistics) -> Iterator[list[tuple[list[int], SampledMatrices]]]:
    """The matrices whose values were compared, a window at a time: those that the same members hold with finite values,
    and their places.
    """
    for window in statistics.windows("cross.product", matrices=True):
        found = []
        for places, alike in window:
            finite = np.isfinite(of_each(stacked(alike, "cross.product")))
            for layout in np.unique(finite[finite.any(axis=1)], axis=0):
                some = np.flatnonzero((finite == layout).all(axis=1)).tolist()
                found.append(([places[t] for t in some], SampledMatrices.of([alike[t] for t in some], layout)))
        yield found


def of_each(pairs: Matrix) -> NDArray[np.float64]:
    """What members have with themselves: ``(T, k, k) -> (T, k)``."""
    return np.diagonal(pairs, axis1=1, axis2=2)


def turned(pairs: NDArray[Any]) -> NDArray[Any]:
    """The same with the two members exchanged: ``(T, k, k)``."""
    return pairs.swapaxes(1, 2)


def _inputs(tensor: AlignedTensor, source: TensorInfo) -> int:
    """Inputs of each unit of a member's matrix; of one that is compared whole, as it is compared."""
    shape, axis = source.shape, source.output_axis or 0
    if source.size == tensor.size:
        shape, axis = tensor.shape, tensor.output_axis or 0
    return math.prod(shape) // max(shape[axis], 1)
