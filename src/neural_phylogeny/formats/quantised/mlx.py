"""MLX: codes of 2 to 8 bits packed along the inputs, each group with a scale and a bias.

``weight`` uint32 (outputs, words), ``scales`` and ``biases`` (outputs, groups): the weight is code * scale + bias.
Codes follow each other without gaps. Bits and group are those of the settings; without any, the usual ones that fit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from neural_phylogeny.formats.quantised.base import (
    Decoder,
    Floats,
    MisfitError,
    Read,
    Stored,
    Weight,
    attempt,
    number,
    spread,
)
from neural_phylogeny.formats.quantised.packing import stream
from neural_phylogeny.inputs import Unread

USUAL = ((4, 64), (8, 64), (4, 32), (4, 128), (8, 128), (8, 32), (3, 64), (6, 64), (2, 64))
"""Bits and groups, the likeliest first: what shapes alone cannot always tell."""

PARTS = ("weight", "scales", "biases")


@dataclass(frozen=True, slots=True)
class MlxRows(Decoder):
    """Rows of outputs."""

    layer: str
    width: int
    words: int
    groups: int
    bits: int

    def rows(self, read: Read, first: int, last: int) -> Floats:
        words = read(f"{self.layer}weight", first * self.words, last * self.words).reshape(-1, self.words)
        weights = stream(words, self.bits).astype(np.float32)
        scales, biases = (
            read(f"{self.layer}{part}", first * self.groups, last * self.groups)
            .astype(np.float32)
            .reshape(-1, self.groups)
            for part in ("scales", "biases")
        )
        size = self.width // self.groups
        weights *= spread(scales, size, self.width)
        weights += spread(biases, size, self.width)
        return weights


def find(stored: Stored) -> Iterator[Weight | Unread]:
    """Layers whose weight is of 32-bit words and has scales beside it."""
    layers = (
        layer
        for layer in stored.layers("scales")
        if stored.is_of(f"{layer}weight", "uint32") and f"{layer}weight" in stored.tensors
    )
    return attempt(_weight, stored, layers, PARTS)


def _weight(stored: Stored, layer: str) -> Weight:
    if f"{layer}biases" not in stored.tensors:
        raise MisfitError("scales without biases: a mode of MLX that is not read")
    outputs, words = stored.matrix(f"{layer}weight")
    rows, groups = stored.matrix(f"{layer}scales")
    if rows != outputs or stored.matrix(f"{layer}biases") != (rows, groups):
        raise MisfitError("scales, biases and codes have different numbers of rows")
    section = stored.settings.of(layer)
    own = section.get(layer.removesuffix("."))
    settings = (own, section) if isinstance(own, dict) else (section,)
    wanted = [(number(each.get("bits")), number(each.get("group_size"))) for each in settings]
    for bits, group in (*wanted, *USUAL):
        if bits and group and bits <= 8 and words * 32 % bits == 0 and words * 32 // bits == groups * group:
            decoder = MlxRows(layer, groups * group, words, groups, bits)
            parts = tuple(f"{layer}{part}" for part in PARTS)
            return Weight(f"{layer}weight", (outputs, groups * group), decoder, parts, "mlx", bits)
    raise MisfitError("no usual number of bits and inputs a group fits its shapes")
