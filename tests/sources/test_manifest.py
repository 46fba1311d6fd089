import os
from pathlib import Path

import pytest

from neural_phylogeny.errors import DamagedFileError, UnreadableFileError
from neural_phylogeny.sources.manifest import is_manifest, read_manifest

REMEDY = "A manifest is a CSV with the columns name and path, or a JSON list of objects with these keys."


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("models.csv", "name,path\na,x.pt\nb,sub/y.pt\n"),
        ("models.csv", "\ufeffpath,note,name\r\nx.pt,first,a\r\nsub/y.pt,,b\r\n"),
        ("models.csv", '"name","path"\n\na,x.pt\nb,"sub/y.pt"'),
        ("MODELS.CSV", "name,path\na,x.pt\nb,sub/y.pt\n"),
        ("models.json", [{"name": "a", "path": "x.pt", "note": 1}, {"name": "b", "path": "sub/y.pt"}]),
        ("models.json", {"a": "x.pt", "b": "sub/y.pt"}),
    ],
)
def test_rows_lie_below_the_manifests_folder(write, tmp_path: Path, name: str, content: object) -> None:
    assert read_manifest(write(name, content)) == [
        ("a", str(tmp_path / "x.pt")),
        ("b", str(tmp_path / "sub/y.pt")),
    ]


def test_an_absolute_path_stays_what_it_is(write) -> None:
    assert read_manifest(write("models.json", {"a": os.path.abspath("x.pt")})) == [("a", os.path.abspath("x.pt"))]


def test_a_quoted_name_may_hold_a_line_break(write, tmp_path: Path) -> None:
    assert read_manifest(write("m.csv", 'name,path\n"a\nb",x.pt\n')) == [("a\nb", str(tmp_path / "x.pt"))]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("model,path\na,x.pt\n", "the manifest has no column 'name', only 'model', 'path'"),
        ("name;path\na;x.pt\n", "the manifest has no column 'name', only 'name;path'"),
        ("name,file\na,x.pt\n", "the manifest has no column 'path', only 'name', 'file'"),
        ("name,path\na,x.pt\nb\n", "row 2 of the manifest lacks a name or a path"),
        ("name,path\n,x.pt\n", "row 1 of the manifest lacks a name or a path"),
        ("name,path\n", "the manifest has no rows"),
        ("", "the manifest has no rows"),
        ("name,path\na," + "x" * 200_000, "not CSV (field larger than field limit (131072))"),
    ],
)
def test_a_csv_that_is_no_manifest_says_what_is_missing(write, content: str, reason: str) -> None:
    path = write("m.csv", content)
    with pytest.raises(DamagedFileError) as caught:
        read_manifest(path)
    assert str(caught.value) == f"{path}: {reason}. {REMEDY}"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ([], "the manifest has no rows"),
        ({}, "the manifest has no rows"),
        ("3", "the manifest is neither a list nor an object"),
        (["x.pt"], "row 1 of the manifest lacks a name or a path"),
        ([{"name": "a", "path": "x.pt"}, {"path": "y.pt"}], "row 2 of the manifest lacks a name or a path"),
        ([{"name": "a", "path": ["x.pt"]}], "row 1 of the manifest lacks a name or a path"),
        ({"a": "x.pt", "b": None}, "row 2 of the manifest lacks a name or a path"),
        ('{"a": "x.pt", "a": "y.pt"}', "not JSON (a name occurs twice)"),
    ],
)
def test_a_json_that_is_no_manifest_says_what_is_missing(write, content: object, reason: str) -> None:
    path = write("m.json", content)
    with pytest.raises(DamagedFileError) as caught:
        read_manifest(path)
    assert str(caught.value) == f"{path}: {reason}. {REMEDY}"


def test_a_manifest_that_may_not_be_read_says_so(write, refuse) -> None:
    path = write("m.csv", "name,path\na,x.pt\n")
    refuse("os.open", path)
    with pytest.raises(UnreadableFileError, match="permission denied"):
        read_manifest(path)


def test_a_shard_index_is_no_manifest() -> None:
    assert is_manifest("models.json")
    assert is_manifest("models.CSV")
    assert not is_manifest("model.safetensors.index.json")
    assert not is_manifest("model.safetensors")
