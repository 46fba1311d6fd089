"""HQQ, as its library writes it into safetensors: codes of 1 to 8 bits, a scale and a zero point for each group.

``W_q`` holds the weight as a matrix of groups, cut across into equal slabs of rows that lie above each other in a word,
the first in the highest bits; of bytes, or of 32-bit words where they hold ten codes of three bits. ``nbits``, ``axis``
and ``shape`` say how; the weight is (code - zero) * scale. Groups are rows of that matrix (axis 1) or columns (axis 0).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from neural_phylogeny.formats.quantised.base import Decoder, Floats, MisfitError, Read, Stored, Weight, attempt
from neural_phylogeny.inputs import Unread

PER_WORD = {8: 1, 4: 2, 3: 10, 2: 4, 1: 8}

PARTS = (
    "W_q", "scale", "zero", "nbits", "axis", "shape", "group_size", "packing", "view_as_float", "unpack_view_dtype",
    "quant_scale", "quant_zero", "channel_wise", "round_zero", "optimize", "stores_quant_config", "compute_dtype",
    "offload_meta", "weight_quant_params", "scale_quant_params", "zero_quant_params",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class HqqRows(Decoder):
    """Codes in flat order; ``slab`` of them are in one slab, ``across`` columns has the matrix of groups."""

    layer: str
    size: int
    bits: int
    slab: int
    across: int
    by_row: bool
    width: int = 1

    def rows(self, read: Read, first: int, last: int) -> Floats:
        start, stop = first * self.width, min(last * self.width, self.size)
        weights = np.empty(stop - start, dtype=np.float32)
        for index in range(start // self.slab, -(-stop // self.slab)):
            low, high = max(start, index * self.slab), min(stop, (index + 1) * self.slab)
            words = read(f"{self.layer}W_q", low - index * self.slab, high - index * self.slab)
            shift = self.bits * (PER_WORD[self.bits] - 1 - index)
            weights[low - start : high - start] = (words >> words.dtype.type(shift)) & words.dtype.type(
                2**self.bits - 1
            )
        if self.by_row:
            low, high = start // self.across, -(-stop // self.across)
            which = np.arange(start, stop) // self.across - low
        else:
            low, high = 0, self.across
            which = np.arange(start, stop) % self.across
        weights -= read(f"{self.layer}zero", low, high).astype(np.float32)[which]
        weights *= read(f"{self.layer}scale", low, high).astype(np.float32)[which]
        return weights.reshape(-1, self.width)


def find(stored: Stored) -> Iterator[Weight | Unread]:
    """Layers with a ``W_q``."""
    return attempt(_weight, stored, stored.layers("W_q"), PARTS)


def _weight(stored: Stored, layer: str) -> Weight:
    if not {f"{layer}{part}" for part in ("scale", "zero", "nbits", "shape")} <= stored.tensors.keys():
        raise MisfitError("its scales, bits or shape are not in the file")
    bits = int(stored.small(f"{layer}nbits", 1)[0])
    axis = int(stored.small(f"{layer}axis", 1)[0]) if f"{layer}axis" in stored.tensors else 1
    shape = tuple(int(n) for n in stored.small(f"{layer}shape", 8))
    if bits not in PER_WORD or axis not in (0, 1) or not shape or not all(0 < n < 1 << 31 for n in shape):
        raise MisfitError("its bits, axis or shape make no sense")
    size, groups = math.prod(shape), stored.tensors[f"{layer}scale"].size
    height, across = stored.matrix(f"{layer}W_q")
    if not stored.is_of(f"{layer}W_q", "int32" if bits == 3 else "uint8"):
        raise MisfitError("its codes are packed in a way that is not read")
    by_row = axis == 1
    if groups != (size // across if by_row else across) or stored.tensors[f"{layer}zero"].size != groups:
        raise MisfitError(f"{groups} scales do not go with {size} values in rows of {across}")
    if height != -(-(size // across) // PER_WORD[bits]) or size % across:
        raise MisfitError(f"{size} values do not go with codes of shape {(height, across)}")
    decoder = HqqRows(layer, size, bits, height * across, across, by_row)
    parts = stored.present(*(f"{layer}{part}" for part in PARTS))
    return Weight(f"{layer}weight", shape, decoder, parts, "hqq", bits)
