"""Decoders for the ways in which an ONNX graph scales its codes: along an axis, in blocks of one, turned around."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.formats.base import AnyArray
from neural_phylogeny.formats.quantised.base import Decoder, Floats, MisfitError, Read, StackDecoder, columns
from neural_phylogeny.formats.quantised.packing import stream

TABLES = {
    "fp4": np.array([0, 1 / 192, 2 / 3, 1, 1 / 3, 1 / 2, 1 / 6, 1 / 4], dtype=np.float32),
    "nf4": np.array(
        [
            -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
            -0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725,
            0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
        ],
        dtype=np.float32,
    ),
}  # fmt: skip
"""Numbers of four bits of bitsandbytes; of ``fp4`` the eight that are not negative (QLoRA, arXiv:2305.14314)."""


@dataclass(frozen=True, slots=True)
class IndexedRows(Decoder):
    """(code - zero) * scale with one scale for all, or one for each ``block`` indices of the axis of ``length``.

    ``inner`` values follow each other with one index of the axis. Scales of a blocked axis differ between the inner
    values too, others do not. ``times`` are tensors of one number that are multiplied with the scale. ``packed`` is the
    number of bits of codes that share a byte with others, 0 where none do; ``plain_zero`` the zero point where none is
    stored.
    """

    codes: str
    scale: str
    zero: str
    width: int
    size: int
    length: int
    inner: int
    block: int
    times: tuple[str, ...] = ()
    packed: int = 0
    plain_zero: float = 0.0
    packed_zeros: int = 0

    def rows(self, read: Read, first: int, last: int) -> Floats:
        start, stop = first * self.width, min(last * self.width, self.size)
        weights = self._codes(read, start, stop).astype(np.float32)
        which = self._which(start, stop)
        low, high = (int(which.min()), int(which.max()) + 1) if which.size else (0, 0)
        scale = read(self.scale, low, high).astype(np.float32)
        for name in self.times:
            scale = scale * read(name, 0, 1).astype(np.float32)
        weights -= self._zeros(read, low, high)[which - low] if self.zero else np.float32(self.plain_zero)
        weights *= scale[which - low]
        return weights.reshape(-1, self.width)

    def _codes(self, read: Read, start: int, stop: int) -> AnyArray:
        if not self.packed:
            return read(self.codes, start, stop)
        per_byte = 8 // self.packed
        low = start // per_byte
        codes = stream(read(self.codes, low, -(-stop // per_byte)), self.packed)
        return codes[start - low * per_byte : stop - low * per_byte]

    def _zeros(self, read: Read, low: int, high: int) -> Floats:
        if not self.packed_zeros:
            return read(self.zero, low, high).astype(np.float32)
        groups = self.length // self.block  # each row of zero points begins with a byte
        per_row = -(-groups * self.packed // 8)
        top = low // groups
        content = read(self.zero, top * per_row, -(-high // groups) * per_row).reshape(-1, per_row)
        zeros = stream(content, self.packed)[:, :groups].reshape(-1)
        return zeros[low - top * groups : high - top * groups].astype(np.float32)

    def _which(self, start: int, stop: int) -> NDArray[np.int64]:
        """The scale of each value, as its place among the scales."""
        places = np.arange(start, stop)
        if self.block == 0:
            return np.zeros_like(places)
        along = places // self.inner % self.length
        if self.block == 1:
            return along
        groups = -(-self.length // self.block)
        outer = places // (self.length * self.inner)
        return (outer * groups + along // self.block) * self.inner + places % self.inner


@dataclass(frozen=True, slots=True)
class BlockedColumns(Decoder):
    """Rows of inputs, out of codes that are stored by outputs: ``MatMulNBits``.

    Codes are (outputs, blocks, bytes of a block), scales (outputs, blocks), zero points as many, packed or not; without
    any, half of the codes.
    """

    codes: str
    scale: str
    zero: str
    group: str
    inputs: int
    width: int
    blocks: int
    block: int
    bits: int
    packed_zeros: bool
    step: int = 64

    def rows(self, read: Read, first: int, last: int) -> Floats:
        per_row = self.blocks * self.block * self.bits // 8
        start = first // 8 * 8  # eight codes begin and end with a byte
        low, high = start * self.bits // 8, min(-(-last // 8) * self.bits, per_row)
        content = columns(read, self.codes, (self.width, per_row), low, high)
        weights = stream(content, self.bits)[:, first - start : last - start].astype(np.float32)
        group = self._group(read, first, last)
        scale = read(self.scale, 0, self.width * self.blocks).astype(np.float32).reshape(self.width, self.blocks)
        weights -= self._zeros(read)[:, group] if self.zero else np.float32(2 ** (self.bits - 1))
        weights *= scale[:, group]
        return weights.T

    def _zeros(self, read: Read) -> Floats:
        per_row = -(-self.blocks * self.bits // 8) if self.packed_zeros else self.blocks
        content = read(self.zero, 0, self.width * per_row).reshape(self.width, per_row)
        return (stream(content, self.bits)[:, : self.blocks] if self.packed_zeros else content).astype(np.float32)

    def _group(self, read: Read, first: int, last: int) -> NDArray[np.int64]:
        if not self.group:
            return np.arange(first, last) // self.block
        group = read(self.group, first, last).astype(np.int64)
        if group.size and (group.min() < 0 or group.max() >= self.blocks):
            raise MisfitError(f"g_idx names block {group.max()} of {self.blocks}")
        return group


@dataclass(frozen=True, slots=True)
class TableBlocks(Decoder):
    """Codes of a table of four bits in flat order, the first of a byte in its high bits: ``MatMulBnb4``."""

    codes: str
    scale: str
    table: str
    width: int
    size: int
    block: int

    def rows(self, read: Read, first: int, last: int) -> Floats:
        start, stop = first * self.width, min(last * self.width, self.size)
        low = start // 2
        codes = read(self.codes, low, -(-stop // 2))
        both = np.stack((codes >> np.uint8(4), codes & np.uint8(15)), axis=-1).reshape(-1)
        table = TABLES[self.table]
        values = (np.concatenate((table, -table)) if table.size == 8 else table)[both[start - 2 * low : stop - 2 * low]]
        first_block = start // self.block
        scale = read(self.scale, first_block, -(-stop // self.block)).astype(np.float32)
        weights: Floats = values * scale[np.arange(start, stop) // self.block - first_block]
        return weights.reshape(-1, self.width)


@dataclass(frozen=True, slots=True)
class Turned(StackDecoder):
    """The last two axes of another decoder's weight exchanged; it has ``inputs`` columns and ``width`` rows a matrix.

    All rows are decoded for a few columns, a slab of them at a time; so ``step`` is large.
    """

    inner: Decoder
    inputs: int
    width: int
    step: int = 1 << 22

    def of_matrix(self, read: Read, number: int, low: int, high: int) -> Floats:
        slab = max(1, (1 << 20) // self.inputs)
        top = number * self.width
        return np.concatenate(
            [
                self.inner.rows(read, start, min(start + slab, top + self.width))[:, low:high].T
                for start in range(top, top + self.width, slab)
            ],
            axis=1,
        )


def indexed(
    shape: tuple[int, ...],
    codes: str,
    scale: tuple[str, tuple[int, ...]],
    zero: tuple[str, tuple[int, ...]] | None,
    axis: int,
    block: int = 0,
    times: tuple[str, ...] = (),
    width: int = 1,
) -> IndexedRows:
    """How a weight of this shape is scaled; decoded in rows of ``width`` values, which may be any.

    Raises MisfitError where the scales or zero points do not go with the shape.
    """
    (scale_name, scales), zero_name = scale, zero[0] if zero else ""
    count, size = math.prod(scales), math.prod(shape)
    if zero and math.prod(zero[1]) != count:
        raise MisfitError(f"{math.prod(zero[1])} zero points for {count} scales")
    if count == 1:
        return IndexedRows(codes, scale_name, zero_name, width, size, 1, 1, 0, times)
    if not -len(shape) <= axis < len(shape):
        raise MisfitError(f"axis {axis} of a weight of shape {shape}")
    axis %= len(shape)
    length, inner = shape[axis], math.prod(shape[axis + 1 :])
    if block > 1:
        if scales != (*shape[:axis], -(-length // block), *shape[axis + 1 :]):
            raise MisfitError(f"scales of shape {scales} do not go with blocks of {block} in shape {shape}")
        return IndexedRows(codes, scale_name, zero_name, width, size, length, inner, block, times)
    if count != length or max(scales) != count:
        raise MisfitError(f"scales of shape {scales} do not go with axis {axis} of a weight of shape {shape}")
    return IndexedRows(codes, scale_name, zero_name, width, size, length, inner, 1, times)
