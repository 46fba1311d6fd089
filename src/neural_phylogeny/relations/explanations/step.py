"""One matrix of two models, value by value, and the cost of one given the other."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.inputs import TensorInfo, View
from neural_phylogeny.relations.converted import ARITHMETIC
from neural_phylogeny.relations.explanations.grids import Places, steps_of_grid
from neural_phylogeny.statistics.base import Arrays
from neural_phylogeny.statistics.kept import VALUES, kept_sample
from neural_phylogeny.statistics.moments import FEWEST, mantissa_bits
from neural_phylogeny.statistics.results import Statistics
from neural_phylogeny.tensors.alignment import AlignedTensor
from neural_phylogeny.tensors.roles import matrix_shape

Floats = NDArray[np.float64]

MANTISSA_OF_FP8 = 3
"""Bits after the leading one of an fp8 code, e4m3."""

UNEVEN = 0.3
"""Spread of the logarithms of the lengths of units from which on they were multiplied on purpose."""

STRONGEST = 4
"""One direction in so many is strong."""

COARSEST = 2.0
"""Fewest mantissa bits of a value that count."""


@dataclass(frozen=True)
class Step:
    """The kept values of one matrix of a parent and a child, ``(units, inputs)``, and the shape of all of it.

    ``is_relaid``: the two call or store it differently. ``code_bits`` are those of the codes that the child is stored
    as, 0 for plain numbers, ``is_float_coded`` says that these are fp8, and ``is_coded`` says whether
    the parent is stored as codes. ``places`` are those of the values in the child's tensor as stored.
    """

    name: str
    parent: Floats
    child: Floats
    shape: tuple[int, int]
    is_relaid: bool = False
    code_bits: int = 0
    is_float_coded: bool = False
    is_coded: bool = False
    places: Places | None = None

    @property
    def size(self) -> int:
        """Values of the whole matrix."""
        return self.shape[0] * self.shape[1]

    @property
    def scale(self) -> float:
        """Values of the matrix for each one that was kept."""
        return self.size / max(self.child.size, 1)

    @cached_property
    def difference(self) -> Floats:
        """Child less parent."""
        return self.child - self.parent

    @cached_property
    def bits(self) -> tuple[float, float]:
        """Mantissa bits that the values of the parent and of the child need."""
        both = np.stack([self.parent.ravel(), self.child.ravel()]).astype(np.float32)
        parent, child = mantissa_bits(both).tolist()
        return parent, child

    @cached_property
    def precision(self) -> float:
        """Precision to which the child's values are described: their root mean square in the last place."""
        return rms(self.child) * float(2.0 ** -max(self.bits[1], COARSEST))

    @cached_property
    def grid(self) -> Floats | None:
        """Spacing of the child's grid at each value, None where it has none that the parent lacks."""
        if self.is_coded:
            return None
        if self.is_float_coded:
            found: Floats | None = np.maximum(np.abs(self.child), rms(self.child) / 64) * 2.0**-MANTISSA_OF_FP8
        else:
            found = steps_of_grid(self.child, self.code_bits, self.places)
        is_common = found is not None and steps_of_grid(self.parent, places=self.places) is not None
        return None if is_common else found

    @cached_property
    def cosine(self) -> float:
        """Cosine of the two; 0 where one is zero."""
        length = rms(self.parent) * rms(self.child)
        return float((self.parent * self.child).mean()) / length if length > 0 else 0.0

    @cached_property
    def strong(self) -> Floats:
        """The parent in one of ``STRONGEST`` of its directions, the strongest, ``(units, inputs)``."""
        wide = self.parent if len(self.parent) <= self.parent.shape[1] else self.parent.T
        _, vectors = np.linalg.eigh(wide @ wide.T)
        most = vectors[:, -max(1, len(wide) // STRONGEST) :]
        found: Floats = most @ (most.T @ wide)
        return found if wide is self.parent else found.T

    @cached_property
    def growth(self) -> float:
        """Cosine of the step with what is strong in the parent; NaN where there is none, or too little to see it.

        NaN as well where units were multiplied: the factors, not a training, made them longer.
        """
        length = rms(self.difference) * rms(self.strong) if self.child.size >= FEWEST else 0.0
        if min(self.child.shape) < STRONGEST or length == 0.0 or self.is_uneven:
            return math.nan
        return float((self.difference * self.strong).mean()) / length

    @cached_property
    def is_uneven(self) -> bool:
        """Whether units or inputs were made longer and shorter, more than training does it."""
        with np.errstate(all="ignore"):
            ratios = [np.log(rms_of(self.child, axis) / rms_of(self.parent, axis)) for axis in (0, 1)]
        return any(float(np.std(ratio[np.isfinite(ratio)])) > UNEVEN for ratio in ratios if np.isfinite(ratio).any())

    @cached_property
    def is_equal(self) -> bool:
        """Whether all values are equal, or differ by arithmetic where the two are stored in other ways."""
        least = ARITHMETIC * rms(self.child) if self.is_relaid else 0.0
        return rms(self.difference) <= least

    def code_length(self, left: Floats, precision: float | Floats | None = None) -> float:
        """Bits for what an explanation leaves over, at the spread that it has: n/2 log2(1 + 12 s^2 / precision^2)."""
        unit = self.precision if precision is None else precision
        with np.errstate(all="ignore"):
            spread = _sum_of_squares(left / unit) / left.size if left.size else 0.0
        return 0.5 * left.size * self.scale * float(np.log2(1.0 + 12.0 * spread)) if np.isfinite(spread) else np.inf


def rms(values: Floats) -> float:
    """Root mean square; 0 of nothing."""
    return math.sqrt(_sum_of_squares(values) / values.size) if values.size else 0.0


def rms_of(values: Floats, axis: int) -> Floats:
    """Root mean squares along an axis."""
    found: Floats = np.sqrt(np.square(values).mean(axis=axis))
    return found


def _sum_of_squares(values: Floats) -> float:
    return float(np.add.reduce(np.square(values), axis=None))  # the digits of np.mean at a third of its price


def steps(statistics: Statistics, parent: int, child: int) -> Iterator[Step]:
    """The matrices that two models compare, in stored order; those with values that are not finite are left out."""
    for tensor, arrays, a, b in statistics.compared(parent, child):
        if VALUES not in arrays:
            continue
        values = arrays[VALUES][[a, b]].astype(np.float64)
        if np.isfinite(values).all() and values[1].any():
            places = places_of(tensor, tensor.sources[b], arrays)
            yield _step(tensor, values, tensor.sources[a], tensor.sources[b], places)


def _step(tensor: AlignedTensor, values: Floats, a: TensorInfo, b: TensorInfo, places: Places | None) -> Step:
    is_relaid = (a.name, a.view, a.codes) != (b.name, b.view, b.codes)
    shape = matrix_shape(tensor.shape, tensor.output_axis or 0)
    return Step(b.name, values[0], values[1], shape, is_relaid, b.code_bits, "fp8" in b.codes, a.code_bits > 0, places)


def places_of(tensor: AlignedTensor, source: TensorInfo, arrays: Arrays) -> Places | None:
    """Where the kept values lie in a stored tensor; None where only a part of it was read, or it lies in pieces.

    O(values), once for all tensors of a place and shape.
    """
    if "sample.read" in arrays or source.pieces or len(source.shape) != len(tensor.shape):
        return None
    return _places(tensor.start, tensor.shape, tensor.output_axis or 0, source.shape, source.view)


@lru_cache(maxsize=64)
def _places(
    start: tuple[int, ...], shape: tuple[int, ...], output_axis: int, stored: tuple[int, ...], view: View | None
) -> Places:
    sample = kept_sample(0, start, shape, output_axis)
    inside = np.unravel_index(sample.where[sample.order].reshape(sample.units, sample.inputs), shape)
    at = tuple(place + first for place, first in zip(inside, start, strict=True))
    flat = np.ravel_multi_index(at, stored)
    if view is None:
        return Places(flat, math.prod(stored[1:]))
    read = np.unravel_index(flat, view.lengths)
    place = [read[view.axes.index(axis)] for axis in range(len(view.split))]
    place[view.sliced] = place[view.sliced] + view.start
    return Places(np.ravel_multi_index(tuple(place), view.split), math.prod(view.split[1:]))
