"""Operators of onnxruntime whose weights are packed in blocks, each with its attributes for the layout."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from neural_phylogeny.formats.onnx.graph import attribute
from neural_phylogeny.formats.quantised.base import MisfitError, Stored, Weight
from neural_phylogeny.formats.quantised.indexed import BlockedColumns, IndexedRows, TableBlocks, Turned

BITS = (2, 3, 4, 5, 6, 7, 8)


def _names(node: Any, *indices: int) -> list[str]:
    return [node.input[index] if index < len(node.input) else "" for index in indices]


def _sizes(node: Any) -> tuple[int, int, int]:
    """Inputs, outputs and values in a block."""
    inputs, outputs, block = (attribute(node, name, 0) for name in ("K", "N", "block_size"))
    if not all(0 < n < 1 << 40 for n in (inputs, outputs, block)):
        raise MisfitError("its operator does not say its shape or its blocks")
    return inputs, outputs, block


def nbits(stored: Stored, node: Any) -> Weight:
    """``MatMulNBits``: codes (outputs, blocks, bytes), a scale and perhaps a zero point for each block."""
    inputs, outputs, block = _sizes(node)
    codes, scale, zero, group = _names(node, 1, 2, 3, 4)
    bits = attribute(node, "bits", 4)
    blocks = -(-inputs // block)
    if bits not in BITS or block * bits % 8 or stored.tensors[codes].size != outputs * blocks * block * bits // 8:
        raise MisfitError(f"{bits} bits and blocks of {block} do not go with {stored.tensors[codes].size} bytes")
    if scale not in stored.tensors:
        raise MisfitError("codes without their scales")
    if stored.tensors[scale].size != outputs * blocks:
        raise MisfitError(f"{stored.tensors[scale].size} scales for {outputs * blocks} blocks")
    is_packed = stored.is_of(zero, "uint8")
    if zero:
        expected = outputs * (-(-blocks * bits // 8) if is_packed else blocks)
        if math.prod(stored.shape(zero)) != expected:
            raise MisfitError(f"its zero points do not go with {outputs * blocks} blocks")
    if group and math.prod(stored.shape(group)) < inputs:
        raise MisfitError(f"g_idx is shorter than the {inputs} inputs")
    decoder = BlockedColumns(codes, scale, zero, group, inputs, outputs, blocks, block, bits, is_packed)
    parts = tuple(name for name in (codes, scale, zero, group) if name)
    return Weight(codes, (inputs, outputs), decoder, parts, "onnx blocks", bits, -1)


def bnb4(stored: Stored, node: Any) -> Weight:
    """``MatMulBnb4``: codes of nf4 or fp4, flat over (outputs, inputs), a largest magnitude for each block."""
    inputs, outputs, block = _sizes(node)
    codes, scale = _names(node, 1, 2)
    size = inputs * outputs
    if stored.tensors[codes].size != -(-size // 2) or math.prod(stored.shape(scale)) != -(-size // block):
        raise MisfitError(f"its codes and scales do not go with {size} weights")
    table = "nf4" if attribute(node, "quant_type", 1) else "fp4"
    decoder = Turned(TableBlocks(codes, scale, table, inputs, size, block), inputs, outputs)
    return Weight(codes, (inputs, outputs), decoder, (codes, scale), f"onnx {table}", 4, -1)


def gathered(stored: Stored, node: Any) -> Weight:
    """``GatherBlockQuantized``: an embedding whose rows are cut into blocks; bytes hold two codes of four bits."""
    codes, scale, zero = _names(node, 0, 2, 3)
    shape = stored.shape(codes)
    bits, block = attribute(node, "bits", 4), attribute(node, "block_size", 128)
    is_packed = stored.is_of(codes, "uint8") and bits < 8
    if bits not in BITS:
        raise MisfitError(f"codes of {bits} bits")
    if is_packed:
        shape = (*shape[:-1], shape[-1] * 8 // bits) if shape and bits in (2, 4) else ()
    axis = attribute(node, "quantize_axis", 1)
    if not shape or axis % len(shape) != len(shape) - 1 or not 0 < block or 0 in shape:
        raise MisfitError("blocks along another axis than the last")
    groups = -(-shape[-1] // block)
    if math.prod(stored.shape(scale)) != math.prod(shape[:-1]) * groups or shape[-1] % block:
        raise MisfitError(f"its scales do not go with blocks of {block} in shape {shape}")
    packed_zeros = int(bool(zero) and is_packed)
    rows = math.prod(shape[:-1])
    if zero and math.prod(stored.shape(zero)) != (rows * -(-groups * bits // 8) if is_packed else rows * groups):
        raise MisfitError(f"its zero points do not go with blocks of {block} in shape {shape}")
    half = 2.0 ** (bits - 1) if stored.is_of(codes, "uint8") else 0.0
    decoder = IndexedRows(
        codes, scale, zero, 1, math.prod(shape), shape[-1], 1, block,
        packed=bits if is_packed else 0, plain_zero=half, packed_zeros=packed_zeros,
    )  # fmt: skip
    return Weight(codes, shape, decoder, tuple(n for n in (codes, scale, zero) if n), "onnx blocks", bits)


BLOCKED: Mapping[str, tuple[int, Callable[[Stored, Any], Weight]]] = {
    "MatMulNBits": (1, nbits),
    "MatMulBnb4": (1, bnb4),
    "GatherBlockQuantized": (0, gathered),
}
"""By operator: which input holds the codes, and how to read them."""
