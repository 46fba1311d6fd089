import os
import sys
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from neural_phylogeny.errors import MissingExtraError, UnknownChoiceError
from neural_phylogeny.formats import open_checkpoint
from neural_phylogeny.formats.onnx.file import DTYPES


def model(initializers: list[Any], nodes: list[Any] | None = None) -> onnx.ModelProto:
    return helper.make_model(helper.make_graph(nodes or [], "g", [], [], initializers))


def saved(path: Path, initializers: list[Any], nodes: list[Any] | None = None) -> Path:
    path.write_bytes(model(initializers, nodes).SerializeToString())
    return path


def tensor(name: str, values: Any) -> Any:
    return numpy_helper.from_array(np.asarray(values), name)


def random_bits(dtype: np.dtype, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    if dtype.name.startswith(("int2", "int4", "uint2", "uint4", "float4", "bool")):
        return rng.integers(0, 2, shape).astype(dtype)
    return rng.integers(0, 256, (*shape[:-1], shape[-1] * dtype.itemsize), dtype=np.uint8).view(dtype)


@pytest.mark.parametrize("data_type", sorted(DTYPES))
@pytest.mark.parametrize("raw", [True, False])
def test_every_dtype_is_read_as_onnx_reads_it(
    data_type: int, raw: bool, tmp_path: Path, rng: np.random.Generator
) -> None:
    values = random_bits(DTYPES[data_type], (3, 7), rng)
    proto = numpy_helper.from_array(values, "w")
    if not raw:
        complex_or_plain = values.ravel() if data_type in (14, 15) else values.astype(np.float64).ravel()
        proto = helper.make_tensor("w", data_type, values.shape, complex_or_plain.tolist())
    expected = np.ascontiguousarray(numpy_helper.to_array(proto)).ravel()
    with open_checkpoint(saved(tmp_path / "m.onnx", [proto])) as checkpoint:
        assert checkpoint.tensors["w"].dtype == DTYPES[data_type].name
        assert checkpoint.read("w").tobytes() == expected.tobytes()
        for start, stop in ((0, 3), (5, 12), (1, 2), (20, 21), (4, 4)):
            assert checkpoint.read("w", start, stop).tobytes() == expected[start:stop].tobytes()


def test_what_torch_exports_is_what_torch_holds(tmp_path: Path) -> None:
    """The graph is written by hand, its weights are torch's, and onnx's own evaluator agrees on the axes."""
    layer = torch.nn.Linear(3, 4)
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    nodes = [helper.make_node("Gemm", ["x", "weight", "bias"], ["y"], transB=1)]
    with open_checkpoint(saved(tmp_path / "m.onnx", [tensor("weight", weight), tensor("bias", bias)], nodes)) as found:
        np.testing.assert_array_equal(found.read("weight"), weight.ravel())
        assert found.tensors["weight"].output_axis == 0
        out = np.empty(12, np.float32)
        found.read_into("weight", 0, out)
        np.testing.assert_array_equal(out, weight.ravel())


def test_raw_values_are_read_from_the_file(tmp_path: Path) -> None:
    path = saved(tmp_path / "m.onnx", [tensor("w", np.arange(10.0, dtype=np.float32))])
    with open_checkpoint(path) as checkpoint:
        content = bytearray(path.read_bytes())
        at = content.index(np.float32(3.0).tobytes())
        content[at : at + 4] = np.float32(33.0).tobytes()
        path.write_bytes(content)
        assert checkpoint.read("w", 2, 5).tolist() == [2.0, 33.0, 4.0]


def test_constants_that_are_weights_are_read_and_other_constants_are_not(tmp_path: Path) -> None:
    constants = {
        "w": np.ones((2, 2), np.float32),
        "epsilon": np.array([1e-5], np.float32),
        "shape": np.array([1, 2, 3]),
    }
    nodes = [helper.make_node("Constant", [], [name], value=tensor("", value)) for name, value in constants.items()]
    nodes.append(helper.make_node("Constant", [], ["floats"], value_floats=[1.0, 2.0]))
    nodes.append(helper.make_node("MatMul", ["x", "w"], ["y"]))
    with open_checkpoint(saved(tmp_path / "m.onnx", [tensor("v", np.ones(3))], nodes)) as checkpoint:
        assert list(checkpoint.tensors) == ["v", "w"]
        assert checkpoint.read("w").tolist() == [1.0] * 4
        assert checkpoint.tensors["w"].output_axis == -1


def test_a_model_in_several_pieces_is_one(tmp_path: Path) -> None:
    """Parsers join the pieces of a message; a file may be written that way."""
    pieces = [model([tensor(name, np.ones(2))]).SerializeToString() for name in ("a", "b")]
    (tmp_path / "m.onnx").write_bytes(b"".join(pieces))
    with open_checkpoint(tmp_path / "m.onnx") as checkpoint:
        assert list(checkpoint.tensors) == ["a", "b"]
        assert checkpoint.format == "onnx"


def with_external_data(path: Path, **arrays: np.ndarray) -> onnx.ModelProto:
    proto = model([tensor(name, values) for name, values in arrays.items()])
    onnx.save_model(
        proto, path, save_as_external_data=True, location="data/m.bin", size_threshold=0, convert_attribute=False
    )
    return proto


def test_external_data_is_read_in_place_through_one_file(tmp_path: Path, rng: np.random.Generator) -> None:
    (tmp_path / "data").mkdir()
    arrays = {f"w{k}": rng.normal(size=(3, 5)).astype(np.float32) for k in range(40)}
    arrays["b"] = np.arange(3).astype(ml_dtypes.bfloat16)
    arrays["q"] = np.arange(5).astype(ml_dtypes.int4)
    with_external_data(tmp_path / "m.onnx", **arrays)
    before = len(os.listdir("/proc/self/fd"))
    with open_checkpoint(tmp_path / "m.onnx") as checkpoint:
        assert len(os.listdir("/proc/self/fd")) == before + 2
        for name, values in arrays.items():
            out = np.empty(values.size, np.float32)
            checkpoint.read_into(name, 0, out)
            np.testing.assert_array_equal(out, values.ravel().astype(np.float32))
            assert checkpoint.read(name, 1, 3).tolist() == values.ravel()[1:3].tolist()
    assert len(os.listdir("/proc/self/fd")) == before


def test_external_data_in_a_cache_of_links(tmp_path: Path) -> None:
    """A hub's cache keeps files under their hashes in one folder, and links to them in another."""
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshot"
    (blobs / "data").mkdir(parents=True)
    (snapshot / "data").mkdir(parents=True)
    with_external_data(blobs / "m.onnx", w=np.arange(4.0))
    (blobs / "m.onnx").rename(blobs / "abc")
    (blobs / "data/m.bin").rename(blobs / "def")
    (snapshot / "m.onnx").symlink_to(blobs / "abc")
    (snapshot / "data/m.bin").symlink_to(blobs / "def")
    with open_checkpoint(snapshot / "m.onnx") as checkpoint:
        assert checkpoint.read("w").tolist() == [0.0, 1.0, 2.0, 3.0]


@pytest.mark.parametrize("external", [False, True])
@pytest.mark.parametrize(
    ("scale", "zero", "options"),
    [
        (np.float32(0.5), np.int8(3), {}),
        (np.array([0.5], np.float32), None, {}),
        (np.array([0.5, 0.25, 2.0], np.float32), np.array([1, 0, -4], np.int8), {"axis": 0}),
        (np.array([1, 2, 3, 4], np.float32), np.array([0, 0, 1, 1], np.int8), {}),
        (np.array([1, 2, 3, 4], np.float32), None, {"axis": -1}),
    ],
)
def test_quantised_weights_are_those_they_stand_for(
    tmp_path: Path, scale: Any, zero: Any, options: dict[str, Any], external: bool
) -> None:
    values = np.arange(-6, 6, dtype=np.int8).reshape(3, 4)
    initializers = [tensor("q", values), tensor("s", scale)] + ([] if zero is None else [tensor("z", zero)])
    node = helper.make_node("DequantizeLinear", [proto.name for proto in initializers], ["w"], **options)
    path = tmp_path / "m.onnx"
    output = helper.make_tensor_value_info("w", TensorProto.FLOAT, values.shape)
    proto = helper.make_model(helper.make_graph([node], "g", [], [output], initializers))
    outputs: Any = ReferenceEvaluator(proto).run(None, {})
    expected = outputs[0].ravel()
    if external:
        onnx.save_model(proto, path, save_as_external_data=True, location="m.bin", size_threshold=0)
    else:
        path.write_bytes(proto.SerializeToString())
    with open_checkpoint(path) as checkpoint:
        assert checkpoint.tensors["q"].dtype == "float32"
        assert checkpoint.notes == ("quantised tensors are read as the weights they stand for: 1 of onnx with 8 bits",)
        np.testing.assert_array_equal(checkpoint.read("q"), expected)
        np.testing.assert_array_equal(checkpoint.read("q", 5, 10), expected[5:10])
        out = np.empty(4, np.float32)
        checkpoint.read_into("q", 7, out)
        np.testing.assert_array_equal(out, expected[7:11])


@pytest.mark.parametrize(
    "scale",
    [np.ones(2, np.float32), np.ones((2, 2), np.float32), np.ones(0, np.float32), np.ones((3, 4), np.float32)],
)
def test_a_scale_that_does_not_fit_leaves_integers(tmp_path: Path, scale: np.ndarray) -> None:
    nodes = [helper.make_node("DequantizeLinear", ["q", "s"], ["w"], axis=0)]
    path = saved(
        tmp_path / "m.onnx", [tensor("q", np.arange(12, dtype=np.int8).reshape(3, 4)), tensor("s", scale)], nodes
    )
    with open_checkpoint(path) as checkpoint:
        assert checkpoint.tensors["q"].dtype == "int8"
        assert "q is not compared, about" in checkpoint.notes[0]
        assert (checkpoint.unread[0].tensors, checkpoint.unread[0].weights) == (("q", "s"), 12)


def test_what_is_left_out_is_noted(tmp_path: Path) -> None:
    proto = model([tensor("w", np.ones(3))])
    proto.graph.sparse_initializer.add()
    (tmp_path / "m.onnx").write_bytes(proto.SerializeToString())
    with open_checkpoint(tmp_path / "m.onnx") as checkpoint:
        assert checkpoint.notes == ("sparse initializers are left out",)


def test_texts_are_no_weights(tmp_path: Path) -> None:
    texts: list[Any] = [b"a", b"b"]
    words = helper.make_tensor("words", TensorProto.STRING, (2,), texts)
    with open_checkpoint(saved(tmp_path / "m.onnx", [words, tensor("w", np.ones(2))])) as checkpoint:
        assert list(checkpoint.tensors) == ["w"]


def test_a_missing_library_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "neural_phylogeny.formats.onnx.file", None)
    with pytest.raises(MissingExtraError) as caught:
        open_checkpoint(saved(tmp_path / "m.onnx", [tensor("w", np.ones(2))]))
    assert str(caught.value) == ".onnx files need an optional library: pip install 'neural-phylogeny[onnx]'"


def test_there_are_no_components(tmp_path: Path) -> None:
    with pytest.raises(UnknownChoiceError, match=r"^unknown component 'ema'\. Known: none$"):
        open_checkpoint(saved(tmp_path / "m.onnx", [tensor("w", np.ones(2))]), "ema")
