"""What the nodes of an ONNX graph say of the weights they use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

OUTPUT_AXES: Mapping[str, Mapping[int, int]] = {
    "Conv": {1: 0},
    "ConvInteger": {1: 0},
    "QLinearConv": {3: 0},
    "ConvTranspose": {1: 1},
    "MatMul": {0: 0, 1: -1},
    "MatMulInteger": {0: 0, 1: -1},
    "QLinearMatMul": {0: 0, 3: -1},
    "DynamicQuantizeMatMul": {1: -1},
    "MatMulIntegerToFloat": {0: 0, 1: -1},
    "QAttention": {1: -1},
    "LSTM": {1: 1, 2: 1},
    "GRU": {1: 1, 2: 1},
    "RNN": {1: 1, 2: 1},
}
"""Axis of the output units of the weight at each input of an operator; ``Gemm`` has an attribute for it."""

PASSING = frozenset({"Cast", "DequantizeLinear", "Identity", "QuantizeLinear"})
"""Operators that hand a weight on in its shape."""


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
        weight = {"Gemm": 1, "QGemm": 3}.get(node.op_type)
        by_input = {weight: 0 if attribute(node, "transB", 0) else 1} if weight is not None else None
        for index, axis in (by_input or OUTPUT_AXES.get(node.op_type, {})).items():
            name, turned = handed_on.get(node.input[index], ("", False)) if index < len(node.input) else ("", False)
            rank = len(shapes.get(name, ()))
            if rank and -rank <= axis < rank:
                axes.setdefault(name, 1 - axis % 2 if turned else axis)
    return axes
