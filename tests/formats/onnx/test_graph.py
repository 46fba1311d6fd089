from typing import Any

import pytest
from onnx import helper

from neural_phylogeny.formats.onnx.graph import output_axes


def node(operator: str, *inputs: str, **attributes: Any) -> Any:
    return helper.make_node(operator, inputs, [f"{operator}-of-{inputs[0]}"], **attributes)


@pytest.mark.parametrize(
    ("consumer", "axis"),
    [
        (node("Gemm", "x", "w", transB=1), 0),
        (node("Gemm", "x", "w"), 1),
        (node("MatMul", "x", "w"), -1),
        (node("MatMul", "w", "x"), 0),
        (node("Conv", "x", "w"), 0),
        (node("ConvTranspose", "x", "w"), 1),
        (node("QLinearConv", "x", "xs", "xz", "w", "ws", "wz", "ys", "yz"), 0),
        (node("QLinearMatMul", "x", "xs", "xz", "w", "ws", "wz", "ys", "yz"), -1),
        (node("QGemm", "x", "xs", "xz", "w", "ws", "wz", transB=1), 0),
        (node("QGemm", "x", "xs", "xz", "w", "ws", "wz"), 1),
        (node("DynamicQuantizeMatMul", "x", "w", "ws"), -1),
        (node("LSTM", "x", "w", "r"), 1),
        (node("LSTM", "x", "w0", "w"), 1),
    ],
)
def test_the_consumer_tells_the_axis(consumer: Any, axis: int) -> None:
    assert output_axes([consumer], {"w": (4, 5, 6)}) == {"w": axis}


def test_a_weight_is_followed_through_nodes_that_hand_it_on() -> None:
    nodes = [
        helper.make_node("DequantizeLinear", ["w", "s"], ["a"]),
        helper.make_node("Cast", ["a"], ["b"], to=1),
        helper.make_node("Transpose", ["b"], ["c"], perm=[1, 0]),
        helper.make_node("MatMul", ["x", "c"], ["y"]),
        helper.make_node("Transpose", ["v"], ["d"]),
        helper.make_node("Transpose", ["d"], ["e"]),
        helper.make_node("MatMul", ["x", "e"], ["z"]),
    ]
    assert output_axes(nodes, {"w": (4, 5), "v": (4, 5), "s": ()}) == {"w": 0, "v": -1}


def test_nodes_that_make_no_sense_say_nothing() -> None:
    nodes = [
        helper.make_node("Gemm", ["x", "vector"], ["y"]),
        helper.make_node("MatMul", [], []),
        helper.make_node("Gemm", ["x"], ["y"]),
        helper.make_node("Transpose", ["w"], [], perm=[0]),
        helper.make_node("Transpose", ["w"], ["t"], perm=[7, 7, 7]),
        helper.make_node("Add", ["x", "w"], ["s"]),
        helper.make_node("Conv", ["x", "scalar"], ["c"]),
    ]
    assert output_axes(nodes, {"vector": (3,), "w": (2, 2), "scalar": ()}) == {}


def test_the_first_consumer_decides() -> None:
    assert output_axes([node("Gemm", "x", "w"), node("Gemm", "x", "w", transB=1)], {"w": (2, 3)}) == {"w": 1}
