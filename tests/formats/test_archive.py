"""Archives of PyTorch files, built byte by byte as Stable-Baselines3 lays them out; no torch needed."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from neural_phylogeny.errors import DamagedFileError, UnknownChoiceError, UnsupportedFormatError
from neural_phylogeny.formats import open_checkpoint
from neural_phylogeny.formats.archive import matches

VALUES = np.arange(12, dtype=np.float32)


def torch_file(name: str = "net.weight", values: np.ndarray = VALUES, compression: int = zipfile.ZIP_STORED) -> bytes:
    """A checkpoint in torch's zip format with one vector in it."""
    record = (
        f"(V{name}\nctorch._utils\n_rebuild_tensor_v2\n((Vstorage\nctorch\nFloatStorage\nV0\nVcpu\nI{values.size}\ntQ"
        f"I0\n(I{values.size}\nt(I1\nt\x89NtRd."
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        archive.writestr("archive/data.pkl", record.encode("latin-1"))
        archive.writestr("archive/byteorder", b"little")
        archive.writestr("archive/data/0", values.tobytes())
    return buffer.getvalue()


def archive_file(path: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def agent(path: Path, compression: int = zipfile.ZIP_STORED) -> Path:
    """What a saved agent looks like: settings, optimiser, loose variables, and the policy in the middle."""
    members = {
        "data": b"{}",
        "actor.optimizer.pth": b"never opened",
        "extra.pth": torch_file(values=VALUES[:3]),
        "policy.pth": torch_file(),
        "policy.optimizer.pth": b"never opened",
        "pytorch_variables.pth": b"never opened",
        "tensors.pth": b"never opened",
    }
    return archive_file(path, members, compression)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_the_policy_is_the_model_however_it_is_packed(tmp_path, compression):
    with open_checkpoint(agent(tmp_path / "agent.zip", compression)) as checkpoint:
        assert checkpoint.format == "archive"
        assert checkpoint.components == ("policy.pth", "extra.pth")
        assert list(checkpoint.tensors) == ["net.weight"]
        np.testing.assert_array_equal(checkpoint.read("net.weight"), VALUES)
        np.testing.assert_array_equal(checkpoint.read("net.weight", 3, 5), VALUES[3:5])
        out = np.empty(4, np.float32)
        checkpoint.read_into("net.weight", 8, out)
        np.testing.assert_array_equal(out, VALUES[8:])


def test_another_member_is_chosen_by_name(tmp_path):
    path = agent(tmp_path / "agent.zip")
    with open_checkpoint(path, "extra.pth") as checkpoint:
        assert checkpoint.components == ("extra.pth", "policy.pth")
        assert checkpoint.tensors["net.weight"].shape == (3,)
    with pytest.raises(UnknownChoiceError, match=r"unknown component 'policy'; did you mean 'policy.pth'\?"):
        open_checkpoint(path, "policy")


def test_compressed_members_of_a_torch_file_are_read_too(tmp_path):
    (tmp_path / "x.pt").write_bytes(torch_file(compression=zipfile.ZIP_DEFLATED))
    with open_checkpoint(tmp_path / "x.pt") as checkpoint:
        assert checkpoint.format == "pytorch"
        np.testing.assert_array_equal(checkpoint.read("net.weight", 2, 9), VALUES[2:9])


def test_a_big_endian_file_gives_the_same_values(tmp_path):
    content = torch_file(values=VALUES.astype(">f4"))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()} | {"archive/byteorder": b"big"}
    with open_checkpoint(archive_file(tmp_path / "x.pt", members)) as checkpoint:
        out = np.empty(12, np.float32)
        checkpoint.read_into("net.weight", 0, out)
        np.testing.assert_array_equal(out, VALUES)
        np.testing.assert_array_equal(checkpoint.read("net.weight"), VALUES)
        assert checkpoint.tensors["net.weight"].dtype == "float32"


def test_an_archive_without_weights_says_what_to_give(tmp_path):
    with pytest.raises(UnsupportedFormatError) as caught:
        open_checkpoint(archive_file(tmp_path / "x.zip", {"notes.txt": b"hello", "policy.optimizer.pth": b"x"}))
    assert caught.value.reason == "a zip archive without PyTorch's data.pkl"


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"policy.pth": b""}, True),
        ({"sub/model.bin": b"", "data": b""}, True),
        ({"policy.optimizer.pth": b""}, False),
        ({"archive/data.pkl": b"", "archive/data/x.pt": b""}, False),
        ({"a.npy": b""}, False),
        ({"config.json": b"", "model.weights.h5": b""}, False),
    ],
)
def test_what_is_offered_to_this_reader(tmp_path, members, expected):
    assert matches(b"PK\x03\x04", archive_file(tmp_path / "x", members)) is expected


def test_a_truncated_archive_is_not_taken_for_its_last_whole_member(tmp_path):
    path = agent(tmp_path / "agent.zip")
    whole = path.read_bytes()
    inner_ends = [position + 22 for position in range(len(whole) - 30) if whole.startswith(b"PK\x05\x06", position)]
    assert len(inner_ends) == 2
    for length in (*inner_ends, len(whole) - 30):
        path.write_bytes(whole[:length])
        with pytest.raises(DamagedFileError) as caught:
            open_checkpoint(path)
        assert caught.value.reason == "there are bytes that its zip directory does not cover"


def test_a_truncated_archive_is_damaged(tmp_path):
    path = archive_file(tmp_path / "agent.zip", {"policy.pth": torch_file()}, zipfile.ZIP_DEFLATED)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DamagedFileError) as caught:
        open_checkpoint(path)
    assert caught.value.reason == "its zip directory cannot be read (File is not a zip file)"


@pytest.mark.wild
def test_every_public_archive_opens(wild):
    paths = sorted(wild.glob("*/*.zip"))
    assert paths
    for path in paths:
        with open_checkpoint(path) as checkpoint:
            assert checkpoint.format == "archive"
            assert all(checkpoint.read(name).size == info.size for name, info in checkpoint.tensors.items())
