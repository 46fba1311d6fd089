"""Numbers of four bits (e2m1) with a scale for each 16 or 32 inputs: nvfp4 and mxfp4.

=====================  =====================================================================================
compressed-tensors     ``weight_packed`` uint8, ``weight_scale`` fp8; divided by ``weight_global_scale``
ModelOpt               ``weight`` uint8, ``weight_scale`` fp8; multiplied with ``weight_scale_2``
mxfp4                  ``weight_packed`` or ``weight`` uint8, ``weight_scale`` uint8: exponents of two
gpt-oss                ``N_blocks`` uint8 (experts, outputs, groups, 16), ``N_scales`` uint8; N has inputs first
=====================  =====================================================================================

The first of the two codes of a byte is in its low bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from neural_phylogeny.formats.base import AnyArray
from neural_phylogeny.formats.quantised.base import (
    Decoder,
    Floats,
    MisfitError,
    Read,
    StackDecoder,
    Stored,
    Weight,
    attempt,
)
from neural_phylogeny.formats.quantised.packing import halves
from neural_phylogeny.formats.quantised.scaled import as_scales
from neural_phylogeny.inputs import Unread

VALUES = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6], dtype=np.float32)
"""What the 16 codes stand for."""

GROUPS = (16, 32)

PARTS = ("weight_packed", "weight", "weight_scale", "weight_global_scale", "weight_scale_2", "input_scale",
         "input_global_scale")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fp4Rows(Decoder):
    """Rows of outputs: codes, their scales, and one number for all (``overall``, divided by where ``divide``)."""

    codes: str
    scales: str
    overall: str
    divide: bool
    width: int
    group: int

    def rows(self, read: Read, first: int, last: int) -> Floats:
        content = read(self.codes, first * self.width // 2, last * self.width // 2)
        groups = self.width // self.group
        scales = as_scales(read(self.scales, first * groups, last * groups))
        if self.overall:
            overall = read(self.overall, 0, 1).astype(np.float32)
            scales = scales / overall if self.divide else scales * overall
        weights = VALUES[halves(content)].reshape(-1, self.group) * scales[:, np.newaxis]
        return weights.reshape(-1, self.width)


@dataclass(frozen=True, slots=True)
class ExpertRows(StackDecoder):
    """Rows of inputs of each expert, out of codes that are stored by outputs."""

    name: str
    inputs: int
    width: int
    step: int = 64

    def of_matrix(self, read: Read, number: int, low: int, high: int) -> Floats:
        groups = self.inputs // 32
        before, after = low // 32, -(-high // 32)
        content = _part(read, f"{self.name}_blocks", number, self.width, groups * 16, before * 16, after * 16)
        scales = as_scales(_part(read, f"{self.name}_scales", number, self.width, groups, before, after))
        weights = VALUES[halves(content)] * np.repeat(scales, 32, axis=1)
        return weights[:, low - before * 32 : high - before * 32].T


def _part(read: Read, name: str, expert: int, height: int, width: int, first: int, last: int) -> AnyArray:
    """Columns ``first:last`` of one expert's matrix."""
    start = expert * height * width
    return read(name, start, start + height * width).reshape(height, width)[:, first:last]


def find(stored: Stored) -> Iterator[Weight | Unread]:
    """Layers with codes of four bits whose scales are fp8 or exponents."""
    for mark in ("weight_packed", "weight"):
        layers = (
            layer
            for layer in stored.layers(mark)
            if stored.is_of(f"{layer}{mark}", "uint8")
            and stored.is_of(f"{layer}weight_scale", "uint8", "float8_e4m3fn", "float8_e8m0fnu")
            and f"{layer}weight_zero_point" not in stored.tensors
        )
        yield from attempt(_weight, stored, layers, PARTS)
    names = [name.removesuffix("_blocks") for name in stored.tensors if name.endswith("_blocks")]
    experts = (name for name in names if stored.is_of(f"{name}_scales", "uint8"))
    yield from attempt(_experts, stored, experts, ("_blocks", "_scales"))


def _weight(stored: Stored, layer: str) -> Weight:
    codes = stored.present(f"{layer}weight_packed", f"{layer}weight")[0]
    height, half = stored.matrix(codes)
    scales = f"{layer}weight_scale"
    rows, groups = stored.matrix(scales)
    group = 2 * half // groups
    if rows != height or group not in GROUPS or group * groups != 2 * half:
        raise MisfitError(f"scales of shape {(rows, groups)} do not go with {height} rows of {half} bytes")
    overall = stored.present(f"{layer}weight_global_scale", f"{layer}weight_scale_2")
    if any(stored.tensors[name].size != 1 for name in overall):
        raise MisfitError("its overall scale is not one number")
    divide = bool(overall) and overall[0].endswith("weight_global_scale")
    decoder = Fp4Rows(codes, scales, overall[0] if overall else "", divide, 2 * half, group)
    parts = tuple(dict.fromkeys((codes, *stored.present(*(f"{layer}{part}" for part in PARTS)))))
    scheme = "nvfp4" if group == 16 else "mxfp4"
    return Weight(f"{layer}weight", (height, 2 * half), decoder, parts, scheme, 4)


def _experts(stored: Stored, name: str) -> Weight:
    shape = stored.shape(f"{name}_blocks")
    if len(shape) != 4 or shape[3] != 16 or 0 in shape or stored.shape(f"{name}_scales") != shape[:3]:
        raise MisfitError("its blocks and scales do not go together")
    experts, outputs, groups, _ = shape
    if outputs * groups * 16 > 1 << 28:
        raise MisfitError("an expert of more than 256 MB of codes")
    decoder = ExpertRows(name, groups * 32, outputs)
    parts = (f"{name}_blocks", f"{name}_scales")
    return Weight(name, (experts, groups * 32, outputs), decoder, parts, "mxfp4", 4)
