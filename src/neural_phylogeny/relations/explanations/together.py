"""The samples and steps of many matrices: what is computed of those of one form, by one step of NumPy for all of them.

Each number has the bits that it has of a sample or a step by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.inputs import TensorInfo
from neural_phylogeny.relations.explanations.grids import may_have_grid
from neural_phylogeny.relations.explanations.step import (
    STRONGEST,
    UNEVEN,
    Floats,
    Sample,
    Step,
    places_of,
    powers,
    strong,
)
from neural_phylogeny.statistics.kept import VALUES
from neural_phylogeny.statistics.moments import FEWEST, mantissa_bits
from neural_phylogeny.statistics.results import Alike, Statistics, of_one_form
from neural_phylogeny.tensors.alignment import AlignedTensor
from neural_phylogeny.tensors.roles import matrix_shape

Mask = NDArray[np.bool_]

AT_ONCE = 1 << 17
"""Values that are looked at together: a megabyte, which stays in the cache."""


def finite_rows(matrices: Alike) -> Iterator[tuple[list[int], Floats, Mask, Mask]]:
    """Places of matrices of one form, their values ``(T, k, units, inputs)``, and of each member ``(T, k)`` whether its
    values are finite, and whether they may have a grid then: necessary.
    """
    for places in of_one_form([arrays[VALUES].shape for _, arrays in matrices], AT_ONCE):
        some = [matrices[place] for place in places]
        values = np.array([arrays[VALUES] for _, arrays in some], dtype=np.float64)
        finite = np.logical_and.reduce(np.isfinite(values), axis=(2, 3))
        at = [
            places_of(tensor, tensor.sources[row], arrays)
            for (tensor, arrays), rows in zip(some, finite, strict=True)
            for row in np.flatnonzero(rows).tolist()
        ]
        possible = np.zeros_like(finite)
        if at:
            possible[finite] = may_have_grid(values[finite], at)
        yield places, values, finite, possible


class Samples:
    """The samples of all models of a pass, each made once: those of one form together."""

    def __init__(self) -> None:
        self._known: dict[int, dict[int, Sample]] = {}

    def of(self, matrices: Alike) -> list[dict[int, Sample]]:
        """Of the members of each matrix whose values are finite, by their rows."""
        new = [(tensor, arrays) for tensor, arrays in matrices if id(arrays) not in self._known]
        for places, values, finite, possible in finite_rows(new):
            for place, of_rows, rows, may in zip(places, values, finite, possible, strict=True):
                tensor, arrays = new[place]
                self._known[id(arrays)] = {
                    row: Sample(of_rows[row], places_of(tensor, tensor.sources[row], arrays), not may[row])
                    for row in np.flatnonzero(rows).tolist()
                }
            made = (sample for place in places for sample in self._known[id(new[place][1])].values())
            _fill(list(made), values[finite])
        return [self._known[id(arrays)] for _, arrays in matrices]


def _fill(samples: Sequence[Sample], values: Floats) -> None:
    """Compute what every explanation asks of samples ``(N, units, inputs)``, where a cached property looks for it."""
    if not samples:
        return
    squares = np.square(values)
    with np.errstate(all="ignore"):
        inputs, units = (0.5 * np.log(squares.sum(axis=axis) / squares.shape[axis]) for axis in (1, 2))
    flat = values.reshape(len(values), -1)
    bits, zeros = mantissa_bits(flat.astype(np.float32)), np.count_nonzero(flat == 0, axis=1) / flat.shape[1]
    numbers = zip(samples, bits.tolist(), rms_of_each(values).tolist(), zeros.tolist(), inputs, units, strict=True)
    for sample, bit, size, zero, input_, unit in numbers:
        sample.__dict__.update(bits=bit, rms=size, zeros=zero, lengths=(input_, unit))


def _fill_strong(samples: Iterable[Sample]) -> None:
    """The same of what is strong in those that are long enough for growth to be seen, of one form."""
    wanted = {id(one): one for one in samples if one.values.size >= FEWEST and "strong" not in one.__dict__}
    if wanted:
        found = strong(np.array([one.values for one in wanted.values()]))
        for sample, part, size in zip(wanted.values(), found, rms_of_each(found).tolist(), strict=True):
            sample.__dict__.update(strong=part, strength=size)


def rms_of_each(matrices: Floats) -> Floats:
    """Root mean squares: ``(N, units, inputs) -> (N,)``."""
    squares = np.square(matrices).reshape(len(matrices), -1)
    found: Floats = np.sqrt(np.add.reduce(squares, axis=1) / squares.shape[1])
    return found


def steps(statistics: Statistics, parent: int, child: int, samples: Samples | None = None) -> list[Step]:
    """The matrices that two models compare, in stored order; those with values that are not finite are left out.

    ``samples`` are those of all models, for whoever asks of many pairs.
    """
    compared = [found for found in statistics.compared(parent, child) if VALUES in found[1]]
    every = (samples or Samples()).of([(tensor, arrays) for tensor, arrays, _, _ in compared])
    return [
        _step(tensor, (known[a], known[b]), tensor.sources[a], tensor.sources[b])
        for (tensor, _, a, b), known in zip(compared, every, strict=True)
        if a in known and b in known and known[b].rms > 0.0
    ]


def _step(tensor: AlignedTensor, both: tuple[Sample, Sample], a: TensorInfo, b: TensorInfo) -> Step:
    is_relaid = (a.name, a.view, a.codes) != (b.name, b.view, b.codes)
    shape = matrix_shape(tensor.shape, tensor.output_axis or 0)
    codes = b.code_bits, "fp8" in b.codes, a.code_bits > 0
    return Step(b.name, both[0].values, both[1].values, shape, is_relaid, *codes, both[1].places, both)


@dataclass(frozen=True)
class Stack:
    """T steps of one form: what conditions ask of all of them, ``(T, units, inputs)`` or ``(T,)``."""

    steps: Sequence[Step]
    parent: Floats
    child: Floats
    difference: Floats
    length: Floats
    powers: Floats

    @classmethod
    def of(cls, steps: Sequence[Step]) -> Self:
        """Of steps of one form, which keep what is computed here."""
        parent, child = (np.array([step.samples[k].values for step in steps]) for k in (0, 1))
        difference = child - parent
        length, squares = rms_of_each(difference), np.zeros((len(steps), min(difference.shape[1:])))
        moved = np.flatnonzero(length > 0.0)
        squares[moved] = powers(difference[moved])
        for step, by, size, square in zip(steps, difference, length.tolist(), squares, strict=True):
            step.__dict__.update(difference=by, length=size, powers=square)
        _fill_strong(step.samples[0] for step in steps)
        if min(parent.shape[1:]) >= STRONGEST and parent[0].size >= FEWEST:
            for step, is_uneven in zip(steps, _are_uneven(steps).tolist(), strict=True):
                step.__dict__.update(is_uneven=is_uneven)
        return cls(steps, parent, child, difference, length, squares)

    @property
    def form(self) -> tuple[int, int]:
        """Units and inputs of each sample."""
        units, inputs = self.child.shape[1:]
        return units, inputs

    def own(self, name: str) -> Floats:
        """A number of the parent's and of the child's sample of each step: ``(2, T)``."""
        return np.array([[getattr(step.samples[k], name) for step in self.steps] for k in (0, 1)])

    def each(self, name: str) -> NDArray[Any]:
        """A number of each step."""
        return np.array([getattr(step, name) for step in self.steps])


def _are_uneven(steps: Sequence[Step]) -> Mask:
    """``Step.is_uneven`` of each."""
    found = np.zeros(len(steps), dtype=bool)
    for axis in (0, 1):
        before, after = (np.array([step.samples[k].lengths[axis] for step in steps]) for k in (0, 1))
        with np.errstate(invalid="ignore"):
            ratio = after - before
            known = np.isfinite(ratio).all(axis=1)
            off = ratio - ratio.sum(axis=1, keepdims=True) / ratio.shape[1]
            found |= known & (np.sqrt(np.add.reduce(np.square(off), axis=1) / off.shape[1]) > UNEVEN)
        for t in np.flatnonzero(~known).tolist():
            found[t] |= steps[t].is_uneven
    return found
