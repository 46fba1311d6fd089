"""Numbers of eight bits with scales beside them: fp8 and int8, a scale for all, a row or a block.

==========================  ==========================================================================
``N_scale``, ``N_scale_inv``  fp8 of vLLM, DeepSeek (blocks of 128 x 128; both are multiplied with), int8
``scale_N``                   ``scaled_fp8`` of ComfyUI
``N._data``, ``N._scale``     quanto
``SCB``                       int8 of bitsandbytes: the largest magnitude of a row, which is 127
==========================  ==========================================================================

The weight is (number - zero point) * scale. Whether a name's scale is that of weights follows from the dtype of N.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from neural_phylogeny.formats.base import AnyArray
from neural_phylogeny.formats.quantised.base import (
    SMALL,
    Decoder,
    Floats,
    MisfitError,
    Read,
    Stored,
    Weight,
    attempt,
)
from neural_phylogeny.formats.quantised.settings import Settings
from neural_phylogeny.inputs import Unread

BLOCK = 128
"""The usual block; other sizes follow from the shapes."""

SCALES = ("{0}_scale_inv", "{0}_scale", "{0}_scales", "{0}.scale", "{1}scale_{2}", "{1}{2}._scale")
"""What the scale of the tensor ``{0}``, in the layer ``{1}`` called ``{2}``, may be called."""

ZEROS = ("{0}_zero_point", "{0}_zeros", "{0}_zp")

BESIDE = (
    "input_scale", "output_scale", "scale_input", "scale_output", "input_zero_point", "output_zero_point",
    "weight_format", "comfy_quant", "input_global_scale", "activation_scale", "act_scale", "k_scale", "v_scale",
)  # fmt: skip
"""Scales of activations and marks beside a quantised weight: no weights themselves."""

LIKE_CODES = ("int8", "uint8", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz")


@dataclass(frozen=True, slots=True)
class ScaledRows(Decoder):
    """Numbers with a scale a block of ``block`` rows and columns of the last two axes.

    The weight is seen as ``(leading * height, width)``, its scales as ``(leading, blocks down, blocks across)``; with
    one leading scale where ``shared``. ``factor`` is multiplied with every scale.
    """

    codes: str
    scales: str
    zeros: str | None
    height: int
    width: int
    grid: tuple[int, int]
    block: tuple[int, int]
    shared: bool
    factor: float = 1.0

    def rows(self, read: Read, first: int, last: int) -> Floats:
        values = read(self.codes, first * self.width, last * self.width).astype(np.float32)
        weights: Floats = values.reshape(-1, self.width)
        if self.zeros is not None:
            weights -= self._parameter(read, self.zeros, first, last)
        weights *= self._parameter(read, self.scales, first, last) * np.float32(self.factor)
        return weights

    def _parameter(self, read: Read, name: str, first: int, last: int) -> Floats:
        """Scales or zero points of each value of the rows, ``(rows, width)`` or ``(rows, 1)``."""
        rows = np.arange(first, last)
        down, across = self.grid
        which = rows % self.height // self.block[0] + (0 if self.shared else rows // self.height * down)
        low, high = int(which.min()), int(which.max()) + 1
        values = as_scales(read(name, low * across, high * across)).reshape(-1, across)[which - low]
        return values if across == 1 else np.repeat(values, self.block[1], axis=1)[:, : self.width]


def as_scales(values: AnyArray) -> Floats:
    """Scales as numbers: bytes are exponents of two with a bias of 127, as in the microscaling formats."""
    if values.dtype == np.uint8:
        return np.ldexp(np.float32(1), values.astype(np.int32) - 127).astype(np.float32)
    return values.astype(np.float32)


def find(stored: Stored) -> Iterator[Weight | Unread]:
    """Weights of eight bits that have a scale."""
    for name, tensor in list(stored.tensors.items()):
        if tensor.dtype not in LIKE_CODES:
            continue
        layer, _, last = name.rpartition(".")
        if last == "_data":
            yield from attempt(_quanto, stored, iter([layer]), ("._data", "._scale", "._shift"))
        else:
            for found in attempt(_scaled, stored, iter([name]), ("",)):
                yield found if isinstance(found, Weight) else replace(found, tensors=(name, *_scales(stored, name)))


def _scales(stored: Stored, name: str) -> tuple[str, ...]:
    """What may be the scales of a tensor."""
    layer, _, last = name.rpartition(".")
    layer = f"{layer}." if layer else ""
    usual = [template.format(name, layer, last) for template in SCALES]
    return stored.present(*usual, *((f"{layer}scale", f"{layer}scales") if last == "weight" else ()))


def _scaled(stored: Stored, name: str) -> Weight | None:
    layer, _, last = name.rpartition(".")
    layer = f"{layer}." if layer else ""
    scales = _scales(stored, name)
    beside = stored.present(*(f"{layer}{word}" for word in BESIDE))
    by_row = f"{layer}SCB"
    if stored.is_of(name, "int8") and by_row in stored.tensors and last == "weight":
        return _weight(stored, name, name, by_row, None, beside, "bitsandbytes", 1 / 127)
    if not scales:
        return None
    zeros = stored.present(*(template.format(name) for template in ZEROS))
    is_float = "float" in stored.tensors[name].dtype
    if stored.is_of(name, "uint8") and not zeros:
        return None
    scheme = "scaled fp8" if is_float else "scaled int8"
    return _weight(stored, name, name, scales[0], zeros[0] if zeros else None, (*beside, *scales[1:]), scheme)


def _quanto(stored: Stored, name: str) -> Weight | None:
    if f"{name}._shift" in stored.tensors:
        raise MisfitError("quanto packs fewer than eight bits in an order that is not undone")
    layer = name.rpartition(".")[0]
    beside = stored.present(f"{layer}.input_scale", f"{layer}.output_scale")
    return _weight(stored, name, f"{name}._data", f"{name}._scale", None, beside, "quanto")


def _weight(
    stored: Stored,
    name: str,
    codes: str,
    scales: str,
    zeros: str | None,
    beside: tuple[str, ...],
    scheme: str,
    factor: float = 1.0,
) -> Weight:
    shape = stored.shape(codes)
    if not shape or not math.prod(shape) or not math.prod(stored.shape(scales)):
        raise MisfitError("it has no values or no scales")
    if zeros is not None and stored.tensors[zeros].size != stored.tensors[scales].size:
        raise MisfitError("it has another number of zero points than of scales")
    scale_shape = stored.shape(scales)
    height, width, grid, block, shared = layout(shape, scale_shape, _block_setting(stored.settings, name))
    decoder = ScaledRows(codes, scales, zeros, height, width, grid, block, shared, factor)
    parts = tuple(dict.fromkeys((codes, scales, *([zeros] if zeros else []), *beside)))
    return Weight(name, shape, decoder, parts, scheme, 8)


def layout(
    shape: tuple[int, ...], scales: tuple[int, ...], setting: tuple[int, int] | None = None
) -> tuple[int, int, tuple[int, int], tuple[int, int], bool]:
    """Which scale goes with which value: height, width, grid of scales, block, and whether leading axes share it.

    Raises MisfitError where the scales do not go with the shape.

    Examples
    --------
    >>> layout((256, 512), (2, 4))
    (256, 512, (2, 4), (128, 128), True)
    >>> layout((64, 3, 7, 7), (64,))
    (64, 147, (64, 1), (1, 147), True)
    """
    if math.prod(scales) == 1:
        height, width = math.prod(shape[:-1]), math.prod(shape[-1:])
        return height, width, (1, 1), (height, width), True
    core = scales
    while len(core) > 1 and core[-1] == 1 and (len(core) > 2 or core[0] == shape[0]):
        core = core[:-1]
    if len(core) == 1 and shape and core[0] == shape[0]:
        inner = math.prod(shape[1:])
        return shape[0], inner, (shape[0], 1), (1, inner), True
    if len(scales) == len(shape) >= 2 and scales[:-2] in (shape[:-2], (1,) * (len(shape) - 2)):
        (height, width), (down, across) = shape[-2:], scales[-2:]
        usual = setting or (BLOCK, BLOCK)
        block = _block(height, down, usual[0]), _block(width, across, usual[1])
        return height, width, (down, across), block, scales[:-2] != shape[:-2] or len(shape) == 2
    raise MisfitError(f"scales of shape {scales} do not go with a weight of shape {shape}")


def _block(length: int, blocks: int, usual: int) -> int:
    """Values in a block along one axis."""
    if blocks == 1:
        return length
    sizes: tuple[int, ...] = (usual, 1, *(1 << power for power in range(1, 20)), -(-length // blocks))
    for size in sizes:
        if -(-length // size) == blocks:
            return size
    raise MisfitError(f"{blocks} blocks of scales do not divide a length of {length}")


def _block_setting(settings: Settings, name: str) -> tuple[int, int] | None:
    value = settings.of(name).get("weight_block_size")
    if isinstance(value, list) and len(value) == 2 and all(isinstance(n, int) and 0 < n <= SMALL for n in value):
        return value[0], value[1]
    return None
