"""What the nodes of an ONNX graph say of the weights they use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.formats.base import AnyArray

OUTPUT_AXES: Mapping[str, Mapping[int, int]] = {
    "Conv": {1: 0},
    "ConvInteger": {1: 0},
    "QLinearConv": {3: 0},
    "ConvTranspose": {1: 1},
    "MatMul": {0: 0, 1: -1},
    "MatMulInteger": {0: 0, 1: -1},
    "QLinearMatMul": {0: 0, 3: -1},
    "LSTM": {1: 1, 2: 1},
    "GRU": {1: 1, 2: 1},
    "RNN": {1: 1, 2: 1},
}
"""Axis of the output units of the weight at each input of an operator; ``Gemm`` has an attribute for it."""

PASSING = frozenset({"Cast", "DequantizeLinear", "Identity", "QuantizeLinear"})
"""Operators that hand a weight on in its shape."""

INTEGER_OPERATORS = frozenset({"ConvInteger", "MatMulInteger", "QLinearConv", "QLinearMatMul"})
"""Operators that use integer weights as they are."""


def attribute(node: Any, name: str, default: Any) -> Any:
    """An attribute of a node that is a number or a list of numbers."""
    for item in node.attribute:
        if item.name == name:
            return list(item.ints) if isinstance(default, list) else item.i
    return default


def output_axes(nodes: Iterable[Any], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, int]:
    """Axis of the output units of each weight, from the node that consumes it; 0 where none tells."""
    axes: dict[str, int] = {}
    handed_on: dict[str, tuple[str, bool]] = {name: (name, False) for name in shapes}
    for node in nodes:
        source = handed_on.get(node.input[0]) if node.input else None
        if source and node.output and node.op_type in PASSING:
            handed_on.setdefault(node.output[0], source)
        elif source and node.output and node.op_type == "Transpose" and len(shapes[source[0]]) == 2:
            turned = attribute(node, "perm", [1, 0]) == [1, 0]
            handed_on.setdefault(node.output[0], (source[0], source[1] != turned))
        by_input = {1: 0 if attribute(node, "transB", 0) else 1} if node.op_type == "Gemm" else None
        for index, axis in (by_input or OUTPUT_AXES.get(node.op_type, {})).items():
            name, turned = handed_on.get(node.input[index], ("", False)) if index < len(node.input) else ("", False)
            rank = len(shapes.get(name, ()))
            if rank and -rank <= axis < rank:
                axes.setdefault(name, 1 - axis % 2 if turned else axis)
    return axes


@dataclass(frozen=True, slots=True)
class Dequantizer:
    """The scale and zero point of a quantised weight: one of each, or one per index of ``axis``."""

    scale: NDArray[np.float32]
    zero: NDArray[np.float32]
    channels: int
    stride: int

    def apply(self, values: AnyArray, start: int) -> NDArray[np.float32]:
        """The weights that the stored values from ``start`` on stand for, in flat C order."""
        which = (np.arange(start, start + values.size) // self.stride) % self.channels
        weights: NDArray[np.float32] = (values.astype(np.float32) - self.zero[which]) * self.scale[which]
        return weights


def dequantizer(
    shape: tuple[int, ...], scale: NDArray[np.float32], zero: NDArray[np.float32], axis: int
) -> Dequantizer | None:
    """How to read a weight of this shape; None where the scale does not go with it plainly."""
    if zero.shape != scale.shape or not scale.size:
        return None
    if scale.size == 1:
        return Dequantizer(scale.reshape(1), zero.reshape(1), 1, 1)
    if scale.ndim != 1 or not -len(shape) <= axis < len(shape) or shape[axis] != scale.size:
        return None
    stride = int(np.prod(shape[axis % len(shape) + 1 :], dtype=np.int64))
    return Dequantizer(scale, zero, scale.size, max(1, stride))
