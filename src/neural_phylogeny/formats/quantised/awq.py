"""AWQ, as AutoAWQ writes it for its ``gemm`` kernel: 4 bits, packed along the outputs in an order of its own.

``qweight`` int32 (inputs, outputs / 8), ``qzeros`` int32 (groups, outputs / 8), ``scales`` (groups, outputs). The
weight of output o and input i is scales[g, o] * (code - zero[g, o]) with g = i // group size.
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
    Stored,
    Weight,
    attempt,
    columns,
    group_size,
)
from neural_phylogeny.formats.quantised.packing import stream
from neural_phylogeny.inputs import Unread

ORDER = (0, 4, 1, 5, 2, 6, 3, 7)
"""Which four bits of a word, from the lowest on, hold each of its eight outputs."""

PARTS = ("qweight", "qzeros", "scales")


@dataclass(frozen=True, slots=True)
class AwqRows(Decoder):
    """Rows of outputs, out of words that hold eight outputs of one input."""

    layer: str
    width: int
    outputs: int
    groups: int
    step: int = 64

    def rows(self, read: Read, first: int, last: int) -> Floats:
        size = group_size(self.width, self.groups)
        codes = self._codes(read, "qweight", self.width, first, last)
        zeros = self._codes(read, "qzeros", self.groups, first, last)
        scales = columns(read, f"{self.layer}scales", (self.groups, self.outputs), first, last).T.astype(np.float32)
        codes -= np.repeat(zeros, size, axis=1)[:, : self.width]
        codes *= np.repeat(scales, size, axis=1)[:, : self.width]
        return codes

    def _codes(self, read: Read, part: str, height: int, first: int, last: int) -> Floats:
        """Codes of the outputs, ``(outputs, height)``."""
        low, high = first // 8, -(-last // 8)
        words = columns(read, f"{self.layer}{part}", (height, self.outputs // 8), low, high)
        return unpack(words)[:, first - 8 * low : last - 8 * low].T.astype(np.float32)


def unpack(words: AnyArray) -> AnyArray:
    """The codes of eight outputs in each word, in the outputs' order: ``(n, words)`` -> ``(n, 8 * words)``."""
    codes = stream(words, 4).reshape(*words.shape, 8)[..., list(ORDER)]
    return codes.reshape(words.shape[0], -1)


def find(stored: Stored) -> Iterator[Weight | Unread]:
    """Layers with a ``qweight`` of an eighth of the columns of their scales."""
    return attempt(_weight, stored, stored.layers("qweight"), PARTS)


def _weight(stored: Stored, layer: str) -> Weight | None:
    inputs, words = stored.matrix(f"{layer}qweight")
    if f"{layer}scales" not in stored.tensors:
        return None
    groups, outputs = stored.matrix(f"{layer}scales")
    if outputs == words:
        return None  # GPTQ packs along the inputs
    if words * 8 != outputs or not stored.is_of(f"{layer}qweight", "int32", "uint32"):
        raise MisfitError("qweight and scales fit neither the layout of GPTQ nor that of AWQ")
    if stored.matrix(f"{layer}qzeros") != (groups, words):
        raise MisfitError("qzeros and scales have different shapes")
    group_size(inputs, groups)
    decoder = AwqRows(layer, inputs, outputs, groups)
    parts = stored.present(*(f"{layer}{part}" for part in PARTS))
    return Weight(f"{layer}weight", (outputs, inputs), decoder, parts, "awq", 4)
