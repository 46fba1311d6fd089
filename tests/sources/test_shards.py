import os
from pathlib import Path

import pytest

from neural_phylogeny.errors import CheckpointError, DamagedFileError, UnreadableFileError, UnsafeFileError
from neural_phylogeny.sources.shards import shards


def index_of(*files: str) -> dict[str, dict[str, str]]:
    return {"weight_map": {f"tensor{number}": file for number, file in enumerate(files)}}


def test_shards_come_in_the_order_of_the_index_each_once(write) -> None:
    first, second = write("b.safetensors"), write("a.safetensors")
    index = write("model.safetensors.index.json", index_of("b.safetensors", "a.safetensors", "b.safetensors"))
    assert [part.file for part in shards(index)] == [first, second]
    assert {part.prefix for part in shards(index)} == {""}


def test_a_shard_may_lie_in_a_subfolder(write) -> None:
    shard = write("weights/a.safetensors")
    assert [part.file for part in shards(write("x.index.json", index_of("weights/a.safetensors")))] == [shard]


def test_a_shard_may_be_a_link_out_of_its_folder_as_in_a_hubs_cache(write, tmp_path: Path) -> None:
    blob = write("blobs/0123abcd")
    index = write("snapshots/x.index.json", index_of("a.safetensors"))
    (tmp_path / "snapshots/a.safetensors").symlink_to(blob)
    assert [part.file for part in shards(index)] == [str(tmp_path / "snapshots/a.safetensors")]
    elsewhere = write("other/x.index.json", index_of("a.safetensors"))
    (tmp_path / "other/a.safetensors").symlink_to(blob)
    with pytest.raises(UnsafeFileError, match="a link that leads outside its folder"):
        shards(elsewhere)


@pytest.mark.parametrize("name", ["../a.safetensors", "sub/../../a.safetensors", "..", "..\\a.safetensors", ""])
def test_an_index_cannot_leave_its_folder(write, name: str) -> None:
    write("a.safetensors")
    index = write("model/x.index.json", index_of(name))
    with pytest.raises(UnsafeFileError) as caught:
        shards(index)
    assert str(caught.value) == (
        f"{index}: the shard index points outside its folder ({name!r}). Do not trust this folder."
    )


def test_an_index_cannot_name_an_absolute_path(write) -> None:
    elsewhere = write("a.safetensors")
    index = write("model/x.index.json", index_of(elsewhere))
    with pytest.raises(UnsafeFileError, match=r"points outside its folder \('/"):
        shards(index)


@pytest.mark.parametrize("name", ["gone.safetensors", ".", "folder", "a\0b", "\ud800", "n" * 3000])
def test_a_missing_shard_is_named(write, tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    index = write("x.index.json", index_of(name))
    with pytest.raises(UnreadableFileError) as caught:
        shards(index)
    assert str(caught.value) == f"{index}: shard {name[:200]!r} is missing. Download it into the same folder."


@pytest.mark.parametrize(
    "content",
    [
        [],
        "3",
        {},
        {"weight_map": []},
        {"weight_map": "a.safetensors"},
        {"weight_map": {"w": 3}},
        {"weight_map": {"w": ["a.safetensors"]}},
        {"weight_map": {"v": "a.safetensors", "w": None}},
    ],
)
def test_an_index_of_the_wrong_types_is_damaged(write, content: object) -> None:
    index = write("x.index.json", content)
    with pytest.raises(DamagedFileError) as caught:
        shards(index)
    assert str(caught.value) == (
        f"{index}: the shard index has no weight_map of tensors to files. Download the index again."
    )


def test_an_index_without_shards_is_damaged(write) -> None:
    with pytest.raises(DamagedFileError, match=r"the shard index names no shard\. Download the index again"):
        shards(write("x.index.json", {"weight_map": {}}))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", r"not JSON \(Expecting value"),
        (b"{", "not JSON"),
        (b"[" * 200_000, r"not JSON \(maximum recursion depth"),
        (b'{"weight_map": {"w": "a", "w": "b"}}', r"not JSON \(a name occurs twice\)"),
        (b"9" * 10_000, "not JSON"),
        (b"\xff\xfe\x00", "not text in UTF-8"),
    ],
)
def test_an_index_that_is_not_json_is_damaged(write, content: bytes, reason: str) -> None:
    with pytest.raises(DamagedFileError, match=reason):
        shards(write("x.index.json", content))


def test_an_index_that_may_not_be_read_says_so(write, refuse) -> None:
    index = write("x.index.json", index_of("a.safetensors"))
    refuse("os.open", index)
    with pytest.raises(UnreadableFileError) as caught:
        shards(index)
    assert str(caught.value) == f"{index}: permission denied. Check the path and its permissions."


def test_errors_are_of_this_package_and_of_the_builtin_kind(write) -> None:
    with pytest.raises(CheckpointError) as caught:
        shards(write("x.index.json", index_of("gone")))
    assert isinstance(caught.value, OSError)
    assert os.path.basename(caught.value.path) == "x.index.json"
