"""What each file in a folder is taken for, by its name or its first bytes."""

import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from neural_phylogeny.sources import discover, open_models
from neural_phylogeny.sources.listing import Listing, is_training_state

ZEROS = bytes(4096)


def kinds(folder: Path) -> dict[str, str]:
    return {os.path.basename(aside.path): aside.kind.one for aside in Listing.of(str(folder)).asides}


@pytest.mark.parametrize(
    "name", ["model_best.pth.tar", "weights", "net.model", "a.pkl", "last.chkpt", "x.dat", "b.weights"]
)
def test_a_checkpoint_of_any_name_is_found_by_its_first_bytes(write, tmp_path: Path, name: str) -> None:
    write(name)
    opened, skipped = open_models([str(tmp_path)])
    opened[0][1].close()
    assert ([ref.name for ref, _ in opened], skipped) == ([name], [])


@pytest.mark.parametrize(
    ("name", "content", "one"),
    [
        ("a.bin.ggml", b"lmgg" + ZEROS, "a GGML file"),
        ("sha256-0a1b", b"lmgg" + ZEROS, "a GGML file"),
        ("a.tflite", b"\0\0\0\0TFL3" + ZEROS, "a TensorFlow Lite model"),
        ("flax_model.msgpack", b"\x81\xa6params" + ZEROS, "a Flax msgpack file"),
        ("a.pth.gz", b"\x1f\x8b\x08" + ZEROS, "a file compressed with gzip"),
        ("a.tar", bytes(257) + b"ustar" + ZEROS, "a tar archive"),
        ("a.pt.xz", b"\xfd7zXZ\0" + ZEROS, "a file compressed with xz"),
        ("model.ckpt.data-00000-of-00001", b"\0\x01\xff" + ZEROS, "a TensorFlow checkpoint"),
        ("saved_model.pb", b"\x08\x01\xff" + ZEROS, "a TensorFlow graph"),
        ("a.safetensors.incomplete", b"\0\x01\xff" + ZEROS, "an unfinished download"),
        ("pointer", b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
        ("a.npy", b"\x93NUMPY\x01\0" + ZEROS, "a single NumPy array"),
        ("a.pkl", pickle.dumps({"a": [1.0] * 9}), "a pickle"),
        ("raw", b"\0\x01\xff" * 30_000, "a binary file"),
        ("optimizer.pt", b"", "a file of training state"),
    ],
)
def test_what_is_not_read_is_named(write, tmp_path: Path, name: str, content: bytes, one: str) -> None:
    write(name, content)
    assert kinds(tmp_path) == {name: one}
    found, skipped = discover([tmp_path])
    assert (found, skipped[-1].reason.startswith(f"{one}: ")) == ([], True)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("README", b"text"),
        ("notes", "caf\u00e9".encode() * 900 + b"\xc3"),
        ("picture", b"\x89PNG" + bytes(100_000)),
        ("prog", b"\x7fELF" + bytes(100_000)),
        ("data.csv.gz", b"\x1f\x8b\x08" + ZEROS),
        ("tokenizer.model", b"\n\x0e\n\x05<unk>\x15" + bytes(100_000)),
        ("events.out.tfevents.1", b"\x18\0\0\xff" * 50_000),
        ("small", b"\0\x01\xff"),
        ("empty", b""),
        ("x.onnx.md", b"\x08\x07\x12\x07pytorch"),
    ],
)
def test_what_is_no_weights_is_not_mentioned(write, tmp_path: Path, name: str, content: bytes) -> None:
    write(name, content)
    listing = Listing.of(str(tmp_path))
    assert (listing.asides, listing.weights, listing.doubtful) == ((), (), ())


def test_pipes_and_devices_are_never_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    monkeypatch.setattr(os, "open", lambda *_: pytest.fail("opened"))
    listing = Listing.of(str(tmp_path))
    assert (listing.asides, listing.weights, listing.doubtful, listing.unusable) == ((), (), (), ())


def test_doubtful_files_that_cannot_be_read_are_listed_once(write, tmp_path: Path) -> None:
    for number in range(4):
        write(f"cache{number}.pkl", pickle.dumps({"of": "numpy", "f": os.system}))
    with zipfile.ZipFile(tmp_path / "slides", "w") as archive:
        archive.writestr("page.xml", "<x/>")
    found, skipped = discover([tmp_path])
    assert found == []
    assert [(item.is_model, item.reason.split(" (")[0]) for item in skipped] == [
        (True, "no checkpoint of a known format in this folder"),
        (True, "4 files: like checkpoints, but they cannot be read"),
        (False, "a file without weights: there is no model in it"),
    ]
    assert "loading it would hand over to posix.system" in skipped[1].reason


def test_thousands_of_files_are_looked_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3000):
        (tmp_path / f"{number}").write_bytes(b"\0\x01\xff" * 9)
    count = 0
    real = os.open

    def counted(*arguments: object) -> int:
        nonlocal count
        count += 1
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", counted)
    discover([tmp_path])
    assert count == 3000


def test_names_of_training_states() -> None:
    states = ("optimizer", "optimizer_0_1", "rng_state_3", "optimizer_state_dict", "zero_pp_rank_0_optim_states")
    assert all(is_training_state(f"a/{name}.pt") for name in states)
    assert not any(is_training_state(f"a/{name}.pt") for name in ("optimizer_net", "scaled", "model_optim", "sampler2"))


def test_arrays_alone_are_no_models_but_an_npz_is(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.ones((3, 3)))
    np.savez(tmp_path / "b.npz", w=np.ones((3, 3)))
    assert [ref.name for ref in discover([tmp_path])[0]] == ["b.npz"]


def test_files_linked_into_a_folder_of_models_are_meant_and_those_linked_into_a_model_are_not(tmp_path):
    target = tmp_path / "elsewhere.npz"
    np.savez(target, w=np.zeros((2, 2), np.float32))
    gathered, model = tmp_path / "gathered", tmp_path / "model"
    for folder in (gathered, model):
        folder.mkdir()
        (folder / "a.npz").symlink_to(target)
    (model / "config.json").write_text("{}")
    assert Listing.of(str(gathered)).weights == (str(gathered / "a.npz"),)
    assert Listing.of(str(model)).outside == (str(model / "a.npz"),)
