"""What a quantisation scheme is made of: stored tensors in, weights with their decoders out.

A scheme module defines ``find(stored) -> Iterator[Weight | Unread]``. It looks at names, shapes and dtypes, and at
small tensors alone; codes and scales are read when a range of the weight is requested.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.errors import CheckpointError
from neural_phylogeny.formats.base import AnyArray, Checkpoint
from neural_phylogeny.formats.quantised.settings import Settings
from neural_phylogeny.inputs import TensorInfo, Unread

Floats = NDArray[np.float32]

Read = Callable[[str, int, int], AnyArray]
"""Called with (stored tensor, start, stop); gives these stored values in flat C order."""

SMALL = 1 << 16
"""Most values of a tensor that is read when a checkpoint is opened."""

ROW_LIMIT = 1 << 24
"""Most values of a row: whole rows are decoded, so that longer ones would not stay in bounded memory."""

SLAB = 1 << 21
"""Values that are read at once where columns of a stored matrix are wanted."""

NEAR = 1 << 14
"""Rows of a stored matrix up to this many values are read whole where only some columns are wanted."""


class MisfitError(Exception):
    """The tensors of a layer do not fit the scheme that their names promise; the message says why."""


class Decoder(ABC):
    """Turns stored codes into weights, by rows of the weight seen as a matrix of ``width`` columns.

    ``step`` is how many rows are best decoded at once: 1 where rows of codes lie together in the file.
    """

    width: int
    step: int = 1

    @abstractmethod
    def rows(self, read: Read, first: int, last: int) -> Floats:
        """Rows ``first:last`` of the weight, ``(last - first, width)``. Reads their codes and scales alone."""


class StackDecoder(Decoder):
    """A decoder of a stack of matrices of ``inputs`` rows each, such as the experts of a mixture."""

    inputs: int

    @abstractmethod
    def of_matrix(self, read: Read, number: int, low: int, high: int) -> Floats:
        """Rows ``low:high`` of one matrix of the stack, ``(high - low, width)``."""

    def rows(self, read: Read, first: int, last: int) -> Floats:
        pieces = []
        while first < last:
            number, low = divmod(first, self.inputs)
            high = min(self.inputs, low + last - first)
            pieces.append(self.of_matrix(read, number, low, high))
            first += high - low
        return np.concatenate(pieces) if pieces else np.empty((0, self.width), np.float32)


@dataclass(frozen=True)
class Weight:
    """A weight that codes stand for.

    ``parts`` are the stored tensors it is made of, its codes first: they are hidden where the weight is shown.
    """

    name: str
    shape: tuple[int, ...]
    decoder: Decoder
    parts: tuple[str, ...]
    scheme: str
    bits: int
    output_axis: int = 0

    @property
    def info(self) -> TensorInfo:
        """The weight as any other tensor."""
        return TensorInfo(
            name=self.name,
            shape=self.shape,
            dtype="float32",
            output_axis=self.output_axis,
            codes=self.scheme,
            code_bits=self.bits,
        )


class Stored:
    """The tensors of an opened checkpoint as they are stored, and what the files beside it say of their codes."""

    def __init__(self, checkpoint: Checkpoint, settings: Settings) -> None:
        self.tensors: Mapping[str, TensorInfo] = checkpoint.tensors
        self.settings = settings
        self._checkpoint = checkpoint

    def layers(self, mark: str) -> Iterator[str]:
        """What stands before ``mark`` in the name of each tensor that ends in it as a whole word, with its dot."""
        for name in self.tensors:
            if name == mark or name.endswith(f".{mark}"):
                yield name.removesuffix(mark)

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a stored tensor. Raises MisfitError where it is missing."""
        if name not in self.tensors:
            raise MisfitError(f"{name.rsplit('.', 1)[-1]} is missing")
        return self.tensors[name].shape

    def matrix(self, name: str) -> tuple[int, int]:
        """Shape of a stored matrix of at least one value. Raises MisfitError for anything else."""
        shape = self.shape(name)
        if len(shape) != 2 or 0 in shape:
            raise MisfitError(f"{name.rsplit('.', 1)[-1]} of shape {shape} is not a matrix")
        return shape[0], shape[1]

    def is_of(self, name: str, *dtypes: str) -> bool:
        """Whether a tensor is stored in one of these dtypes."""
        return name in self.tensors and self.tensors[name].dtype in dtypes

    def present(self, *names: str) -> tuple[str, ...]:
        """Those of the names that are stored."""
        return tuple(name for name in names if name in self.tensors)

    def small(self, name: str, most: int = SMALL) -> AnyArray:
        """The first values of a tensor, flat. Raises MisfitError where it is missing or cannot be read."""
        size = math.prod(self.shape(name))
        try:
            return self._checkpoint.read(name, 0, min(size, most))
        except CheckpointError as error:
            raise MisfitError(error.reason) from error


def attempt(
    build: Callable[[Stored, str], Weight | None], stored: Stored, layers: Iterator[str], suffixes: Sequence[str]
) -> Iterator[Weight | Unread]:
    """The weight of each layer; of a layer that does not fit, its tensors with these suffixes as not read."""
    for layer in layers:
        try:
            weight = build(stored, layer)
            if weight is not None:
                _refuse_long_rows(weight)
                yield weight
        except MisfitError as misfit:
            parts = stored.present(*(f"{layer}{suffix}" for suffix in suffixes))
            weights = sum(estimate(stored.tensors[part]) for part in parts)
            yield Unread(tensors=parts, weights=weights, reason=str(misfit))


def _refuse_long_rows(weight: Weight) -> None:
    if weight.decoder.width > ROW_LIMIT:
        raise MisfitError(f"its rows of {weight.decoder.width} values are longer than the {ROW_LIMIT} that are decoded")


def estimate(tensor: TensorInfo) -> int:
    """How many weights a tensor of codes may stand for; 0 for scales. Four bits a code where several share a word."""
    return tensor.size * {"int8": 1, "uint8": 2, "int32": 8, "uint32": 8, "int64": 16}.get(
        tensor.dtype, int(tensor.dtype.startswith("float8"))
    )


def columns(read: Read, name: str, shape: tuple[int, int], first: int, last: int) -> AnyArray:
    """Columns ``first:last`` of a stored matrix, ``(rows, last - first)``.

    Short rows are read whole and in slabs, of long ones only what is wanted: a read costs as much as some kilobytes.
    """
    height, width = shape
    if width > NEAR and last - first < width:
        return np.stack([read(name, row * width + first, row * width + last) for row in range(height)])
    per_slab = max(1, SLAB // width)
    slabs = [
        read(name, top * width, min(top + per_slab, height) * width).reshape(-1, width)[:, first:last]
        for top in range(0, height, per_slab)
    ]
    return slabs[0] if len(slabs) == 1 else np.concatenate(slabs)


def spread(values: Floats, group: int, width: int) -> Floats:
    """A value a group as a value a column: ``(rows, groups)`` -> ``(rows, width)``."""
    return values if values.shape[1] == 1 else np.repeat(values, group, axis=1)[:, :width]


GROUP_SIZES = (128, 64, 32, 256, 16, 512, 1024, 8, 2048, 4096, 4, 2, 1)
"""Usual numbers of columns that share a scale, the likeliest first."""


def group_size(width: int, groups: int) -> int:
    """Columns that share a scale; the last group may be shorter. Raises MisfitError where no size gives the groups.

    Examples
    --------
    >>> group_size(512, 4), group_size(300, 3), group_size(96, 1), group_size(96, 2)
    (128, 128, 96, 48)
    """
    if not 0 < groups <= width:
        raise MisfitError(f"{groups} groups of scales for {width} inputs")
    if groups == 1:
        return width
    even = width // groups if width % groups == 0 else 0
    for size in (*([even] if even and even % 8 == 0 else []), *GROUP_SIZES, -(-width // groups)):
        if -(-width // size) == groups:
            return size
    raise MisfitError(f"{groups} groups of scales do not divide {width} inputs")


def number(value: Any) -> int | None:
    """A positive integer that a settings file gives, or None."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 31 else None
