"""GPTQ, as AutoGPTQ, GPTQModel and Optimum write it: 2 to 8 bits, packed along the inputs.

``qweight`` int32 (inputs * bits / 32, outputs), ``qzeros`` int32 (groups, outputs * bits / 32), ``scales`` (groups,
outputs), ``g_idx`` (inputs,): the group of each input where columns were reordered. Codes follow each other without
gaps, also over words. The weight of output o and input i is scales[g, o] * (code - zero[g, o]), g = g_idx[i].

Zero points are stored less one, but in the format ``gptq_v2``. Without a setting that says so, zero points that are all
half of the codes, which is what symmetric quantisation gives, are taken as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

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
from neural_phylogeny.formats.quantised.packing import stream
from neural_phylogeny.inputs import Unread

BITS = (4, 8, 3, 2, 5, 6, 7)

SAMPLE = 256
"""Words of zero points that are looked at to tell how they are stored."""

PARTS = ("qweight", "qzeros", "scales", "g_idx")


@dataclass(frozen=True, slots=True)
class GptqRows(Decoder):
    """Rows of outputs, out of codes that are stored by inputs."""

    layer: str
    width: int
    outputs: int
    groups: int
    bits: int
    has_zeros: bool
    has_order: bool
    less: int
    step: int = 64

    def rows(self, read: Read, first: int, last: int) -> Floats:
        words = columns(read, f"{self.layer}qweight", (self.width * self.bits // 32, self.outputs), first, last)
        codes = stream(words.T, self.bits).astype(np.float32)
        scales = columns(read, f"{self.layer}scales", (self.groups, self.outputs), first, last).T.astype(np.float32)
        group = self._group(read)
        codes -= self._zeros(read, first, last)[:, group]
        codes *= scales[:, group]
        return codes

    def _zeros(self, read: Read, first: int, last: int) -> Floats:
        """Zero points of the outputs, ``(outputs, groups)``."""
        if not self.has_zeros:
            return np.full((last - first, self.groups), 2.0 ** (self.bits - 1), dtype=np.float32)
        per_row = -(-self.outputs * self.bits // 32)
        start = first // 32 * 32  # 32 codes begin and end with a word
        low, high = start * self.bits // 32, min(-(-last // 32) * self.bits, per_row)
        words = columns(read, f"{self.layer}qzeros", (self.groups, per_row), low, high)
        zeros = stream(words, self.bits)[:, first - start : last - start]
        return ((zeros + np.uint8(self.less)) & np.uint8(2**self.bits - 1)).T.astype(np.float32)

    def _group(self, read: Read) -> NDArray[np.int64]:
        if not self.has_order:
            return np.arange(self.width) // group_size(self.width, self.groups)
        group = read(f"{self.layer}g_idx", 0, self.width).astype(np.int64)
        if group.min() < 0 or group.max() >= self.groups:
            raise MisfitError(f"g_idx names group {group.max()} of {self.groups}")
        return group


def find(stored: Stored) -> Iterator[Weight | Unread]:
    """Layers with a ``qweight`` whose outputs are those of their scales."""
    return attempt(_weight, stored, stored.layers("qweight"), PARTS)


def _weight(stored: Stored, layer: str) -> Weight | None:
    names = {part: f"{layer}{part}" for part in PARTS}
    words, outputs = stored.matrix(names["qweight"])
    if names["scales"] not in stored.tensors:
        raise MisfitError("codes without their scales")
    groups, scaled = stored.matrix(names["scales"])
    if scaled != outputs:
        return None  # AWQ packs along the outputs
    if not stored.is_of(names["qweight"], "int32", "uint32"):
        raise MisfitError("qweight is not of 32-bit integers")
    bits = _bits(stored, layer, words, outputs, groups)
    inputs = words * 32 // bits
    has_order = names["g_idx"] in stored.tensors and stored.tensors[names["g_idx"]].size == inputs
    if not has_order:
        group_size(inputs, groups)
    has_zeros = names["qzeros"] in stored.tensors
    less = _less(stored, layer, bits) if has_zeros else 0
    decoder = GptqRows(layer, inputs, outputs, groups, bits, has_zeros, has_order, less)
    return Weight(f"{layer}weight", (outputs, inputs), decoder, stored.present(*names.values()), "gptq", bits)


def _bits(stored: Stored, layer: str, words: int, outputs: int, groups: int) -> int:
    """Bits of a code: those that the shapes allow, the setting first. Raises MisfitError where no number fits."""
    zeros, order = f"{layer}qzeros", f"{layer}g_idx"
    setting = number(stored.settings.of(layer).get("bits"))
    for bits in sorted(BITS, key=lambda b: b != setting):
        fits = words * 32 % bits == 0
        if zeros in stored.tensors:
            fits = fits and stored.shape(zeros) == (groups, -(-outputs * bits // 32))
        if order in stored.tensors and stored.tensors[order].size > 0:
            fits = fits and stored.tensors[order].size == words * 32 // bits
        if fits:
            return bits
    raise MisfitError("no number of bits fits the shapes of qweight, qzeros and g_idx")


def _less(stored: Stored, layer: str, bits: int) -> int:
    """What has to be added to the stored zero points."""
    if stored.settings.of(layer).get("checkpoint_format") == "gptq_v2":
        return 0
    _, words = stored.matrix(f"{layer}qzeros")
    if bits == 8 or 32 % bits == 0:
        sample = stream(stored.small(f"{layer}qzeros", SAMPLE), bits)
    else:
        sample = stream(stored.small(f"{layer}qzeros", words)[: words // bits * bits], bits)
    return int(not (sample.size > 0 and (sample == 2 ** (bits - 1)).all()))
