import io
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import ml_dtypes
import numpy as np
import pytest

from neural_phylogeny.errors import MissingExtraError, UnknownChoiceError
from neural_phylogeny.formats import open_checkpoint, windows

Build = Callable[[h5py.File], object]


def hdf5(path: Path, build: Build) -> Path:
    with h5py.File(path, "w") as file:
        build(file)
    return path


def legacy_layer(root: h5py.Group, layer: str, weights: dict[str, np.ndarray]) -> None:
    group = root.create_group(layer)
    group.attrs["weight_names"] = np.array([f"{layer}/{name}:0".encode() for name in weights], "S")
    for name, values in weights.items():
        group.create_dataset(f"{layer}/{name}:0", data=values)


def legacy_model(file: h5py.File) -> None:
    """A whole model as Keras 2 saves it: layers out of alphabetical order, with optimiser state beside."""
    root = file.create_group("model_weights")
    root.attrs["layer_names"] = np.array([b"lstm_2", b"flatten", b"dense_1"], "S")
    legacy_layer(root, "dense_1", {"kernel": np.arange(6, dtype=np.float32).reshape(3, 2), "bias": np.ones(2, "f4")})
    legacy_layer(root, "lstm_2", {"kernel": np.ones((2, 12), np.float32)})
    root.create_group("flatten").attrs["weight_names"] = np.zeros(0)
    file.create_group("optimizer_weights").create_dataset("m", data=np.ones(9))


def test_the_layers_of_a_saved_model_come_in_their_order(tmp_path: Path) -> None:
    with open_checkpoint(hdf5(tmp_path / "m.h5", legacy_model)) as checkpoint:
        assert checkpoint.format == "keras"
        assert [(t.name, t.shape, t.dtype, t.output_axis) for t in checkpoint.tensors.values()] == [
            ("lstm_2/lstm_2/kernel:0", (2, 12), "float32", -1),
            ("dense_1/dense_1/kernel:0", (3, 2), "float32", -1),
            ("dense_1/dense_1/bias:0", (2,), "float32", 0),
        ]
        assert checkpoint.read("dense_1/dense_1/kernel:0", 1, 4).tolist() == [1.0, 2.0, 3.0]


def test_a_list_of_layers_too_long_for_one_attribute_comes_in_pieces(tmp_path: Path) -> None:
    def build(file: h5py.File) -> None:
        file.attrs["layer_names0"] = np.array([b"b"], "S")
        file.attrs["layer_names1"] = np.array(["a"], "S")
        for layer in ("a", "b"):
            legacy_layer(file, layer, {"kernel": np.ones((2, 2))})

    with open_checkpoint(hdf5(tmp_path / "m.hdf5", build)) as checkpoint:
        assert list(checkpoint.tensors) == ["b/b/kernel:0", "a/a/kernel:0"]


def test_weights_outside_the_layers_are_read_last(tmp_path: Path) -> None:
    def build(file: h5py.File) -> None:
        file.attrs["layer_names"] = np.array(["a"], "S")
        legacy_layer(file, "a", {"kernel": np.ones((2, 2))})
        legacy_layer(file, "top_level_model_weights", {"gain": np.ones(1)})

    with open_checkpoint(hdf5(tmp_path / "m.h5", build)) as checkpoint:
        assert list(checkpoint.tensors) == ["a/a/kernel:0", "top_level_model_weights/top_level_model_weights/gain:0"]


def keras3_weights(file: h5py.File) -> None:
    for layer in ("dense_10", "dense_2", "dense"):
        for number in range(2):
            file.create_dataset(f"layers/{layer}/vars/{number}", data=np.full((2, 2)[: 2 - number], number, "f4"))
    file.create_dataset("layers/lstm/cell/vars/0", data=np.ones((2, 3), np.float32))
    file.create_dataset("optimizer/vars/0", data=np.ones(5))
    file.create_dataset("metrics/accuracy/vars/0", data=np.ones(1))
    file.create_group("layers/dropout/vars")


KERAS3_NAMES = ["dense/0", "dense/1", "dense_2/0", "dense_2/1", "dense_10/0", "dense_10/1", "lstm/cell/0"]


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_an_archive_of_keras_3(tmp_path: Path, method: int) -> None:
    with open_checkpoint(archive(tmp_path / "m.keras", method)) as checkpoint:
        assert list(checkpoint.tensors) == KERAS3_NAMES
        assert checkpoint.read("dense_10/1").tolist() == [1.0, 1.0]
        assert checkpoint.tensors["lstm/cell/0"].output_axis == -1


def test_a_weights_file_of_keras_3(tmp_path: Path) -> None:
    with open_checkpoint(hdf5(tmp_path / "m.weights.h5", keras3_weights)) as checkpoint:
        assert list(checkpoint.tensors) == KERAS3_NAMES


@pytest.mark.parametrize(
    ("name", "shape", "axis"),
    [
        ("conv/kernel:0", (3, 3, 2, 4), -1),
        ("dw/depthwise_kernel:0", (3, 3, 4, 1), -2),
        ("dw/pointwise_kernel:0", (1, 1, 4, 8), -1),
        ("depthwise_conv2d_1/0", (3, 3, 4, 1), -2),
        ("depthwise_conv2d_1/1", (4,), 0),
        ("separable_conv2d_1/0", (3, 3, 4, 1), -2),
        ("separable_conv2d_1/1", (1, 1, 4, 8), -1),
        ("conv2d_transpose/kernel:0", (3, 3, 8, 4), -2),
        ("transposed/kernel:0", (3, 4), -1),
    ],
)
def test_the_axis_of_the_output_units(tmp_path: Path, name: str, shape: tuple[int, ...], axis: int) -> None:
    path = hdf5(tmp_path / "m.h5", lambda file: file.create_dataset(name, data=np.ones(shape, "f4")))
    with open_checkpoint(path) as checkpoint:
        assert checkpoint.tensors[name].output_axis == axis


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"chunks": (3, 2)},
        {"chunks": (10, 7), "compression": "gzip", "shuffle": True, "fletcher32": True},
        {"dtype": ">f4"},
        {"dtype": "f2"},
        {"dtype": "i1"},
        {"dtype": "f8", "compression": "gzip"},
    ],
)
def test_values_do_not_depend_on_how_they_are_stored(
    tmp_path: Path, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(windows, "WINDOW", 11)
    values = np.arange(70).reshape(10, 7)
    settings: dict[str, Any] = {"dtype": "f4", **options}
    path = hdf5(tmp_path / "m.h5", lambda file: file.create_dataset("w", data=values, **settings))
    with open_checkpoint(path) as checkpoint:
        assert checkpoint.tensors["w"].dtype == np.dtype(settings["dtype"]).name
        for start, stop in ((0, 70), (5, 9), (20, 60), (3, 3), (69, 70)):
            assert checkpoint.read("w", start, stop).tolist() == values.ravel()[start:stop].tolist()
        out = np.empty(30, np.float32)
        checkpoint.read_into("w", 35, out)
        np.testing.assert_array_equal(out, np.arange(35, 65, dtype=np.float32))


def test_bfloat16_is_distinguished_from_its_opaque_type(tmp_path: Path) -> None:
    values = np.array([1.5, -2.0], ml_dtypes.bfloat16)

    def build(file: h5py.File) -> None:
        file.create_dataset("w", data=values).attrs["dtype"] = "bfloat16"
        file.create_dataset("v", data=values, chunks=(1,)).attrs["dtype"] = "bfloat16"

    with open_checkpoint(hdf5(tmp_path / "m.h5", build)) as checkpoint:
        assert {name: tensor.dtype for name, tensor in checkpoint.tensors.items()} == dict.fromkeys("vw", "bfloat16")
        assert checkpoint.read("w").tolist() == checkpoint.read("v").tolist() == [1.5, -2.0]


def test_a_layer_whose_weights_are_not_listed_is_walked(tmp_path: Path) -> None:
    def build(file: h5py.File) -> None:
        file.attrs["layer_names"] = np.array(["b", "a"], "S")
        for layer in ("a", "b"):
            legacy_layer(file, layer, {"kernel": np.ones((2, 2))})
        file["b"].attrs["weight_names"] = ["b/kernel:0"]

    with open_checkpoint(hdf5(tmp_path / "m.hdf5", build)) as checkpoint:
        assert list(checkpoint.tensors) == ["b/b/kernel:0", "a/a/kernel:0"]


def test_a_float_type_that_numpy_lacks_is_converted(tmp_path: Path) -> None:
    """bfloat16 as an HDF5 float type of its own: two bytes on disk, not the two bytes of a float16."""
    kind = h5py.h5t.IEEE_F32LE.copy()
    kind.set_fields(15, 7, 8, 0, 7)
    kind.set_size(2)
    kind.set_ebias(127)

    def build(file: h5py.File) -> None:
        space = h5py.h5s.create_simple((3,))
        dataset = h5py.h5d.create(file.id, b"w", kind, space)
        dataset.write(space, space, np.array([1.5, -2.0, 3e38], np.float32))

    with open_checkpoint(hdf5(tmp_path / "m.h5", build)) as checkpoint:
        out = np.empty(3, np.float32)
        checkpoint.read_into("w", 0, out)
        assert out.tolist() == np.array([1.5, -2.0, 3e38], ml_dtypes.bfloat16).astype(np.float32).tolist()


def test_scalars_and_empty_datasets(tmp_path: Path) -> None:
    def build(file: h5py.File) -> None:
        file["scalar"] = np.float32(2.0)
        file["nothing"] = h5py.Empty("f4")
        file["text"] = "hello"
        file.create_dataset("none", shape=(0, 3), dtype="f4")

    with open_checkpoint(hdf5(tmp_path / "m.h5", build)) as checkpoint:
        assert {name: tensor.shape for name, tensor in checkpoint.tensors.items()} == {"none": (0, 3), "scalar": ()}
        assert checkpoint.read("scalar").tolist() == [2.0]
        assert checkpoint.read("none").size == 0


def test_something_written_before_the_file_moves_no_values(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "m.h5", "w", userblock_size=512) as file:
        file["w"] = np.arange(5.0)
    with open_checkpoint(tmp_path / "m.h5") as checkpoint:
        assert checkpoint.read("w").tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]


@pytest.mark.parametrize("name", ["m.h5", "m.keras"])
def test_a_missing_library_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    path = hdf5(tmp_path / name, legacy_model)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingExtraError) as caught:
        open_checkpoint(path)
    assert str(caught.value) == (f"{path.suffix} files need an optional library: pip install 'neural-phylogeny[keras]'")


def test_there_are_no_components(tmp_path: Path) -> None:
    with pytest.raises(UnknownChoiceError, match=r"^unknown component 'ema'\. Known: none$"):
        open_checkpoint(hdf5(tmp_path / "m.h5", legacy_model), "ema")


def archive(path: Path, method: int = zipfile.ZIP_STORED) -> Path:
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        keras3_weights(file)
    with zipfile.ZipFile(path, "w", method) as members:
        members.writestr("config.json", "{}")
        members.writestr("model.weights.h5", content.getvalue())
    return path


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs the list of a process's open files")
@pytest.mark.parametrize("in_archive", [False, True])
def test_closing_twice_leaves_no_file_open(tmp_path: Path, in_archive: bool) -> None:
    path = archive(tmp_path / "m.keras") if in_archive else hdf5(tmp_path / "m.h5", legacy_model)
    before = len(os.listdir("/proc/self/fd"))
    checkpoint = open_checkpoint(path)
    checkpoint.close()
    checkpoint.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_files_that_nobody_closes_do_not_crash_the_process(tmp_path: Path) -> None:
    paths = [hdf5(tmp_path / "m.h5", legacy_model), archive(tmp_path / "m.keras")]
    paths.append(archive(tmp_path / "deflated.keras", zipfile.ZIP_DEFLATED))
    code = (
        "import gc, sys; from neural_phylogeny.formats import open_checkpoint\n"
        "for kept in ([], [1]):\n"
        "    for path in sys.argv[1:] * 5:\n"
        "        kept.append(open_checkpoint(path)) if kept else open_checkpoint(path)\n"
        "        gc.collect()\n"
    )
    done = subprocess.run([sys.executable, "-c", code, *map(str, paths)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
