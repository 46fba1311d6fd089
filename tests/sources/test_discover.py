import json
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from neural_phylogeny.errors import shortened
from neural_phylogeny.inputs import ModelRef, Part, Skipped
from neural_phylogeny.sources import discover, open_all


def names(*paths: str | Path, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> list[str]:
    found, skipped = discover(paths, include=include, exclude=exclude)
    assert skipped == []
    return [ref.name for ref in found]


def test_a_file_is_a_model_whatever_its_suffix(write) -> None:
    path = write("weights.dat")
    assert discover([path]) == ([ModelRef(name="weights.dat", path=path, parts=(Part(file=path),))], [])


def test_a_trainers_file_given_explicitly_is_taken(write) -> None:
    assert names(write("optimizer.pt")) == ["optimizer.pt"]


def test_the_component_goes_into_every_model(write, tmp_path: Path) -> None:
    write("a.pt")
    write("b.pt")
    assert {ref.component for ref in discover([tmp_path], component="ema")[0]} == {"ema"}


def test_names_are_file_names_where_one_folder_is_given(write, tmp_path: Path) -> None:
    for name in ("b.pt", "a.safetensors", "truth.json", "README.md"):
        write(name)
    assert names(tmp_path) == ["a.safetensors", "b.pt"]


def test_names_keep_what_tells_folders_apart(write, tmp_path: Path) -> None:
    write("x/run1/model.pt")
    write("x/run2/model.pt")
    assert names(tmp_path) == ["run1/model.pt", "run2/model.pt"]
    assert names(tmp_path / "x/run1", tmp_path / "x/run2/model.pt") == ["run1/model.pt", "run2/model.pt"]


def test_a_folder_model_is_called_by_its_folder(write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write("x/m/config.json", {})
    weights = write("x/m/model.safetensors")
    folder = str(tmp_path / "x/m")
    ref = ModelRef(name="m", path=folder, parts=(Part(file=weights),), found_in=folder)
    assert discover([folder]) == ([ref], [])
    monkeypatch.chdir(folder)
    assert names(".") == ["m"]


def test_paths_stay_as_given(write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write("sub/a.pt")
    monkeypatch.chdir(tmp_path)
    for given_path, found in (("./sub/a.pt", "./sub/a.pt"), ("./sub", "./sub/a.pt"), ("sub/", "sub/a.pt")):
        assert [ref.path for ref in discover([given_path])[0]] == [found]


def test_the_same_file_counts_once(write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write("sub/a.pt")
    (tmp_path / "link.pt").symlink_to(path)
    monkeypatch.chdir(tmp_path)
    assert [ref.path for ref in discover([path, "sub/a.pt", "link.pt", "sub", "sub/../sub/*.pt"])[0]] == [path]


def test_a_folder_model_and_its_only_file_are_one_model(write, tmp_path: Path) -> None:
    write("config.json", {})
    path = write("model.safetensors")
    assert [ref.path for ref in discover([tmp_path, path])[0]] == [str(tmp_path)]


def test_a_pattern_takes_what_a_walk_takes(write, tmp_path: Path) -> None:
    for name in ("a.pt", "b.pt", "README.md", "run/c.pt", "logs/log.txt", "m.csv"):
        write(name)
    assert names(f"{tmp_path}/*.pt") == ["a.pt", "b.pt"]
    assert names(f"{tmp_path}/*") == ["a.pt", "b.pt", "run/c.pt"]
    assert names(f"{tmp_path}/**/*.pt") == ["a.pt", "b.pt", "run/c.pt"]


def test_a_recursive_pattern_does_not_take_shards_for_models(write, tmp_path: Path) -> None:
    shard = "model-00001-of-00001.safetensors"
    write(f"runs/m/{shard}")
    write("runs/m/model.safetensors.index.json", {"weight_map": {"w": shard}})
    assert names(f"{tmp_path}/runs/**") == ["m"]


def test_a_name_with_brackets_that_exists_is_no_pattern(write) -> None:
    path = write("model[1].pt")
    write("model1.pt")
    assert names(path) == ["model[1].pt"]


def test_a_pattern_without_a_model_is_reported(write, tmp_path: Path) -> None:
    write("logs/log.txt")
    assert discover([f"{tmp_path}/*"]) == (
        [],
        [Skipped(path=f"{tmp_path}/*", reason="no checkpoint of a known format matches this pattern")],
    )


def test_what_is_missing_is_reported_once_and_the_rest_goes_on(write, tmp_path: Path) -> None:
    gone, nothing = str(tmp_path / "gone.pt"), f"{tmp_path}/*.ckpt"
    found, skipped = discover([gone, write("a.pt"), nothing, gone])
    assert [ref.name for ref in found] == ["a.pt"]
    reason = "no such file or directory. Check the path and its permissions."
    assert skipped == [Skipped(path=gone, reason=reason), Skipped(path=nothing, reason=reason)]


def test_what_is_no_file_is_reported(write, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pt")
    (tmp_path / "link.pt").symlink_to(tmp_path / "gone.pt")
    (tmp_path / "loop.pt").symlink_to(tmp_path / "loop.pt")
    below_a_file = f"{write('a.pt')}/b.pt"
    paths = [str(tmp_path / "pipe.pt"), str(tmp_path / "link.pt"), str(tmp_path / "loop.pt"), below_a_file]
    found, skipped = discover(paths)
    assert found == []
    assert [(item.path, item.reason.split(".")[0]) for item in skipped] == [
        (paths[0], "not a regular file"),
        (paths[1], "a link to a file that is not here, as of a download that is not complete"),
        (paths[2], "too many levels of symbolic links"),
        (paths[3], "not a directory"),
    ]


@pytest.mark.parametrize("path", ["a\0b", "a\0*/b", "\ud800", "\ud800*", "n" * 5000, ""])
def test_what_no_file_can_be_called_is_reported(path: str) -> None:
    found, skipped = discover([path])
    assert found == []
    assert [item.path for item in skipped] == [shortened(path)]


def test_a_folder_without_checkpoints_is_reported(write, tmp_path: Path) -> None:
    write("README.md", "nothing here")
    assert discover([tmp_path]) == (
        [],
        [Skipped(path=str(tmp_path), reason="no checkpoint of a known format in this folder")],
    )


def test_a_folder_that_may_not_be_listed_is_reported(tmp_path: Path, refuse) -> None:
    refuse("os.scandir", str(tmp_path))
    reason = "permission denied. Check the path and its permissions."
    assert discover([tmp_path]) == ([], [Skipped(path=str(tmp_path), reason=reason)])


def test_a_file_in_a_folder_that_may_not_be_entered_is_reported(write, refuse) -> None:
    path = write("locked/a.pt")
    refuse("os.stat", path)
    assert discover([path]) == (
        [],
        [Skipped(path=path, reason="permission denied. Check the path and its permissions.")],
    )


def test_a_shard_index_given_explicitly_is_its_model(write) -> None:
    shard = write("m/a.safetensors")
    index = write("m/model.safetensors.index.json", {"weight_map": {"w": "a.safetensors"}})
    ref = ModelRef(name="model.safetensors.index.json", path=index, parts=(Part(file=shard),), index=index)
    assert discover([index])[0] == [ref]
    broken = write("m/b.index.json", {"weight_map": {"w": "../x"}})
    assert discover([broken])[1] == [
        Skipped(path=broken, reason="the shard index points outside its folder ('../x'). Do not trust this folder.")
    ]


def test_a_manifest_names_its_models(write, tmp_path: Path) -> None:
    a, b = write("w/a.pt"), write("w/b.pt")
    write("w/m/config.json", {})
    folder, folder_weights = str(tmp_path / "w/m"), write("w/m/model.safetensors")
    manifest = write("models.csv", "name,path\nparent,w/a.pt\nchild,w/b.pt\nwhole,w/m\n")
    assert discover([manifest]) == (
        [
            ModelRef(name="parent", path=a, parts=(Part(file=a),)),
            ModelRef(name="child", path=b, parts=(Part(file=b),)),
            ModelRef(name="whole", path=folder, parts=(Part(file=folder_weights),), found_in=folder),
        ],
        [],
    )


def test_models_of_a_manifests_folder_keep_their_own_names(write) -> None:
    write("w/a.pt")
    write("w/b.pt")
    assert names(write("models.json", {"both": "w"})) == ["a.pt", "b.pt"]


def test_a_manifests_bad_rows_are_reported_and_the_rest_goes_on(write) -> None:
    write("a.pt")
    manifest = write("m.json", {"a": "a.pt", "gone": "gone.pt", "again": "m.json", "odd": "\ud800*", "nul": "\0[a]"})
    found, skipped = discover([manifest])
    assert [ref.name for ref in found] == ["a"]
    assert [(os.path.basename(item.path), item.reason.split(".")[0]) for item in skipped[:2]] == [
        ("gone.pt", "row 'gone': no such file or directory"),
        ("m.json", "a manifest cannot name another manifest"),
    ]
    assert len(skipped) == 4


def test_a_bad_manifest_is_reported(write) -> None:
    path = write("truth.json", {"edges": []})
    found, skipped = discover([path])
    assert (found, [item.path for item in skipped]) == ([], [path])
    assert skipped[0].reason.startswith("row 1 of the manifest lacks a name or a path. A manifest is a CSV")


def test_include_and_exclude_match_names_and_paths(write, tmp_path: Path) -> None:
    for name in ("run1/a.pt", "run1/b.pt", "run2/a.pt"):
        write(name)
    assert names(tmp_path, include=["run1/*"]) == ["run1/a.pt", "run1/b.pt"]
    assert names(tmp_path, exclude=["*/a.pt"]) == ["run1/b.pt"]
    assert names(tmp_path, include=["run1/*", "run2/*"], exclude=["*b.pt"]) == ["run1/a.pt", "run2/a.pt"]
    assert names(tmp_path, include=[f"{tmp_path}/run2/*"]) == ["run2/a.pt"]
    assert names(tmp_path, include=["nothing"]) == []


def test_what_was_excluded_is_not_listed(write, tmp_path: Path) -> None:
    for name in ("model.safetensors", "weights.ggml", "optimizer.pt"):
        write(name, b"lmgg")
    assert len(discover([tmp_path])[1]) == 2
    assert discover([tmp_path], exclude=["*.ggml", "optim*", "*/optim*"])[1] == []


def test_duplicate_names_get_numbers_that_are_free(write) -> None:
    rows = [{"name": name, "path": write(f"{number}.pt")} for number, name in enumerate(["a", "a", "a (2)", "a", "b"])]
    assert names(write("m.json", rows)) == ["a", "a (3)", "a (2)", "a (4)", "b"]


def test_a_name_may_hold_anything_a_file_name_can(tmp_path: Path) -> None:
    odd = [b"line\nbreak.pt", b"[bold]red.pt", b"not\xffutf8.pt"]
    for name in odd:
        (tmp_path / os.fsdecode(name)).write_bytes(b"x")
    assert names(tmp_path) == sorted(os.fsdecode(name) for name in odd)


def test_no_paths_are_no_models() -> None:
    assert discover([]) == ([], [])


@pytest.mark.wild
def test_public_groups_are_found_whole(wild: Path) -> None:
    groups = sorted(folder for folder in wild.iterdir() if folder.is_dir())
    assert groups
    for group in groups:
        expected = sorted(file.name for file in group.iterdir() if file.name != "truth.json")
        assert names(group) == expected
        assert json.loads((group / "truth.json").read_text())


@pytest.mark.wild
def test_public_files_all_open(wild: Path) -> None:
    opened, skipped = open_all(discover([wild])[0])
    for _, checkpoint in opened:
        checkpoint.close()
    assert skipped == []
    assert all(checkpoint.tensors for _, checkpoint in opened)


def test_shards_that_are_named_one_by_one_are_one_model(write) -> None:
    first, second = (write(f"m/model-0000{k}-of-00002.safetensors") for k in (1, 2))
    (ref,), skipped = discover([write("a.pt"), second, first])[0][1:], discover([first])[1]
    assert ([part.file for part in ref.parts], ref.path, skipped) == ([first, second], first, [])
    assert [ref.parts for ref in discover([second])[0]] == [(Part(file=second),)]  # one alone is taken at its word


def test_a_pattern_takes_shards_for_one_model(write, tmp_path: Path) -> None:
    for number in (1, 2, 3):
        write(f"m/model-0000{number}-of-00003.safetensors")
    assert [len(ref.parts) for ref in discover([f"{tmp_path}/m/*.safetensors"])[0]] == [3]
    found, skipped = discover([f"{tmp_path}/m/*-0000[12]-*"])
    assert found == []
    assert [item.reason.split(". ")[0] for item in skipped] == ["shard 3 of the 3 of 'model.safetensors' is missing"]


def test_what_lies_beside_models_is_listed_once_by_kind_and_count(write, tmp_path: Path) -> None:
    write("a.pt")
    for number in range(5):
        write(f"run{number}/weights.ggml", b"lmgg" + bytes(20))
        write(f"run{number}/optimizer.pt")
    write("deep/model.tflite", b"\0\0\0\0TFL3" + bytes(20))
    found, skipped = discover([tmp_path])
    assert [ref.name for ref in found] == ["a.pt"]
    assert [(os.path.relpath(item.path, tmp_path), item.is_model, item.reason) for item in skipped] == [
        ("deep/model.tflite", True, "a TensorFlow Lite model: this format is not read yet"),
        (
            ".",
            False,
            "5 files of training state: an optimiser or the like, and no model "
            "(run0/optimizer.pt, run1/optimizer.pt, run2/optimizer.pt and 2 more)",
        ),
        (
            ".",
            True,
            "5 GGML files: this format is not read yet "
            "(run0/weights.ggml, run1/weights.ggml, run2/weights.ggml and 2 more)",
        ),
    ]


def test_what_a_shell_s_glob_names_beside_the_weights_is_no_manifest(write) -> None:
    paths = [
        write(f"run/checkpoint-{k}/{name}", content)
        for k in (1, 2)
        for name, content in (
            ("model.safetensors", None),
            ("config.json", {"architectures": ["X"]}),
            ("tokenizer.json", {"a": {}}),
        )
    ]
    found, skipped = discover(paths)
    assert [ref.name for ref in found] == ["checkpoint-1/model.safetensors", "checkpoint-2/model.safetensors"]
    assert {item.is_model for item in skipped} == {False}
    assert all("is not a manifest" in item.reason for item in skipped)
