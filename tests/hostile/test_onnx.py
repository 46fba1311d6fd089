import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from neural_phylogeny.errors import NoModelError, UnreadableFileError, UnsafeFileError, UnsupportedFormatError

Refused = Callable[..., str]

NAME = "m.onnx"
AGAIN = "Export or download the model again."


def content(*initializers: Any, nodes: tuple[Any, ...] = ()) -> bytes:
    model: Any = helper.make_model(helper.make_graph(list(nodes), "g", [], [], list(initializers)))
    return bytes(model.SerializeToString())


def tensor(**fields: Any) -> Any:
    """A float32 tensor ``w`` of two values, with some fields changed."""
    proto = numpy_helper.from_array(np.ones(2, np.float32), "w")
    for name, value in fields.items():
        proto.ClearField(name)
        if isinstance(value, list):
            getattr(proto, name).extend(value)
        elif value is not None:
            setattr(proto, name, value)
    return proto


def external(**entries: str) -> Any:
    proto = tensor(raw_data=None, data_location=TensorProto.EXTERNAL)
    for key, value in entries.items():
        proto.external_data.add(key=key, value=value)
    return proto


@pytest.mark.parametrize(
    "location",
    [
        "",
        "../secret",
        "sub/../../secret",
        "/etc/hostname",
        "..\\secret",
        "link",
        "folder/secret",
        "a\0b",
        "sub/../m.bin",
    ],
)
def test_external_data_outside_the_folder_is_not_read(refused: Refused, tmp_path: Path, location: str) -> None:
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    outside.mkdir()
    (outside / "secret").write_bytes(bytes(8))
    (tmp_path / "m.bin").write_bytes(bytes(8))
    (tmp_path / "link").symlink_to(outside / "secret")
    (tmp_path / "folder").symlink_to(outside)
    assert refused(content(external(location=location)), NAME, UnsafeFileError) == (
        f"tensor 'w': its values lie outside the model's folder ({location!r}). "
        "Export the model with its data beside it."
    )


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ({"offset": "4"}, "it needs bytes 4 to 12 of 'm.bin', which has 8"),
        ({"offset": "-1"}, "it needs bytes -1 to 7 of 'm.bin', which has 8"),
        ({"offset": str(2**70)}, f"it needs bytes {2**70} to {2**70 + 8} of 'm.bin', which has 8"),
        ({"offset": "x"}, "its offset or length is not a number"),
        ({"length": "9" * 5000}, "its offset or length is not a number"),
        ({"length": "4"}, "its shape needs 8 bytes but it has 4"),
    ],
)
def test_external_data_that_is_not_there(
    refused: Refused, tmp_path: Path, entries: dict[str, str], expected: str
) -> None:
    (tmp_path / "m.bin").write_bytes(bytes(8))
    assert refused(content(external(location="m.bin", **entries)), NAME) == f"tensor 'w': {expected}. {AGAIN}"


def test_a_missing_file_of_external_data_is_named(refused: Refused, tmp_path: Path) -> None:
    assert refused(content(external(location="m.bin")), NAME, UnreadableFileError) == (
        f"{tmp_path / 'm.bin'}: no such file or directory. Check the path and its permissions."
    )


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
def test_a_pipe_of_external_data_is_not_waited_for(refused: Refused, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "m.bin")
    assert refused(content(external(location="m.bin")), NAME, UnreadableFileError) == (
        f"{tmp_path / 'm.bin'}: not a regular file. Copy what it gives into a file."
    )


def test_the_scale_of_a_weight_may_not_lie_outside_either(refused: Refused) -> None:
    scale = external(location="../scale")
    scale.name = "s"
    node = helper.make_node("DequantizeLinear", ["w", "s"], ["y"])
    assert refused(content(tensor(), scale, nodes=(node,)), NAME, UnsafeFileError).startswith(
        "tensor 's': its values lie outside the model's folder ('../scale')"
    )


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"dims": [3]}, "its shape needs 12 bytes but it has 8"),
        ({"dims": [1]}, "its shape needs 4 bytes but it has 8"),
        ({"dims": [-2]}, "no tensor has the shape it claims, (-2,)"),
        ({"dims": [2**62, 2**62]}, f"its shape needs {2**126} bytes but it has 8"),
        ({"dims": [1] * 65}, None),
        ({"data_type": TensorProto.DOUBLE}, "its shape needs 16 bytes but it has 8"),
        ({"raw_data": None}, None),
        ({"raw_data": None, "float_data": [1.0]}, None),
        ({"raw_data": None, "float_data": [1.0, 2.0], "dims": [2**62, 4]}, None),
    ],
)
def test_a_tensor_that_contradicts_itself(refused: Refused, fields: dict[str, Any], expected: str | None) -> None:
    reported = refused(content(tensor(**fields)), NAME)
    assert reported.startswith("tensor 'w': ")
    if expected is not None:
        assert reported == f"tensor 'w': {expected}. {AGAIN}"


@pytest.mark.parametrize("data_type", [0, 27, 99, -1])
def test_a_data_type_that_is_not_read(refused: Refused, data_type: int) -> None:
    assert refused(content(tensor(data_type=data_type)), NAME, UnsupportedFormatError) == (
        f"tensor 'w': its data type, number {data_type}, is not read. Export the model in float32."
    )


def test_a_name_that_occurs_twice(refused: Refused) -> None:
    assert refused(content(tensor(), tensor()), NAME) == f"tensor 'w': two tensors have this name. {AGAIN}"


def test_a_model_without_weights(refused: Refused) -> None:
    assert refused(content(tensor(dims=[], raw_data=bytes(4))), NAME, NoModelError) == (
        f"an ONNX model without weights. {AGAIN}"
    )


def nested(depth: int) -> bytes:
    """A node whose attribute holds a graph whose node holds a graph ..."""
    node = b""
    for _ in range(depth):
        graph = field(1, node)
        node = field(5, field(6, graph))
    return field(7, field(1, node))


def field(number: int, value: bytes) -> bytes:
    length, size = b"", len(value)
    while size >= 0x80:
        length += bytes([size & 0x7F | 0x80])
        size >>= 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + value


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"not a model", "wire type 6 at byte 0"),
        (b"\x08", "a number that does not end"),
        (b"\x08" + b"\xff" * 30, "a number that does not end"),
        (b"\x3a\x7f", "field 7 at byte 0 does not fit its message"),
        (b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "field 7 at byte 0 does not fit its message"),
        (b"\x02\x00", "field 0 at byte 0 does not fit its message"),
        (b"\x08\x07", "no graph in it"),
        (field(7, field(1, b"\xff")), "a number that does not end"),
    ],
)
def test_bytes_that_are_no_model(refused: Refused, data: bytes, reason: str) -> None:
    assert refused(data, NAME).startswith(f"it is not an ONNX model ({reason}")


def test_a_name_that_is_no_text(refused: Refused) -> None:
    assert refused(field(7, field(5, field(8, b"\xff\xfe"))), NAME) == (
        f"a tensor's name is not text (b'\\xff\\xfe'). {AGAIN}"
    )


def test_nodes_without_inputs_and_outputs(refused: Refused) -> None:
    nodes = [helper.make_node(operator, [], []) for operator in ("Constant", "DequantizeLinear", "Gemm", "Transpose")]
    nodes[0].attribute.add(name="value", t=tensor())
    assert refused(content(nodes=tuple(nodes)), NAME, NoModelError) == (f"an ONNX model without weights. {AGAIN}")


@given(st.data())
def test_a_mutated_file_is_read_or_refused(read_or_refuse, data: st.DataObject) -> None:
    scale = numpy_helper.from_array(np.array(0.5, np.float32), "s")
    weight = numpy_helper.from_array(np.arange(4, dtype=np.int8).reshape(2, 2), "q")
    nodes = (
        helper.make_node("DequantizeLinear", ["q", "s"], ["y"]),
        helper.make_node("Gemm", ["x", "y"], ["z"], transB=1),
        helper.make_node("Constant", [], ["c"], value=tensor()),
    )
    mutated = bytearray(content(tensor(), scale, weight, nodes=nodes))
    for _ in range(data.draw(st.integers(1, 4))):
        mutated[data.draw(st.integers(0, len(mutated) - 1))] = data.draw(st.integers(0, 255))
    read_or_refuse(bytes(mutated), NAME)


def test_graphs_within_graphs_are_not_looked_into(refused: Refused) -> None:
    assert refused(nested(5000), "m.onnx", NoModelError).startswith("an ONNX model without weights")
