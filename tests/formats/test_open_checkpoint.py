import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from neural_phylogeny.errors import UnreadableFileError, UnsupportedFormatError
from neural_phylogeny.formats import FORMATS, SUFFIXES, open_checkpoint

ONE_TENSOR = save({"w": np.ones(2, np.float32)})


@pytest.mark.parametrize("name", ["m.pt", "m.npz", "m.h5", "m.zip", "m.dat", "m"])
def test_the_first_bytes_decide_and_not_the_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(ONE_TENSOR)
    with open_checkpoint(tmp_path / name) as checkpoint:
        assert checkpoint.format == "safetensors"


def test_every_format_says_which_suffixes_it_has() -> None:
    assert [row.name for row in FORMATS] == [
        "fingerprint",
        "safetensors",
        "gguf",
        "npz",
        "keras",
        "archive",
        "distributed",
        "zero",
        "pytorch",
        "onnx",
    ]
    assert {
        ".nphylo",
        ".safetensors",
        ".gguf",
        ".npz",
        ".h5",
        ".hdf5",
        ".keras",
        ".zip",
        ".pt",
        ".pth",
        ".bin",
        ".ckpt",
        ".onnx",
    } == SUFFIXES


def test_a_path_may_be_text(tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(ONE_TENSOR)
    with open_checkpoint(str(tmp_path / "m")) as checkpoint:
        assert list(checkpoint.tensors) == ["w"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "the file is empty. Copy or download it again."),
        (b"hello", f"not a checkpoint of a known format. Known suffixes: {', '.join(sorted(SUFFIXES))}."),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 123\n",
            "a Git LFS pointer, not the weights it stands for. Run git lfs pull where it came from.",
        ),
    ],
)
def test_a_file_that_is_no_checkpoint(tmp_path: Path, content: bytes, expected: str) -> None:
    path = tmp_path / "m.dat"
    path.write_bytes(content)
    with pytest.raises(UnsupportedFormatError) as caught:
        open_checkpoint(path)
    assert str(caught.value) == f"{path}: {expected}"


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError) as caught:
        open_checkpoint(tmp_path / "gone.pt")
    assert str(caught.value) == (
        f"{tmp_path / 'gone.pt'}: no such file or directory. Check the path and its permissions."
    )


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError) as caught:
        open_checkpoint(tmp_path)
    assert str(caught.value) == f"{tmp_path}: is a directory. Check the path and its permissions."


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(ONE_TENSOR)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.open", refuse)
    with pytest.raises(UnreadableFileError) as caught:
        open_checkpoint(path)
    assert str(caught.value) == f"{path}: permission denied. Check the path and its permissions."


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "m.pt")
    with pytest.raises(UnreadableFileError) as caught:
        open_checkpoint(tmp_path / "m.pt")
    assert str(caught.value) == f"{tmp_path / 'm.pt'}: not a regular file. Copy what it gives into a file."


def test_a_path_that_is_none() -> None:
    with pytest.raises(UnreadableFileError) as caught:
        open_checkpoint("a\0b")
    assert str(caught.value) == "a\0b: not a path (embedded null byte). Check the path."


def test_no_optional_library_is_imported_for_a_file_that_needs_none(tmp_path: Path) -> None:
    np.savez(tmp_path / "m.npz", w=np.ones(2))
    code = (
        "import sys; from neural_phylogeny.formats import open_checkpoint; open_checkpoint(sys.argv[1]).close(); "
        "print({'torch', 'h5py', 'onnx', 'sklearn', 'scipy'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "m.npz")], capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"


@pytest.mark.wild
def test_every_public_checkpoint_is_read_whole(wild: Path) -> None:
    files = [path for path in sorted(wild.glob("*/*")) if path.suffix in SUFFIXES]
    assert files
    for path in files:
        with open_checkpoint(path) as checkpoint:
            assert checkpoint.tensors, path
            for name, tensor in checkpoint.tensors.items():
                values = checkpoint.read(name)
                assert (values.size, values.dtype.name) == (tensor.size, tensor.dtype), (path, name)
