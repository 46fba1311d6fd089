"""compressed-tensors, as llm-compressor writes it: signed codes of 2 to 8 bits, packed along the inputs.

``weight_packed`` int32 (outputs, words), ``weight_scale`` (outputs, groups), (outputs, 1) or one number,
``weight_shape`` the shape without padding, ``weight_zero_point`` as many as scales, packed along the outputs or not,
``weight_g_idx`` the group of each input where columns were reordered. A word holds as many codes as fit whole. Codes,
and packed zero points, are stored with half of their number added: the weight is (code - half - zero) * scale.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.formats.quantised.base import (
    Decoder,
    Floats,
    MisfitError,
    Read,
    Stored,
    Weight,
    attempt,
    columns,
    group_size,
    number,
)
from neural_phylogeny.formats.quantised.packing import fields
from neural_phylogeny.inputs import Unread

BITS = (4, 8, 2, 3, 5, 6, 7, 1)

PARTS = ("weight_packed", "weight_scale", "weight_zero_point", "weight_shape", "weight_g_idx")

BESIDE = ("input_scale", "input_zero_point", "output_scale", "input_global_scale", "k_scale", "v_scale")
"""Scales of activations: no weights themselves."""


@dataclass(frozen=True, slots=True)
class PackedRows(Decoder):
    """Rows of outputs; ``scales`` and ``zeros`` are the shapes of both, ``words`` the stored words of a row."""

    layer: str
    width: int
    words: int
    bits: int
    scales: tuple[int, int]
    zeros: str
    outputs: int
    has_order: bool

    def rows(self, read: Read, first: int, last: int) -> Floats:
        words = read(f"{self.layer}weight_packed", first * self.words, last * self.words).reshape(-1, self.words)
        weights = fields(words, self.bits)[:, : self.width].astype(np.float32)
        weights -= np.float32(2 ** (self.bits - 1))
        group = self._group(read)
        if self.zeros:
            weights -= self._zeros(read, first, last)[:, group]
        weights *= self._rows_of(read, "weight_scale", first, last)[:, group]
        return weights

    def _rows_of(self, read: Read, part: str, first: int, last: int) -> Floats:
        """Scales or zero points of the outputs, ``(outputs, groups)``; one for all where only one is stored."""
        height, groups = self.scales
        low, high = (0, 1) if height == 1 else (first, last)
        return read(f"{self.layer}{part}", low * groups, high * groups).astype(np.float32).reshape(-1, groups)

    def _zeros(self, read: Read, first: int, last: int) -> Floats:
        if self.zeros == "plain":
            return self._rows_of(read, "weight_zero_point", first, last)
        per_word, groups = 32 // self.bits, self.scales[1]
        low, high = first // per_word, -(-last // per_word)
        words = columns(read, f"{self.layer}weight_zero_point", (-(-self.outputs // per_word), groups), 0, groups)
        codes = fields(words[low:high].T, self.bits)[:, first - low * per_word : last - low * per_word]
        return codes.T.astype(np.float32) - np.float32(2 ** (self.bits - 1))

    def _group(self, read: Read) -> NDArray[np.int64]:
        groups = self.scales[1]
        if not self.has_order:
            return np.arange(self.width) // group_size(self.width, groups)
        group = read(f"{self.layer}weight_g_idx", 0, self.width).astype(np.int64)
        if group.min() == -1 == group.max():  # initialised and never used
            return np.arange(self.width) // group_size(self.width, groups)
        if group.min() < 0 or group.max() >= groups:
            raise MisfitError(f"weight_g_idx names group {group.max()} of {groups}")
        return group


def find(stored: Stored) -> Iterator[Weight | Unread]:
    """Layers with ``weight_packed`` of 32-bit words."""
    layers = (layer for layer in stored.layers("weight_packed") if stored.is_of(f"{layer}weight_packed", "int32"))
    return attempt(_weight, stored, layers, PARTS)


def _weight(stored: Stored, layer: str) -> Weight:
    outputs, words = stored.matrix(f"{layer}weight_packed")
    if f"{layer}weight_scale" not in stored.tensors:
        raise MisfitError("codes without their scales")
    bits, inputs = _bits(stored, layer, outputs, words)
    scales = stored.shape(f"{layer}weight_scale")
    size = stored.tensors[f"{layer}weight_scale"].size
    if size == 1:
        grid = (1, 1)
    elif len(scales) in (1, 2) and scales[0] == outputs:
        grid = (outputs, scales[1] if len(scales) == 2 else 1)
    else:
        raise MisfitError(f"scales of shape {scales} do not go with {outputs} outputs")
    has_order = f"{layer}weight_g_idx" in stored.tensors and stored.tensors[f"{layer}weight_g_idx"].size == inputs
    if not has_order:
        group_size(inputs, grid[1])
    decoder = PackedRows(
        layer, inputs, words, bits, grid, _kind_of_zeros(stored, layer, grid, bits), outputs, has_order
    )
    parts = stored.present(*(f"{layer}{part}" for part in (*PARTS, *BESIDE)))
    return Weight(f"{layer}weight", (outputs, inputs), decoder, parts, "compressed-tensors", bits)


def _kind_of_zeros(stored: Stored, layer: str, grid: tuple[int, int], bits: int) -> str:
    """``"plain"``, ``"packed"``, or empty where there are none."""
    name = f"{layer}weight_zero_point"
    if name not in stored.tensors:
        return ""
    height, groups = grid
    if stored.tensors[name].size == height * groups and not stored.is_of(name, "int32"):
        return "plain"
    if stored.is_of(name, "int32") and stored.shape(name) == (-(-height // (32 // bits)), groups):
        return "packed"
    raise MisfitError(f"zero points of shape {stored.shape(name)} do not go with the scales")


def _bits(stored: Stored, layer: str, outputs: int, words: int) -> tuple[int, int]:
    """Bits of a code and inputs of the weight."""
    setting = _setting(stored.settings.of(layer))
    if f"{layer}weight_shape" not in stored.tensors:
        bits = setting or 4
        return bits, words * (32 // bits)
    shape = [int(n) for n in stored.small(f"{layer}weight_shape", 8)]
    if len(shape) != 2 or shape[0] != outputs or not 0 < shape[1] <= 32 * words:
        raise MisfitError(f"weight_shape {shape} does not go with {outputs} rows of {words} words")
    for bits in sorted(BITS, key=lambda b: b != setting):
        if -(-shape[1] // (32 // bits)) == words:
            return bits, shape[1]
    raise MisfitError(f"no number of bits puts {shape[1]} codes into {words} words")


def _setting(section: dict[str, Any]) -> int | None:
    """Bits of the first group of layers that the settings describe."""
    groups = section.get("config_groups")
    for group in groups.values() if isinstance(groups, dict) else ():
        weights = group.get("weights") if isinstance(group, dict) else None
        bits = number(weights.get("num_bits")) if isinstance(weights, dict) else None
        if bits in BITS:
            return bits
    return None
