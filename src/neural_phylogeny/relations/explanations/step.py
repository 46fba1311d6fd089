"""One matrix of two models, value by value, and the cost of one given the other."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.inputs import TensorInfo, View
from neural_phylogeny.relations.converted import ARITHMETIC
from neural_phylogeny.relations.explanations.grids import Places, steps_of_grid
from neural_phylogeny.statistics.base import Arrays
from neural_phylogeny.statistics.kept import kept_sample
from neural_phylogeny.statistics.moments import FEWEST, mantissa_bits
from neural_phylogeny.tensors.alignment import AlignedTensor

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
        return strong(self.values)

    @cached_property
    def strength(self) -> float:
        """Root mean square of what is strong."""
        return rms(self.strong)


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
            return self.code_length_of(rms(left), left.size, unit)
        with np.errstate(all="ignore"):
            return self.code_length_of(rms(left / unit), left.size, 1.0)

    def code_length_of(self, size: float, count: int, precision: float | None = None) -> float:
        """The same for so many values of a root mean square."""
        unit = self.precision if precision is None else precision
        spread = size / unit if unit > 0.0 else math.inf if count else 0.0
        return 0.5 * count * self.scale * math.log2(1.0 + 12.0 * spread * spread) if spread < math.inf else math.inf


def rms(values: Floats) -> float:
    """Root mean square; 0 of nothing."""
    return math.sqrt(_sum_of_squares(values) / values.size) if values.size else 0.0


def strong(matrices: Floats) -> Floats:
    """What lies in one of ``STRONGEST`` directions, the strongest, of each matrix: ``(..., units, inputs)``."""
    wide, is_wide = _wide(matrices)
    _, vectors = np.linalg.eigh(wide @ wide.swapaxes(-1, -2))
    most = vectors[..., -max(1, wide.shape[-2] // STRONGEST) :]
    found: Floats = most @ (most.swapaxes(-1, -2) @ wide)
    return found if is_wide else found.swapaxes(-1, -2)


def powers(matrices: Floats) -> Floats:
    """Squares of the singular values of each matrix, ascending, from the eigenvalues of a product."""
    wide, _ = _wide(matrices)
    return np.linalg.eigvalsh(wide @ wide.swapaxes(-1, -2)).astype(np.float64)


def _wide(matrices: Floats) -> tuple[Floats, bool]:
    """Matrices ``(..., units, inputs)`` turned so that the longer axis comes last, and whether it did."""
    is_wide = matrices.shape[-2] <= matrices.shape[-1]
    return (matrices if is_wide else matrices.swapaxes(-1, -2)), is_wide


def _sum_of_squares(values: Floats) -> float:
    return float(np.add.reduce(np.square(values), axis=None))  # the digits of np.mean at a third of its price


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
