import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neural_phylogeny.errors import LimitError, NoModelError, UnsafeFileError, UnsupportedFormatError
from neural_phylogeny.formats import open_checkpoint
from neural_phylogeny.formats.limits import raised

Build = Callable[[h5py.File], object]
Refused = Callable[..., str]

NAME = "m.h5"

AGAIN = "Copy or download the file again."


def built(build: Build) -> bytes:
    """The bytes of an HDF5 file."""
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        build(file)
    return content.getvalue()


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """Another file, which no checkpoint may reach."""
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["w"] = np.arange(4.0)
    return tmp_path / "secret.h5"


LINKED = "reached by a link, which could lead to another file. Save the model without links."


@pytest.mark.parametrize("group", ["", "model_weights/", "layers/dense/vars/"])
def test_an_external_link_is_not_followed(refused: Refused, secret: Path, group: str) -> None:
    def build(file: h5py.File) -> None:
        file[f"{group}w"] = h5py.ExternalLink(str(secret), "w")

    assert refused(built(build), NAME, UnsafeFileError) == f"tensor 'w': {LINKED}"


def test_the_group_of_weights_may_not_be_a_link(refused: Refused, secret: Path) -> None:
    def build(file: h5py.File) -> None:
        file["model_weights"] = h5py.ExternalLink(str(secret), "/")

    assert refused(built(build), NAME, UnsafeFileError) == f"tensor 'model_weights': {LINKED}"


def test_a_soft_link_is_not_followed(refused: Refused) -> None:
    def build(file: h5py.File) -> None:
        file["v"] = np.ones(3)
        file["w"] = h5py.SoftLink("/v")

    assert refused(built(build), NAME, UnsafeFileError) == f"tensor 'w': {LINKED}"


def test_values_in_another_file_are_not_read(refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "raw").write_bytes(bytes(32))

    def external(file: h5py.File) -> None:
        file.create_dataset("w", (4,), "f8", external=[(str(tmp_path / "raw"), 0, 32)])

    assert refused(built(external), NAME, UnsafeFileError) == (
        "tensor 'w': its values lie in another file. Save the model in one file."
    )


def test_a_virtual_dataset_is_not_read(refused: Refused, secret: Path) -> None:
    def virtual(file: h5py.File) -> None:
        layout = h5py.VirtualLayout((4,), "f8")
        layout[:] = h5py.VirtualSource(str(secret), "w", (4,))
        file.create_virtual_dataset("w", layout)

    assert refused(built(virtual), NAME, UnsafeFileError) == (
        "tensor 'w': its values lie in another file. Save the model in one file."
    )


def test_a_filter_that_would_be_loaded_is_refused(refused: Refused) -> None:
    def build(file: h5py.File) -> None:
        settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        settings.set_chunk((4,))
        settings.set_filter(32015, h5py.h5z.FLAG_OPTIONAL, ())
        h5py.h5d.create(file.id, b"w", h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple((4,)), settings)

    assert refused(built(build), NAME, UnsupportedFormatError) == (
        "tensor 'w': compressed by filter 32015, which would have to be loaded. Save it with gzip, or uncompressed."
    )


def test_values_that_were_never_written_are_not_made_up(refused: Refused) -> None:
    size = 2**40
    reported = refused(built(lambda file: file.create_dataset("w", (size,), "f4", chunks=(1024,))), NAME)
    assert reported == f"tensor 'w': it claims {size} values but stores 0 bytes. {AGAIN}"


def test_groups_that_contain_themselves(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["w"] = np.ones(3)
        for loop in ("a", "b", "c"):
            file[loop] = file["/"]
    with open_checkpoint(tmp_path / "m.h5") as checkpoint:
        assert list(checkpoint.tensors) == ["w"]


def test_groups_nested_deeper_than_the_stack(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "m.h5", "w") as file:
        group = file
        for _ in range(1500):
            group = group.create_group("g")
        group["w"] = np.ones(3)
    with open_checkpoint(tmp_path / "m.h5") as checkpoint:
        assert list(checkpoint.tensors) == ["g/" * 1500 + "w"]


def test_a_listed_layer_that_is_missing(refused: Refused) -> None:
    def build(file: h5py.File) -> None:
        file.attrs["layer_names"] = np.array(["dense"], "S")

    assert refused(built(build), NAME) == f"tensor 'dense': it is listed but not there. {AGAIN}"


def test_a_listed_weight_that_is_missing(refused: Refused) -> None:
    def build(file: h5py.File) -> None:
        file.attrs["layer_names"] = np.array(["dense"], "S")
        file.create_group("dense").attrs["weight_names"] = np.array(["dense/kernel:0"], "S")

    assert refused(built(build), NAME) == f"tensor 'dense/kernel:0': it is listed but not there. {AGAIN}"


def test_a_layer_that_is_a_dataset(refused: Refused) -> None:
    def build(file: h5py.File) -> None:
        file.attrs["layer_names"] = np.array(["dense"], "S")
        file["dense"] = np.ones(3)
        file["dense"].attrs["weight_names"] = np.array(["kernel"], "S")

    assert refused(built(build), NAME) == f"tensor 'kernel': it is listed but not there. {AGAIN}"


@pytest.mark.parametrize("names", [7, [1.5], ["w"], b"text", h5py.Empty("S4")])
def test_a_list_of_layers_that_keras_did_not_write_is_passed_over(tmp_path: Path, names: object) -> None:
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file.attrs["layer_names"] = names
        file["w"] = np.ones(3)
    with open_checkpoint(tmp_path / "m.h5") as checkpoint:
        assert list(checkpoint.tensors) == ["w"]


def test_a_listed_name_that_is_no_text(refused: Refused) -> None:
    def build(file: h5py.File) -> None:
        file.attrs["layer_names"] = np.array([b"\xff"], "S")

    assert refused(built(build), NAME) == (
        "tensor 'layer_names': its HDF5 structure cannot be read ('utf-8' codec can't decode byte 0xff in position 0: "
        f"invalid start byte). {AGAIN}"
    )


def test_a_name_that_is_no_text(refused: Refused) -> None:
    def build(file: h5py.File) -> None:
        group = file.create_group("layers")
        h5py.h5d.create(group.id, b"\xff", h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple((1,)))

    assert refused(built(build), NAME) == f"tensor 'layers': a name in this group is not text. {AGAIN}"


def test_a_list_of_a_million_layers(refused: Refused) -> None:
    def build(file: h5py.File) -> None:
        file.attrs["layer_names"] = np.array(["a", "b", "c"], "S")

    with raised({"tensors": 2}):
        assert refused(built(build), NAME, LimitError).startswith("tensor 'layer_names': 3 names, the limit is 2.")


def test_a_file_without_weights(refused: Refused) -> None:
    expected = "an HDF5 file without weights. Save the model or its weights, not only its settings."
    assert refused(built(lambda file: file.create_group("layers")), NAME, NoModelError) == expected
    assert (
        refused(built(lambda file: file.create_dataset("optimizer/vars/0", (3,), "f4")), NAME, NoModelError) == expected
    )


def test_an_archive_without_weights(refused: Refused) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("config.json", "{}")
    assert refused(content.getvalue(), "m.keras", UnsupportedFormatError) == (
        "a .keras archive without model.weights.h5. Save the model with Keras 3."
    )


def test_an_archive_whose_weights_are_no_hdf5(refused: Refused) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("model.weights.h5", "not HDF5")
    assert refused(content.getvalue(), "m.keras").startswith("its HDF5 structure cannot be read (")


def whole(file: h5py.File) -> None:
    file.attrs["layer_names"] = np.array(["dense", "big"], "S")
    for layer in ("dense", "big"):
        file.create_group(layer).attrs["weight_names"] = np.array([f"{layer}/kernel:0"], "S")
    file["dense/dense/kernel:0"] = np.arange(6.0)
    file.create_dataset("big/big/kernel:0", data=np.arange(600.0).reshape(20, 30), compression="gzip")


@pytest.mark.parametrize("share", [0.01, 0.3, 0.7, 0.99])
def test_a_truncated_file(refused: Refused, share: float) -> None:
    content = built(whole)
    reported = refused(content[: int(len(content) * share)], NAME)
    assert reported.startswith("its HDF5 structure cannot be read (")


@given(st.data())
def test_a_mutated_file_is_read_or_refused(read_or_refuse, data: st.DataObject) -> None:
    content = bytearray(built(whole))
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(8, len(content) - 1))] = data.draw(st.integers(0, 255))
    read_or_refuse(bytes(content), NAME)
