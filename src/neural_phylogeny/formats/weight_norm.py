"""Weight normalisation: a length and a direction for each unit, read as the weight that they stand for.

A layer keeps ``g`` and ``v`` in place of ``w = g v / |v|``, row by row. Libraries spell the two in several ways, and
write the plain weight once the normalisation is removed. The length of ``v`` means nothing, so that ``w`` is compared.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.formats.base import AnyArray, Checkpoint
from neural_phylogeny.inputs import TensorInfo

SPELLINGS = (
    ("weight_g", "weight_v"),
    ("parametrizations.weight.original0", "parametrizations.weight.original1"),
)
"""What the length and the direction of a layer's ``weight`` are called."""

CODES = "weight norm"
"""How the values of such a weight are stored."""

ROW_LIMIT = 1 << 24
"""Longer rows are left as they are: whole rows are read."""


@dataclass(frozen=True, slots=True)
class _Normed:
    """A weight, its stored length and direction, and the values of a row."""

    info: TensorInfo
    length: str
    direction: str
    width: int


class WeightNormed(Checkpoint):
    """Another checkpoint, with lengths and directions read as weights. Closing it closes the other one.

    A read costs the rows that it touches.
    """

    def __init__(self, inner: Checkpoint, weights: Mapping[str, _Normed]) -> None:
        self.inner = inner
        self.format = getattr(inner, "inner_format", inner.format)  # type: ignore[misc]
        self.components, self.unread = inner.components, inner.unread
        self.path = getattr(inner, "path", "")
        self._weights = weights
        by_direction = {weight.direction: weight.info for weight in weights.values()}
        lengths = {weight.length for weight in weights.values()}
        shown = (by_direction.get(name, tensor) for name, tensor in inner.tensors.items() if name not in lengths)
        self.tensors = {tensor.name: tensor for tensor in shown}
        self.notes = (*inner.notes, f"{len(weights)} weights are read from their lengths and directions (weight norm)")

    def read(self, name: str, start: int = 0, stop: int | None = None) -> AnyArray:
        weight = self._weights.get(name)
        if weight is None:
            return self.inner.read(name, start, stop)
        last = weight.info.size if stop is None else min(stop, weight.info.size)
        return self._rows(weight, start, last)

    def close(self) -> None:
        self.inner.close()

    def _rows(self, weight: _Normed, start: int, stop: int) -> NDArray[np.float32]:
        if stop <= start:
            return np.empty(0, dtype=np.float32)
        first, last = start // weight.width, -(-stop // weight.width)
        rows = np.empty((last - first) * weight.width, dtype=np.float32)
        self.inner.read_into(weight.direction, first * weight.width, rows)
        length = np.empty(last - first, dtype=np.float32)
        self.inner.read_into(weight.length, first, length)
        shaped = rows.reshape(last - first, weight.width)
        with np.errstate(all="ignore"):
            norms = np.sqrt(np.square(shaped, dtype=np.float64).sum(axis=1))
            shaped *= np.where(norms > 0, length / norms, 0.0)[:, None].astype(np.float32)
        return rows[start - first * weight.width : stop - first * weight.width]


def weight_normed(checkpoint: Checkpoint) -> Checkpoint:
    """The checkpoint with weight normalisation resolved; itself where there is none. Costs a look at the names.

    Only lengths of rows are read so, as libraries write them unless another axis is given.
    """
    weights: dict[str, _Normed] = {}
    for name, tensor in checkpoint.tensors.items():
        for length, direction in SPELLINGS:
            stem = name.removesuffix(direction)
            if stem == name or (stem and not stem.endswith(".")):
                continue
            found, weight = checkpoint.tensors.get(f"{stem}{length}"), f"{stem}weight"
            if found is None or weight in checkpoint.tensors or not _is_of_rows(found, tensor):
                continue
            info = replace(tensor, name=weight, dtype="float32", codes=CODES)
            weights[weight] = _Normed(info, found.name, name, tensor.size // tensor.shape[0])
    return WeightNormed(checkpoint, weights) if weights else checkpoint


def _is_of_rows(length: TensorInfo, direction: TensorInfo) -> bool:
    if len(direction.shape) < 2 or not direction.size or direction.codes or length.codes:
        return False
    if not all(tensor.dtype.startswith(("float", "bfloat")) for tensor in (length, direction)):
        return False
    is_rows = length.size == direction.shape[0] and math.prod(length.shape[1:]) == 1
    return is_rows and direction.size // direction.shape[0] <= ROW_LIMIT
