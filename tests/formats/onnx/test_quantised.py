"""ONNX graphs as quantisers write them; the reference evaluator, or codes of known weights, as the oracle."""

from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from neural_phylogeny.formats import open_checkpoint
from neural_phylogeny.formats.base import Checkpoint


def opened(folder: Path, nodes: list[Any], **initializers: Any) -> Checkpoint:
    protos = [numpy_helper.from_array(np.asarray(value), name) for name, value in initializers.items()]
    graph = helper.make_graph(nodes, "g", [], [], protos)
    path = folder / "m.onnx"
    path.write_bytes(helper.make_model(graph).SerializeToString())
    return open_checkpoint(path)


def weight(checkpoint: Checkpoint, name: str) -> np.ndarray:
    values = checkpoint.read(name)
    start, stop = values.size // 3, values.size // 3 + 5
    np.testing.assert_array_equal(checkpoint.read(name, start, stop), values[start:stop])
    shaped: np.ndarray = values.reshape(checkpoint.tensors[name].shape)
    return shaped


def dequantised(codes: np.ndarray, scale: Any, zero: Any, **attributes: Any) -> np.ndarray:
    """What the reference evaluator makes of codes."""
    node = helper.make_node("DequantizeLinear", ["q", "s", "z"], ["y"], **attributes)
    inputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in "qsz"]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    proto = helper.make_model(helper.make_graph([node], "g", inputs, [output]))
    outputs: Any = ReferenceEvaluator(proto).run(None, {"q": codes, "s": np.asarray(scale), "z": np.asarray(zero)})
    found: np.ndarray = outputs[0]
    return found


def node(operator: str, *inputs: str, output: str = "y", **attributes: Any) -> Any:
    return helper.make_node(operator, inputs, [output], **attributes)


SCALE = np.float32(0.05)


@pytest.mark.parametrize("zero", [np.int8(0), np.int8(3)])
def test_a_product_of_integers_is_scaled_by_what_its_output_is_multiplied_with(tmp_path, rng, zero):
    codes = rng.integers(-128, 128, (12, 8)).astype(np.int8)
    nodes = [
        helper.make_node("DynamicQuantizeLinear", ["x"], ["xq", "xs", "xz"]),
        node("MatMulInteger", "xq", "w_quantized", "xz", "w_zero_point", output="i"),
        node("Cast", "i", output="f", to=1),
        node("Mul", "xs", "factor", output="both"),
        node("Mul", "f", "both"),
    ]
    checkpoint = opened(tmp_path, nodes, w_quantized=codes, w_zero_point=zero, factor=SCALE)
    assert set(checkpoint.tensors) == {"w"}
    assert checkpoint.format == "onnx"
    info = checkpoint.tensors["w"]
    assert (info.dtype, info.output_axis, info.codes, info.code_bits) == ("float32", -1, "onnx", 8)
    np.testing.assert_array_equal(weight(checkpoint, "w"), dequantised(codes, SCALE, zero))


def test_a_scale_is_found_by_its_name_where_the_graph_does_not_lead_to_it(tmp_path, rng):
    codes = rng.integers(-128, 128, (8, 4, 3)).astype(np.int8)
    checkpoint = opened(tmp_path, [node("ConvInteger", "x", "w_quantized")], w_quantized=codes, w_scale=SCALE)
    np.testing.assert_array_equal(weight(checkpoint, "w"), codes * SCALE)


@pytest.mark.parametrize(
    ("operator", "options", "shape", "axis"),
    [
        ("QLinearConv", {}, (6, 4, 3, 3), 0),
        ("QLinearMatMul", {}, (4, 6), 1),
        ("QGemm", {"transB": 1}, (6, 4), 0),
        ("QGemm", {}, (4, 6), 1),
    ],
)
def test_operators_of_eight_bits_with_a_scale_a_channel(tmp_path, rng, operator, options, shape, axis):
    codes = rng.integers(0, 256, shape).astype(np.uint8)
    scale = rng.uniform(0.1, 0.2, 6).astype(np.float32)
    zero = rng.integers(100, 150, 6).astype(np.uint8)
    inputs = ["x", "x_scale", "x_zero_point", "w_quantized", "w_scale", "w_zero_point", "y_scale", "y_zero_point"]
    bias = rng.integers(-1000, 1000, 6).astype(np.int32)
    if operator == "QLinearConv":
        inputs.append("b_quantized")
    elif operator == "QGemm":
        inputs.insert(6, "b_quantized")
    checkpoint = opened(
        tmp_path, [node(operator, *inputs, **options)],
        x_scale=np.float32(0.5), x_zero_point=np.uint8(1), y_scale=np.float32(0.25), y_zero_point=np.uint8(2),
        w_quantized=codes, w_scale=scale, w_zero_point=zero, b_quantized=bias,
    )  # fmt: skip
    np.testing.assert_array_equal(weight(checkpoint, "w"), dequantised(codes, scale, zero, axis=axis))
    assert checkpoint.tensors["w"].output_axis % len(shape) == axis
    if operator != "QLinearMatMul":
        np.testing.assert_allclose(weight(checkpoint, "b"), bias * scale * np.float32(0.5), rtol=1e-6)
        assert set(checkpoint.tensors) == {"w", "b"}


@pytest.mark.parametrize("dtype", [np.int8, ml_dtypes.int4, ml_dtypes.uint4], ids=str)
@pytest.mark.parametrize("axis", [0, 1])
def test_blocks_along_an_axis(tmp_path, rng, dtype, axis):
    codes = rng.integers(0, 8, (12, 8)).astype(dtype)
    scales = (3, 8) if axis == 0 else (12, 2)
    scale, zero = rng.uniform(0.1, 0.2, scales).astype(np.float32), rng.integers(0, 8, scales).astype(dtype)
    nodes = [node("DequantizeLinear", "w_DQ_Q4", "s", "z", axis=axis, block_size=4)]
    checkpoint = opened(tmp_path, nodes, w_DQ_Q4=codes, s=scale, z=zero)
    across = [np.repeat(each.astype(np.float32), 4, axis=axis) for each in (scale, zero)]
    np.testing.assert_array_equal(weight(checkpoint, "w"), (codes.astype(np.float32) - across[1]) * across[0])


def test_an_embedding_that_is_looked_up_as_codes(tmp_path, rng):
    codes = rng.integers(0, 256, (20, 6)).astype(np.uint8)
    nodes = [node("Gather", "e_quantized", "i", output="g"), node("DequantizeLinear", "g", "s", "z")]
    checkpoint = opened(tmp_path, nodes, e_quantized=codes, s=SCALE, z=np.uint8(7))
    np.testing.assert_array_equal(weight(checkpoint, "e"), (codes.astype(np.float32) - 7) * SCALE)


def in_blocks(codes: np.ndarray, block: int, bits: int) -> np.ndarray:
    """Codes (inputs, outputs) as (outputs, blocks, bytes), the first of a byte in its lowest bits."""
    inputs, outputs = codes.shape
    padded = np.zeros((outputs, -(-inputs // block) * block), dtype=np.uint8)
    padded[:, :inputs] = codes.T
    per_byte = 8 // bits
    fields = padded.reshape(outputs, -1, block // per_byte, per_byte) << (np.arange(per_byte) * bits).astype(np.uint8)
    content: np.ndarray = fields.sum(-1).astype(np.uint8)
    return content


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("zeros", ["none", "packed", "plain"])
def test_products_of_few_bits(tmp_path, rng, bits, zeros):
    inputs, outputs, block, blocks = 200, 12, 32, 7
    codes = rng.integers(0, 2**bits, (inputs, outputs))
    scale = rng.uniform(0.1, 0.2, (outputs, blocks)).astype(np.float32)
    zero = rng.integers(0, 2**bits, (outputs, blocks))
    arrays = {"w_Q4": in_blocks(codes, block, bits), "w_scales": scale}
    if zeros == "packed":
        per_byte = 8 // bits
        padded = np.zeros((outputs, -(-blocks // per_byte) * per_byte), dtype=np.uint8)
        padded[:, :blocks] = zero
        fields = padded.reshape(outputs, -1, per_byte) << (np.arange(per_byte) * bits).astype(np.uint8)
        arrays["w_zero_points"] = fields.sum(-1).astype(np.uint8)
    elif zeros == "plain":
        arrays["w_zero_points"] = zero.astype(np.float32)
    else:
        zero = np.full_like(zero, 2 ** (bits - 1))
    options: dict[str, Any] = {"K": inputs, "N": outputs, "bits": bits, "block_size": block, "domain": "com.microsoft"}
    checkpoint = opened(tmp_path, [node("MatMulNBits", "x", *arrays, **options)], **arrays)
    group = np.arange(inputs) // block
    expected = ((codes.T - zero[:, group]) * scale[:, group]).T.astype(np.float32)
    assert set(checkpoint.tensors) == {"w"}
    assert (checkpoint.tensors["w"].output_axis, checkpoint.tensors["w"].code_bits) == (-1, bits)
    np.testing.assert_allclose(weight(checkpoint, "w"), expected, rtol=1e-6)


@pytest.mark.parametrize(("kind", "number", "code", "value"), [(1, 7, 0.0, 1.0), (0, 3, 1.0, 0.5), (1, 15, 1.0, 2.0)])
def test_products_of_table_codes(tmp_path, kind, number, code, value):
    size = 64 * 4
    content = np.full(size // 2, number << 4 | number, dtype=np.uint8)
    options: dict[str, Any] = {"K": 64, "N": 4, "quant_type": kind, "block_size": 32, "domain": "com.microsoft"}
    arrays = {"w_Bnb4": content, "w_absmax": np.full(size // 32, value, np.float32)}
    checkpoint = opened(tmp_path, [node("MatMulBnb4", "x", *arrays, **options)], **arrays)
    assert checkpoint.tensors["w"].shape == (64, 4)
    np.testing.assert_array_equal(weight(checkpoint, "w"), np.full((64, 4), code * value, np.float32))


def test_an_embedding_in_blocks(tmp_path, rng):
    codes = rng.integers(0, 16, (10, 64)).astype(np.uint8)
    packed = codes[:, ::2] | codes[:, 1::2] << np.uint8(4)
    scale, zero = rng.uniform(0.1, 0.2, (10, 2)).astype(np.float32), rng.integers(0, 16, (10, 2)).astype(np.uint8)
    options: dict[str, Any] = {"block_size": 32, "bits": 4, "domain": "com.microsoft"}
    nodes = [node("GatherBlockQuantized", "e_Q4", "i", "s", "z", **options)]
    checkpoint = opened(tmp_path, nodes, e_Q4=packed, s=scale, z=zero[:, :1] | zero[:, 1:] << np.uint8(4))
    across = [np.repeat(each, 32, axis=1) for each in (scale, zero)]
    np.testing.assert_array_equal(weight(checkpoint, "e"), (codes.astype(np.float32) - across[1]) * across[0])


@pytest.mark.parametrize("scales", [(2,), (2, 20)])
def test_recurrent_layers_have_their_axes_back(tmp_path, rng, scales):
    codes = rng.integers(-128, 128, (2, 6, 20)).astype(np.int8)
    scale, zero = rng.uniform(0.1, 0.2, scales).astype(np.float32), np.zeros(scales, np.int8)
    inputs = ["x", "w_quantized", "", "", "", "", "", "", "w_scale", "w_zero_point"]
    nodes = [node("DynamicQuantizeLSTM", *inputs, domain="com.microsoft")]
    checkpoint = opened(tmp_path, nodes, w_quantized=codes, w_scale=scale, w_zero_point=zero)
    expected = (codes * scale.reshape(2, 1, -1)).transpose(0, 2, 1)
    np.testing.assert_array_equal(weight(checkpoint, "w"), expected)


def test_a_weight_that_the_quantiser_turned_has_its_axes_back(tmp_path, rng):
    codes = rng.integers(-128, 128, (12, 8)).astype(np.int8)
    arrays = {"w_Transposed_quantized": codes, "w_Transposed_scale": SCALE}
    checkpoint = opened(tmp_path, [node("MatMulInteger", "x", "w_Transposed_quantized")], **arrays)
    assert checkpoint.tensors["w"].output_axis == 0
    np.testing.assert_array_equal(weight(checkpoint, "w"), (codes * SCALE).T)


def test_a_name_that_is_taken_is_left_alone(tmp_path, rng):
    codes = rng.integers(-128, 128, (12, 8)).astype(np.int8)
    nodes = [node("DequantizeLinear", "w_quantized", "s")]
    checkpoint = opened(tmp_path, nodes, w_quantized=codes, s=SCALE, w=np.ones((12, 8), np.float32))
    assert set(checkpoint.tensors) == {"w_quantized", "w"}


@pytest.mark.parametrize(
    ("nodes", "arrays", "reason"),
    [
        ([node("MatMulInteger", "x", "w_quantized")], {}, "codes without their scales"),
        ([node("DequantizeLinear", "w_quantized", "computed")], {}, "codes without their scales"),
        ([node("DequantizeLinear", "w_quantized", "s", "computed")], {"s": SCALE}, "its zero points are computed"),
        (
            [node("DequantizeLinear", "w_quantized", "s", axis=5)],
            {"s": np.ones(3, np.float32)},
            "axis 5 of a weight of shape (12, 8)",
        ),
        (
            [node("MatMulNBits", "x", "w_quantized", "s", K=1 << 50, N=3, block_size=16)],
            {"s": SCALE},
            "its operator does not say its shape or its blocks",
        ),
        (
            [node("MatMulNBits", "x", "w_quantized", "s", K=64, N=4, block_size=16)],
            {"s": SCALE},
            "4 bits and blocks of 16 do not go with 96 bytes",
        ),
        (
            [node("GatherBlockQuantized", "w_quantized", "i", "s", bits=1 << 40)],
            {"s": SCALE},
            f"codes of {1 << 40} bits",
        ),
    ],
)
def test_codes_that_are_not_read_are_named(tmp_path, nodes, arrays, reason):
    codes = np.arange(96, dtype=np.int8).reshape(12, 8)
    with opened(tmp_path, nodes, w_quantized=codes, **arrays) as checkpoint:
        assert [item.reason for item in checkpoint.unread] == [reason]
        assert checkpoint.tensors["w_quantized"].dtype == "int8"
        assert checkpoint.notes[-1].startswith("w_quantized is not compared, about 100 % of the weights: ")
