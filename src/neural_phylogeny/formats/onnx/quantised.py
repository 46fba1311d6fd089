"""Which initializers of an ONNX graph are codes, by the operators that use them, and the weights they stand for.

``OPERANDS`` says which inputs of an operator are codes, their scale and their zero point. The weight has the float
model's name: what quantisers append is taken off. Nothing here imports onnx.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from neural_phylogeny.formats.onnx.blocks import BLOCKED
from neural_phylogeny.formats.onnx.graph import attribute
from neural_phylogeny.formats.quantised.base import ROW_LIMIT, Decoder, MisfitError, Stored, Weight, estimate
from neural_phylogeny.formats.quantised.indexed import IndexedRows, Turned, indexed
from neural_phylogeny.inputs import TensorInfo, Unread

SUFFIXES = re.compile(r"(_quantized|(_DQ)?_Q[248]|_Bnb4)$")
"""What quantisers append to the name of a weight; ``qweight`` is the other way."""


@dataclass(frozen=True, slots=True)
class Operand:
    """Codes at an input of an operator; -1 where an operator has no such input. ``axis`` is that of its scales.

    The scale of a bias (``of``) is the product of two inputs. Without any input for it, the scale is found where the
    operator's output is multiplied.
    """

    codes: int
    scale: int = -1
    zero: int = -1
    axis: int = 0
    of: tuple[int, ...] = ()
    turned: bool = False


OPERANDS: Mapping[str, tuple[Operand, ...]] = {
    "DequantizeLinear": (Operand(0, 1, 2, 1),),
    "QLinearConv": (Operand(3, 4, 5), Operand(8, of=(4, 1))),
    "QLinearMatMul": (Operand(0, 1, 2, -2), Operand(3, 4, 5, -1)),
    "QGemm": (Operand(0, 1, 2), Operand(3, 4, 5, 1), Operand(6, of=(4, 1))),
    "QLinearAdd": (Operand(0, 1, 2), Operand(3, 4, 5)),
    "QLinearMul": (Operand(0, 1, 2), Operand(3, 4, 5)),
    "QAttention": (Operand(1, 4, 7, -1),),
    "DynamicQuantizeMatMul": (Operand(1, 2, 3, -1),),
    "MatMulIntegerToFloat": (Operand(0, 2, 4, -2), Operand(1, 3, 5, -1)),
    "DynamicQuantizeLSTM": (Operand(1, 8, 9, turned=True), Operand(2, 10, 11, turned=True)),
    "QEmbedLayerNormalization": tuple(Operand(2 + k, 8 + k, 13 + k) for k in range(5)),
    "MatMulInteger": (Operand(0, zero=2, axis=-2), Operand(1, zero=3, axis=-1)),
    "ConvInteger": (Operand(1, zero=3),),
}
"""Inputs that may be codes, by operator (ONNX's own, and those that onnxruntime adds)."""

SCALING = re.compile(r"[Qq]uantize|QLinear|QGemm|Integer|QAttention|NBits|Bnb4")
"""Operators whose inputs of one number are scales and zero points."""

PLAIN = frozenset({"float16", "float32", "float64", "bfloat16"})
"""Types of plain numbers: scales, and weights that are not quantised."""

TURNED = "_Transposed"
"""What onnxruntime appends to the name of a weight that it turns, so that a product without options can use it."""

HANDING_ON = frozenset(
    {"Identity", "Cast", "Gather", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Slice"}
)
"""Operators whose first input's values are those of their output; one scale for all still goes with them."""


class Graph:
    """What is looked up in a graph: who makes a value, who uses it, which initializers there are."""

    def __init__(self, nodes: Sequence[Any], stored: Stored) -> None:
        self.stored = stored
        self.maker: dict[str, Any] = {}
        self.users: dict[str, list[Any]] = {}
        for node in nodes:
            for name in node.output:
                self.maker.setdefault(name, node)
            for name in node.input:
                self.users.setdefault(name, []).append(node)

    def input(self, node: Any, index: int) -> str:
        """The name of an input of a node; empty where it has none."""
        return node.input[index] if 0 <= index < len(node.input) else ""

    def source(self, name: str) -> tuple[str, bool]:
        """The initializer whose values a value has, and whether they were handed on by another operator."""
        for step in range(8):
            if name in self.stored.tensors:
                return name, step > 0
            node = self.maker.get(name)
            if node is None or node.op_type not in HANDING_ON or not node.input:
                break
            name = node.input[0]
        return "", False

    def multiplied(self, node: Any) -> str:
        """The initializer that scales the output of an integer operator: a factor of a product with it."""
        name = node.output[0] if node.output else ""
        for _ in range(3):
            for user in self.users.get(name, []):
                if user.op_type == "Mul":
                    return self._factor(next((other for other in user.input if other != name), ""))
            following = [user for user in self.users.get(name, []) if user.op_type in HANDING_ON and user.output]
            name = following[0].output[0] if following else ""
        return ""

    def _factor(self, name: str) -> str:
        source, _ = self.source(name)
        if source:
            return source
        node = self.maker.get(name)
        factors = [self.source(each)[0] for each in node.input] if node is not None and node.op_type == "Mul" else []
        return next((factor for factor in factors if factor), "")


def quantised_weights(
    nodes: Sequence[Any], stored: Stored, axes: Mapping[str, int]
) -> tuple[list[Weight], list[Unread], set[str]]:
    """Weights out of codes, codes that cannot be read, and scales and zero points that are not weights.

    ``axes`` are the axes of output units, by the codes' names. Nodes with names that are no
    text say nothing. Reads nothing.
    """
    nodes = [node for node in nodes if all(isinstance(n, str) for n in (node.op_type, *node.input, *node.output))]
    graph = Graph(nodes, stored)
    weights: dict[str, Weight] = {}
    refused: dict[str, Unread] = {}
    hidden: set[str] = set()
    for node in nodes:
        if SCALING.search(node.op_type):
            hidden |= {name for name in node.input if name in stored.tensors and stored.tensors[name].size == 1}
        for codes, build in _operands(graph, node):
            try:
                weight = build()
            except MisfitError as misfit:
                refused.setdefault(codes, _unread(stored, node, codes, str(misfit)))
                continue
            weights.setdefault(codes, weight)
    names = set(stored.tensors) - set(weights)
    renamed = [_renamed(weight, names, axes.get(codes)) for codes, weight in weights.items()]
    unread = [item for codes, item in refused.items() if codes not in weights]
    return renamed, unread, hidden


def _unread(stored: Stored, node: Any, codes: str, reason: str) -> Unread:
    """Codes that are not read, with the scales and zero points that the same node uses with them."""
    stem = SUFFIXES.sub("", codes)
    all_scale = node.op_type == "DequantizeLinear"
    beside = [
        name
        for name in node.input
        if name in stored.tensors and name != codes and (all_scale or name.startswith(f"{stem}_"))
    ]
    tensors = (codes, *dict.fromkeys(beside))
    return Unread(tensors=tensors, weights=estimate(stored.tensors[codes]), reason=reason)


def _operands(graph: Graph, node: Any) -> Iterator[tuple[str, Callable[[], Weight]]]:
    """Codes that a node uses, and how to build their weight."""
    if node.op_type in BLOCKED:
        index, build = BLOCKED[node.op_type]
        name = graph.input(node, index)
        if _holds_codes(graph, name):
            yield name, partial(build, graph.stored, node)
    for operand in OPERANDS.get(node.op_type, ()):
        name, was_handed_on = graph.source(graph.input(node, operand.codes))
        if _holds_codes(graph, name):
            of_operand = _bias if operand.of else partial(_weight, was_handed_on=was_handed_on)
            yield name, partial(of_operand, graph, node, operand, name)


def _holds_codes(graph: Graph, name: str) -> bool:
    tensor = graph.stored.tensors.get(name)
    return tensor is not None and tensor.size > 1 and tensor.dtype not in PLAIN


def _weight(graph: Graph, node: Any, operand: Operand, codes: str, was_handed_on: bool) -> Weight:
    """The weight that codes stand for at one input of a node."""
    tensor, shape = graph.stored.tensors[codes], graph.stored.shape
    scale, zero = _parameters(graph, node, operand, codes)
    if was_handed_on and graph.stored.tensors[scale].size > 1:
        raise MisfitError("its scales are those of another shape")
    axis, block = operand.axis, 0
    if node.op_type == "DequantizeLinear":
        axis, block = attribute(node, "axis", 1), attribute(node, "block_size", 0)
    elif node.op_type == "QGemm" and operand.codes == 3:
        axis = 0 if attribute(node, "transB", 0) else 1
    zeros = (zero, shape(zero)) if zero else None
    parts = tuple(dict.fromkeys((codes, scale, *([zero] if zero else []))))
    if not operand.turned:
        decoder: Decoder = indexed(tensor.shape, codes, (scale, shape(scale)), zeros, axis, block)
        return Weight(codes, tensor.shape, decoder, parts, "onnx", _bits(tensor))
    if len(tensor.shape) != 3 or 0 in tensor.shape or tensor.shape[2] > ROW_LIMIT:
        raise MisfitError("the weight of a recurrent layer that has not three axes")
    matrices, inputs, outputs = tensor.shape
    if shape(scale) == (matrices, outputs):  # a scale for each unit: one block along the inputs
        grid = matrices, 1, outputs
        zeros = (zero, grid) if zero and shape(zero) == shape(scale) else zeros
        inner = indexed(tensor.shape, codes, (scale, grid), zeros, 1, max(2, inputs), width=outputs)
    else:
        inner = indexed(tensor.shape, codes, (scale, shape(scale)), zeros, 0, width=outputs)
    return Weight(codes, (matrices, outputs, inputs), Turned(inner, outputs, inputs), parts, "onnx", _bits(tensor), 1)


def _parameters(graph: Graph, node: Any, operand: Operand, codes: str) -> tuple[str, str]:
    """The names of the scales and of the zero points, which are empty where there are none."""
    scale = graph.source(graph.input(node, operand.scale))[0] if operand.scale >= 0 else graph.multiplied(node)
    if not scale:
        scale = next(iter(graph.stored.present(SUFFIXES.sub("_scale", codes))), "")
    if not scale or scale == codes or graph.stored.tensors[scale].dtype not in PLAIN:
        raise MisfitError("codes without their scales")
    given = graph.input(node, operand.zero)
    zero = graph.source(given)[0]
    if given and not zero:
        raise MisfitError("its zero points are computed")
    return scale, zero


def _bias(graph: Graph, node: Any, operand: Operand, codes: str) -> Weight:
    """A bias in 32 bits, whose scale is that of the weight times that of the input."""
    tensor = graph.stored.tensors[codes]
    scale, of_input = (graph.source(graph.input(node, index))[0] for index in operand.of)
    if not scale or not of_input or graph.stored.tensors[of_input].size != 1:
        raise MisfitError("codes without their scales")
    decoder = indexed(tensor.shape, codes, (scale, graph.stored.shape(scale)), None, 0, times=(of_input,))
    return Weight(codes, tensor.shape, decoder, (codes, scale, of_input), "onnx", _bits(tensor))


def _bits(tensor: TensorInfo) -> int:
    found = re.search(r"(?:int|float)(\d+)", tensor.dtype)
    return int(found[1]) if found else 8


def _renamed(weight: Weight, taken: set[str], axis: int | None) -> Weight:
    """The weight under the float model's name, where no other tensor has it."""
    name = SUFFIXES.sub("", weight.name)
    if name.endswith(".qweight"):
        name = f"{name.removesuffix('qweight')}weight"
    if not name or name in taken:
        name = weight.name
    taken.add(name)
    axis = weight.output_axis if axis is None or weight.output_axis else axis
    named = replace(weight, name=name, output_axis=axis)
    plain = name.removesuffix(TURNED)
    if plain == name or plain in taken or len(weight.shape) != 2 or weight.shape[1] > ROW_LIMIT:
        return named
    taken.add(plain)
    inputs, outputs = weight.shape
    decoder = weight.decoder
    if isinstance(decoder, IndexedRows):
        decoder = replace(decoder, width=outputs)
    return replace(named, name=plain, shape=(outputs, inputs), decoder=Turned(decoder, outputs, inputs), output_axis=0)
