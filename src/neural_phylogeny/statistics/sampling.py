"""What is read of a large tensor: one sub-matrix of it, the same in every model, whoever reads it.

A sample of a tensor is some of its rows crossed with some of its columns, so that it is a smaller matrix of the same
units and inputs: all that is measured of a whole tensor can be measured of it. Rows and columns are drawn by a
generator seeded with the tensor's place and shape: neither the format, nor the other models, nor the threads
change them. Every value is as likely to be drawn as any other, so sums over a sample, times size over values seen, are
right on average.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.formats.grids import Places, kept_axes
from neural_phylogeny.tensors.alignment import AlignedTensor, Alignment
from neural_phylogeny.tensors.layouts import STEPS, WHOLE, size_step

VALUES = WHOLE
"""Values of a model that are read unless a share is requested: all of them up to here, at most this many beyond."""

FEWEST = 1 << 12
"""Fewest values that are read of a tensor; smaller ones are read whole."""

VECTOR = 1 << 16
"""Biases, gains and the like of up to this many values are read whole."""

ROWS = 32
"""Where fewer rows than this would be read whole, parts of this many are read instead: units must be matched."""

RUN = 1 << 12
"""Values that are read in one go where rows are short: 16 KiB of float32, so that few seeks are made."""

PIECE = 1 << 10
"""Most values in one piece of a row where rows are read in part."""


@dataclass(frozen=True, slots=True)
class Stretches:
    """Stretches of an axis: where each starts, ascending, and the positions before it in the sample, ``(n + 1,)``."""

    starts: NDArray[np.int64]
    bounds: NDArray[np.int64]

    def __len__(self) -> int:
        return int(self.bounds[-1])

    def place(self, index: NDArray[np.int64]) -> NDArray[np.int64]:
        """Positions on the axis of positions in the sample."""
        which = np.searchsorted(self.bounds, index, side="right") - 1
        return self.starts[which] + index - self.bounds[which]

    def times(self, inner: int) -> Stretches:
        """The same stretches of an axis each of whose entries is ``inner`` values long."""
        return Stretches(self.starts * inner, self.bounds * inner)


@dataclass(frozen=True, slots=True)
class Part:
    """The part of a tensor that is read: rows crossed with columns of its box, seen as rows of ``width`` values.

    ``tensor`` is the part as a tensor of its own, whose flat positions ``runs`` translates into those of the box.
    """

    tensor: AlignedTensor
    rows: Stretches
    columns: Stretches
    width: int

    def runs(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        """Positions ``start:stop`` of the part as runs ``(start, stop)`` of consecutive values of the box."""
        row, column = np.divmod(np.arange(start, stop), len(self.columns))
        yield from _runs(self.rows.place(row) * self.width + self.columns.place(column))


@dataclass(frozen=True, slots=True)
class Grid:
    """The part of a tensor that all its members know where some are fingerprints: crossings of places of its axes."""

    tensor: AlignedTensor
    axes: tuple[Places, ...]
    shape: tuple[int, ...]
    """That of the whole box."""

    def runs(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        """As ``Part.runs``."""
        yield from _runs(self.flat(start, stop))

    def flat(self, start: int, stop: int) -> Places:
        """Positions in the box of the values ``start:stop`` of the part, ascending."""
        at = np.unravel_index(np.arange(start, min(stop, self.tensor.size)), self.tensor.shape)
        places = tuple(axis[inside] for axis, inside in zip(self.axes, at, strict=True))
        return np.asarray(np.ravel_multi_index(places, self.shape), dtype=np.int64)


def grid_part(tensor: AlignedTensor) -> Grid | None:
    """What all members of a tensor know, where one of them is a fingerprint; None where they know all.

    An axis of which nothing is known in common has no places.
    """
    if all(source.grid is None for source in tensor.sources):
        return None
    known = [kept_axes(source) for source in tensor.sources if source.grid is not None]
    axes = [np.zeros(0, dtype=np.int64)] * len(tensor.start)
    if all(one is not None and len(one) == len(axes) for one in known):
        axes = [reduce(np.intersect1d, places) for places in zip(*(one for one in known if one), strict=True)]
        limits = zip(axes, tensor.start, tensor.stop, strict=True)
        axes = [axis[(axis >= start) & (axis < stop)] for axis, start, stop in limits]
    shape = tuple(len(axis) for axis in axes)
    if shape == tensor.shape:
        return None
    box = replace(tensor, start=(0,) * len(shape), stop=shape)
    return Grid(box, tuple(axis - first for axis, first in zip(axes, tensor.start, strict=True)), tensor.shape)


@dataclass(frozen=True)
class Coarse:
    """A share that is read in few long stretches of whole rows, so that few requests fetch it."""

    share: float
    stretches: int


def shares(alignment: Alignment, sample: float | None) -> list[float | Coarse]:
    """Share to be read of each tensor: the given one, or what leaves ``VALUES`` of each model.

    A tensor of models of several sizes is read for the smallest of them, in steps that boxes keep apart: so the share
    read of two models depends on no third one. See ``tensors.layouts.size_step``.
    """
    if sample is not None:
        found: list[float | Coarse] = [sample] * len(alignment.tensors)
    else:
        steps = np.array([size_step(parameters) for parameters in alignment.parameters.tolist()], dtype=np.int64)
        found = [2.0 ** (-steps[list(tensor.members)].min() / STEPS) for tensor in alignment.tensors]
    if alignment.coarse is None:
        return found
    each = zip(found, alignment.tensors, strict=True)
    return [_coarsest(share, [alignment.coarse[member] for member in tensor.members]) for share, tensor in each]


def _coarsest(share: float | Coarse, plans: Sequence[tuple[float, int] | None]) -> float | Coarse:
    """The share of a tensor: the least of its members', in long stretches where one of them lies elsewhere."""
    far = [plan for plan in plans if plan is not None]
    return Coarse(min(plan[0] for plan in far), min(plan[1] for plan in far)) if far else share


def part_of(tensor: AlignedTensor, share: float | Coarse) -> Part | Grid | None:
    """What is read of a tensor when a share of the values is requested; None where that is all of it.

    At least ``FEWEST`` values, in at least ``ROWS`` rows where the tensor has them. A row is an output unit with all
    its inputs or, where units come later than the first axis, what one input gives to all units.

    Examples
    --------
    >>> from neural_phylogeny.inputs import TensorInfo
    >>> from neural_phylogeny.tensors.roles import Role
    >>> sources = (TensorInfo(name="w", shape=(3000, 1000), dtype="float32"),) * 2
    >>> whole = AlignedTensor("w", Role.KERNEL, (0, 0), (3000, 1000), 0, (0, 1), sources)
    >>> part_of(whole, 0.01).tensor.shape
    (32, 1000)
    """
    if (known := grid_part(tensor)) is not None:
        return known
    if isinstance(share, Coarse):
        return _coarse_part(tensor, share)
    wanted = max(FEWEST, math.ceil(share * tensor.size))
    if share >= 1.0 or wanted >= tensor.size or not (tensor.is_matrix or tensor.size > VECTOR):
        return None
    height, units, inner = _rows_of(tensor)
    width = units * inner
    rng = np.random.default_rng(zlib.crc32(f"{tensor.start} {_rows_of(tensor)}".encode()))
    fewest = max(2, ROWS // inner)
    if wanted >= min(fewest, height) * width:
        rows = _drawn(height, math.ceil(wanted / width), max(1, RUN // width), rng)
        columns = _drawn(units, units, units, rng)
    else:
        rows = _drawn(height, fewest, 1, rng)
        columns = _drawn(units, max(ROWS, math.ceil(wanted / (len(rows) * inner))), max(1, PIECE // inner), rng)
    return _part(tensor, rows, columns, units, inner)


def _runs(flat: Places) -> Iterator[tuple[int, int]]:
    """Ascending positions as runs ``(start, stop)``."""
    cuts = np.flatnonzero(np.diff(flat) != 1) + 1
    for low, high in zip([0, *cuts.tolist()], [*cuts.tolist(), len(flat)], strict=True):
        yield int(flat[low]), int(flat[high - 1]) + 1


def coarse_rows(tensor: AlignedTensor, share: float) -> tuple[int, int]:
    """How many rows of a tensor are read where stretches are long, and values of a row; a vector is one column."""
    return coarse_size(*_rows_of(tensor), share)


def coarse_size(height: int, units: int, inner: int, share: float) -> tuple[int, int]:
    """The same of a tensor that is given as rows of entries of some values each."""
    if height == 1:
        return min(units, max(VECTOR, math.ceil(share * units))), inner
    return min(height, max(2, ROWS // inner, math.ceil(share * height))), units * inner


def _coarse_part(tensor: AlignedTensor, coarse: Coarse) -> Part | None:
    """The part that is read in few long stretches: whole rows, or one piece of a vector."""
    rng = np.random.default_rng(zlib.crc32(f"{tensor.start} {_rows_of(tensor)}".encode()))
    height, units, inner = _rows_of(tensor)
    count, _ = coarse_rows(tensor, coarse.share)
    longest = -(-count // coarse.stretches)
    if height == 1:
        return _part(tensor, _drawn(1, 1, 1, rng), _drawn(units, count, longest, rng, least=1), units, inner)
    rows, columns = _drawn(height, count, longest, rng, least=1), _drawn(units, units, units, rng, least=1)
    return _part(tensor, rows, columns, units, inner)


def _part(tensor: AlignedTensor, rows: Stretches, columns: Stretches, units: int, inner: int) -> Part | None:
    width = units * inner
    size = len(rows) * len(columns) * inner
    if size >= tensor.size:
        return None
    is_first = not tensor.output_axis
    shape = (len(rows), len(columns)) if is_first else (len(rows), len(columns), inner)
    axis = tensor.output_axis if is_first else 1
    part = replace(tensor, start=(0,) * len(shape), stop=shape, output_axis=axis)
    return Part(part, rows, columns.times(inner), width)


def _rows_of(tensor: AlignedTensor) -> tuple[int, int, int]:
    """A tensor as rows of entries of some values each: ``(rows, entries, values)``."""
    return rows_of(tensor.shape if tensor.is_matrix else (tensor.size,), tensor.output_axis or 0)


def rows_of(shape: tuple[int, ...], axis: int) -> tuple[int, int, int]:
    """The same of a shape and the axis of its units; a vector is one row.

    Examples
    --------
    >>> rows_of((30, 20, 3, 3), 0), rows_of((3, 3, 20, 30), 3), rows_of((30,), 0)
    ((30, 180, 1), (180, 30, 1), (1, 30, 1))
    """
    if len(shape) < 2:
        return 1, math.prod(shape), 1
    if axis == 0:
        return shape[0], math.prod(shape[1:]), 1
    return math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :])


def _drawn(length: int, count: int, longest: int, rng: np.random.Generator, least: int = 8) -> Stretches:
    """Draw ``count`` of ``length`` positions, or a few more, in stretches of about ``longest`` at most.

    The axis is cut into stretches of equal length, give or take one, each as likely to be drawn as any other. With a
    share of 1 there are ``least`` of them, to meet the count well.
    """
    count = min(count, length)
    n = min(count, max(-(-count // longest), -(-least * count // length)))
    n_cuts = length * n // count
    cuts = np.arange(n_cuts + 1) * length // n_cuts
    which = np.sort(rng.permutation(n_cuts)[:n])
    return Stretches(cuts[which], np.concatenate([[0], np.cumsum(cuts[which + 1] - cuts[which])]))
