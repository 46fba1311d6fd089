"""bitsandbytes with 4 bits: codes of a table of 16 numbers (nf4, fp4), a scale for each block of a flat weight.

``N`` uint8, two codes a byte, the first in its high bits; ``N.quant_map`` the table; ``N.absmax`` the scale of each
block; ``N.quant_state.bitsandbytes__nf4`` JSON with the shape and the block's size. Where the scales are quantised too,
``N.absmax`` are codes of ``N.nested_quant_map``, scaled by ``N.nested_absmax``, with ``nested_offset`` added.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from neural_phylogeny.formats.base import DIMENSIONS_LIMIT
from neural_phylogeny.formats.quantised.base import Decoder, Floats, MisfitError, Read, Stored, Weight, attempt, number
from neural_phylogeny.formats.quantised.packing import halves
from neural_phylogeny.inputs import Unread

STATES = ("quant_state.bitsandbytes__nf4", "quant_state.bitsandbytes__fp4")

PARTS = ("", ".absmax", ".quant_map", ".nested_absmax", ".nested_quant_map", *(f".{state}" for state in STATES))

STATE_LIMIT = 1 << 14
"""Longest JSON of a state, in bytes."""


@dataclass(frozen=True, slots=True)
class TableRows(Decoder):
    """Codes of a table in flat order; ``nested`` is the size of the blocks of scales, 0 where they are numbers."""

    name: str
    size: int
    block: int
    nested: int
    offset: float
    width: int = 1

    def rows(self, read: Read, first: int, last: int) -> Floats:
        start, stop = first * self.width, min(last * self.width, self.size)
        low, high = start // 2, -(-stop // 2)
        codes = halves(read(self.name, low, high), high_first=True)[start - 2 * low : stop - 2 * low]
        weights: Floats = read(f"{self.name}.quant_map", 0, 16).astype(np.float32)[codes]
        of_block = self._scales(read, start // self.block, -(-stop // self.block))
        weights *= of_block[np.arange(start, stop) // self.block - start // self.block]
        return weights.reshape(-1, self.width)

    def _scales(self, read: Read, low: int, high: int) -> Floats:
        scales = read(f"{self.name}.absmax", low, high)
        if not self.nested:
            return scales.astype(np.float32)
        table = read(f"{self.name}.nested_quant_map", 0, 256).astype(np.float32)
        first = low // self.nested
        outer = read(f"{self.name}.nested_absmax", first, -(-high // self.nested)).astype(np.float32)
        return table[scales] * outer[np.arange(low, high) // self.nested - first] + np.float32(self.offset)


def find(stored: Stored) -> Iterator[Weight | Unread]:
    """Tensors that have an ``absmax``, whose codes are bytes."""
    names = (layer.removesuffix(".") for layer in stored.layers("absmax"))
    return attempt(_weight, stored, (name for name in names if stored.is_of(name, "uint8")), PARTS)


def _weight(stored: Stored, name: str) -> Weight:
    states = stored.present(*(f"{name}.{state}" for state in STATES))
    if not states:
        raise MisfitError("its shape and the size of its blocks are not in the file")
    state = _state(stored, states[0])
    shape, block = state.get("shape"), number(state.get("blocksize"))
    if not isinstance(shape, list) or not shape or len(shape) > DIMENSIONS_LIMIT or not all(map(number, shape)):
        raise MisfitError("the shape in its quant_state is none")
    size = math.prod(shape)
    if block is None or stored.tensors[name].size != -(-size // 2):
        raise MisfitError(f"a shape of {size} values does not go with {stored.tensors[name].size} bytes of codes")
    blocks = -(-size // block)
    if stored.tensors[f"{name}.absmax"].size != blocks or math.prod(stored.shape(f"{name}.quant_map")) != 16:
        raise MisfitError(f"absmax or quant_map does not go with {blocks} blocks")
    nested, offset = _nested(stored, name, state, blocks)
    decoder = TableRows(name, size, block, nested, offset)
    scheme = f"bitsandbytes {states[0][-3:]}"
    return Weight(name, tuple(shape), decoder, stored.present(*(f"{name}{part}" for part in PARTS)), scheme, 4)


def _nested(stored: Stored, name: str, state: dict[str, Any], blocks: int) -> tuple[int, float]:
    """The size of the blocks of quantised scales and what is added to them; 0 and 0 where scales are numbers."""
    if not stored.is_of(f"{name}.absmax", "uint8"):
        return 0, 0.0
    nested, offset = number(state.get("nested_blocksize")), state.get("nested_offset")
    if nested is None or not isinstance(offset, int | float):
        raise MisfitError("its quant_state does not say how its scales are quantised")
    table, outer = (math.prod(stored.shape(f"{name}.{part}")) for part in ("nested_quant_map", "nested_absmax"))
    if table != 256 or outer != -(-blocks // nested):
        raise MisfitError(f"nested_absmax or nested_quant_map does not go with {blocks} scales")
    return nested, float(offset)


def _state(stored: Stored, name: str) -> dict[str, Any]:
    if stored.tensors[name].size > STATE_LIMIT or not stored.is_of(name, "uint8"):
        raise MisfitError("its quant_state is too long")
    try:
        state = json.loads(stored.small(name).tobytes())
    except (ValueError, RecursionError) as error:
        raise MisfitError("its quant_state is not JSON") from error
    if not isinstance(state, dict):
        raise MisfitError("its quant_state is not a JSON object")
    return state
