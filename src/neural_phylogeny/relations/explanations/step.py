"""One matrix of two models, value by value, and the cost of one given the other."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.inputs import TensorInfo, View
from neural_phylogeny.relations.converted import ARITHMETIC
from neural_phylogeny.relations.explanations.grids import Places, may_have_grid, steps_of_grid
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

FEW = 12
"""Units that are looked at before all: most steps show there that they have no low rank with lengths."""

STRONGEST = 4
"""One direction in so many is strong."""

COARSEST = 2.0
"""Fewest mantissa bits of a value that count."""


@dataclass(frozen=True)
class Sample:
    """The kept values of one matrix of one model, ``(units, inputs)``, and what is computed of them once for all pairs.

    ``is_plain``: it is known that they lie on no grid of few levels, by blocks at ``places`` either.
    """

    values: Floats
    places: Places | None = None
    is_plain: bool = False

    @cached_property
    def bits(self) -> float:
        """Mantissa bits that the values need."""
        return float(mantissa_bits(self.values.reshape(1, -1).astype(np.float32))[0])

    @cached_property
    def rms(self) -> float:
        """Root mean square."""
        return rms(self.values)

    @cached_property
    def lengths(self) -> tuple[Floats, Floats]:
        """Logarithms of the root mean squares of the inputs and of the units."""
        squares = np.square(self.values)
        with np.errstate(all="ignore"):
            inputs, units = (0.5 * np.log(squares.sum(axis=axis) / squares.shape[axis]) for axis in (0, 1))
        return inputs, units

    @cached_property
    def first(self) -> Floats:
        """Orthonormal directions that span the first ``FEW`` units, ``(inputs, units)``."""
        return np.linalg.qr(self.values[:FEW].T)[0]

    @cached_property
    def zeros(self) -> float:
        """Share of zeros."""
        return np.count_nonzero(self.values == 0) / max(self.values.size, 1)

    @cached_property
    def strong(self) -> Floats:
        """The part in one of ``STRONGEST`` of the directions, the strongest, ``(units, inputs)``."""
        wide = self.values if len(self.values) <= self.values.shape[1] else self.values.T
        _, vectors = np.linalg.eigh(wide @ wide.T)
        most = vectors[:, -max(1, len(wide) // STRONGEST) :]
        found: Floats = most @ (most.T @ wide)
        return found if wide is self.values else found.T

    @cached_property
    def strength(self) -> float:
        """Root mean square of what is strong."""
        return rms(self.strong)


class Samples:
    """The samples of all models of a pass, each made once: those of one matrix together."""

    def __init__(self) -> None:
        self._known: dict[int, dict[int, Sample]] = {}

    def of(self, tensor: AlignedTensor, arrays: Arrays, rows: tuple[int, int]) -> tuple[Sample, Sample] | None:
        """Of two members of a matrix; None where values of one are not finite."""
        if id(arrays) not in self._known:
            self._known[id(arrays)] = _samples(tensor, arrays)
        known = self._known[id(arrays)]
        return (known[rows[0]], known[rows[1]]) if rows[0] in known and rows[1] in known else None


def _samples(tensor: AlignedTensor, arrays: Arrays) -> dict[int, Sample]:
    """Of the members of a matrix whose values are finite."""
    values = arrays[VALUES].astype(np.float64)
    rows = np.flatnonzero(np.isfinite(values).all(axis=(1, 2)))
    places = [places_of(tensor, tensor.sources[row], arrays) for row in rows.tolist()]
    may: NDArray[np.bool_] = may_have_grid(values[rows], places) if rows.size else np.zeros(0, dtype=bool)
    every = zip(rows.tolist(), places, may, strict=True)
    return {row: Sample(values[row], place, not possible) for row, place, possible in every}


@dataclass(frozen=True)
class Step:
    """The kept values of one matrix of a parent and a child, ``(units, inputs)``, and the shape of all of it.

    ``is_relaid``: the two call or store it differently. ``code_bits`` are those of the codes that the child is stored
    as, 0 for plain numbers, ``is_float_coded`` says that these are fp8, and ``is_coded`` says whether
    the parent is stored as codes. ``places`` are those of the values in the child's tensor as stored. ``samples`` are
    the two as samples of their own.
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
    samples: tuple[Sample, Sample] = field(default=(), repr=False, compare=False)  # type: ignore[assignment]

    def __post_init__(self) -> None:
        """Samples that nobody else has."""
        if not self.samples:
            object.__setattr__(self, "samples", (Sample(self.parent), Sample(self.child)))

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
        parent, child = self.samples
        return parent.bits, child.bits

    @cached_property
    def length(self) -> float:
        """Root mean square of the difference."""
        return rms(self.difference)

    @cached_property
    def powers(self) -> Floats:
        """Those of the difference."""
        return powers(self.difference)

    @cached_property
    def precision(self) -> float:
        """Precision to which the child's values are described: their root mean square in the last place."""
        return self.samples[1].rms * float(2.0 ** -max(self.bits[1], COARSEST))

    @cached_property
    def grid(self) -> Floats | None:
        """Spacing of the child's grid at each value, None where it has none that the parent lacks."""
        if self.is_coded or (self.samples[1].is_plain and not self.code_bits and not self.is_float_coded):
            return None
        if self.is_float_coded:
            found: Floats | None = np.maximum(np.abs(self.child), rms(self.child) / 64) * 2.0**-MANTISSA_OF_FP8
        else:
            found = steps_of_grid(self.child, self.code_bits, self.places)
        is_plain = self.samples[0].is_plain and self.samples[0].places is self.places
        is_common = found is not None and not is_plain and steps_of_grid(self.parent, places=self.places) is not None
        return None if is_common else found

    @cached_property
    def cosine(self) -> float:
        """Cosine of the two; 0 where one is zero."""
        length = self.samples[0].rms * self.samples[1].rms
        return float(np.vdot(self.parent, self.child)) / self.child.size / length if length > 0 else 0.0

    @property
    def strong(self) -> Floats:
        """The parent in one of ``STRONGEST`` of its directions, the strongest, ``(units, inputs)``."""
        return self.samples[0].strong

    @cached_property
    def growth(self) -> float:
        """Cosine of the step with what is strong in the parent; NaN where there is none, or too little to see it.

        NaN as well where units were multiplied: the factors, not a training, made them longer.
        """
        length = self.length * self.samples[0].strength if self.child.size >= FEWEST else 0.0
        if min(self.child.shape) < STRONGEST or length == 0.0 or self.is_uneven:
            return math.nan
        return float(np.vdot(self.difference, self.strong)) / self.child.size / length

    @cached_property
    def is_uneven(self) -> bool:
        """Whether units or inputs were made longer and shorter, more than training does it."""
        with np.errstate(invalid="ignore"):  # of units that are zero
            ratios = map(np.subtract, self.samples[1].lengths, self.samples[0].lengths)
            known = (ratio[np.isfinite(ratio)] for ratio in ratios)
            return any(rms(ratio - ratio.sum() / ratio.size) > UNEVEN for ratio in known if ratio.size)

    @cached_property
    def is_equal(self) -> bool:
        """Whether all values are equal, or differ by arithmetic where the two are stored in other ways."""
        least = ARITHMETIC * self.samples[1].rms if self.is_relaid else 0.0
        return self.length <= least

    def code_length(self, left: Floats, precision: float | Floats | None = None) -> float:
        """Bits for what an explanation leaves over, at the spread that it has: n/2 log2(1 + 12 s^2 / precision^2)."""
        unit = self.precision if precision is None else precision
        if isinstance(unit, float):
            spread = rms(left) / unit if unit > 0.0 else math.inf if left.size else 0.0
        else:
            with np.errstate(all="ignore"):
                spread = rms(left / unit)
        return 0.5 * left.size * self.scale * math.log2(1.0 + 12.0 * spread * spread) if spread < math.inf else math.inf


def rms(values: Floats) -> float:
    """Root mean square; 0 of nothing."""
    return math.sqrt(_sum_of_squares(values) / values.size) if values.size else 0.0


def powers(matrix: Floats) -> Floats:
    """Squares of the singular values of a matrix, ascending, from the eigenvalues of a product."""
    wide = matrix if len(matrix) <= matrix.shape[1] else matrix.T
    return np.linalg.eigvalsh(wide @ wide.T).astype(np.float64)


def _sum_of_squares(values: Floats) -> float:
    return float(np.add.reduce(np.square(values), axis=None))  # the digits of np.mean at a third of its price


def steps(statistics: Statistics, parent: int, child: int, samples: Samples | None = None) -> Iterator[Step]:
    """The matrices that two models compare, in stored order; those with values that are not finite are left out.

    ``samples`` are those of all models, for whoever asks of many pairs.
    """
    samples = samples or Samples()
    for tensor, arrays, a, b in statistics.compared(parent, child):
        if VALUES not in arrays:
            continue
        both = samples.of(tensor, arrays, (a, b))
        if both is not None and both[1].rms > 0.0:
            yield _step(tensor, both, tensor.sources[a], tensor.sources[b])


def _step(tensor: AlignedTensor, both: tuple[Sample, Sample], a: TensorInfo, b: TensorInfo) -> Step:
    is_relaid = (a.name, a.view, a.codes) != (b.name, b.view, b.codes)
    shape = matrix_shape(tensor.shape, tensor.output_axis or 0)
    codes = b.code_bits, "fp8" in b.codes, a.code_bits > 0
    return Step(b.name, both[0].values, both[1].values, shape, is_relaid, *codes, both[1].places, both)


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
