"""``nphylo tree``: what goes where, and with which exit code."""

import json
import os
import stat

import numpy as np
import pytest

from neural_phylogeny.reconstruction import api as facade
from neural_phylogeny.records import Phylogeny


def test_the_tree_goes_to_stdout_as_plain_text(run, folder):
    result = run("tree", folder)
    assert result.stdout.splitlines()[0] == "3 models, 1 family, 1 edge, 1 unrelated"
    assert "└── base.npz  2.30 k parameters, npz" in result.stdout
    assert "    └── child[red].npz  noised  similarity" in result.stdout
    assert r"stranger\x1b[2J.npz" in result.stdout
    assert "\x1b" not in result.output
    assert result.stderr == ""


def test_json_into_a_file(run, folder, tmp_path):
    result = run("tree", folder, "--format", "json", "-o", tmp_path / "r.json")
    assert result.stdout == ""
    assert result.stderr == "nphylo: 3 models, 1 family, 1 edge, 1 unrelated\n"
    found = json.loads((tmp_path / "r.json").read_text())
    assert [(edge["parent"], edge["child"]) for edge in found["edges"]] == [("base.npz", "child[red].npz")]
    assert found["models"][0]["path"] == str(folder / "base.npz")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["models", "r.json"]
    assert not stat.S_IMODE((tmp_path / "r.json").stat().st_mode) & 0o111


@pytest.mark.parametrize(("name", "start"), [("r.json", "{"), ("r.nwk", "("), ("r.newick", "("), ("r.txt", "3 models")])
def test_the_suffix_decides_where_no_format_is_given(run, folder, tmp_path, name, start):
    run("tree", folder, "-q", "-o", tmp_path / name)
    assert (tmp_path / name).read_text().startswith(start)


def test_a_given_format_wins_over_the_suffix(run, folder, tmp_path):
    run("tree", folder, "-q", "-o", tmp_path / "r.json", "--format", "newick")
    assert (tmp_path / "r.json").read_text().startswith("('child[red].npz':")


def test_a_given_format_may_have_any_suffix(run, folder, tmp_path):
    run("tree", folder, "-q", "-o", tmp_path / "r.html", "--format", "json")
    assert (tmp_path / "r.html").read_text().startswith("{")


def test_a_name_without_a_suffix_gets_text(run, folder, tmp_path):
    run("tree", folder, "-q", "-o", tmp_path / "result")
    assert (tmp_path / "result").read_text().startswith("3 models")


def test_newick(run, folder):
    assert run("tree", folder, "--format", "newick").stdout.count("\n") == 2


def test_evidence_and_filters(run, folder):
    assert "unit-matching:" in run("tree", folder, "--evidence", "--exclude", "strange*").stdout
    assert run("tree", folder, "--include", "base*", "--include", "child*").stdout.startswith("2 models")


def test_an_unreadable_input_is_reported_and_the_rest_gets_its_tree(run, folder):
    (folder / "broken.npz").write_bytes(b"PK\x03\x04 and no more")
    result = run("tree", folder, "--format", "json", code=3)
    found = json.loads(result.stdout)
    assert len(found["edges"]) == 1
    assert found["skipped"][0]["path"] == str(folder / "broken.npz")
    assert f"nphylo: skipped {folder / 'broken.npz'}: " in result.stderr
    assert "nphylo: 1 of the inputs could not be used in full" in result.stderr
    assert run("tree", folder, "--quiet", code=3).stderr == ""


def test_a_path_that_is_not_there_is_wrong_usage(run, folder, tmp_path):
    for command in ("tree", "inspect"):
        result = run(command, folder, folder / "base.npy", "-o", tmp_path / "r.json", code=2)
        assert f"{folder / 'base.npy'}: there is no such file or folder. Check the spelling." in result.stderr
    assert "nothing matches this pattern" in run("tree", folder / "*.pt", code=2).stderr
    assert not (tmp_path / "r.json").exists()


def test_nothing_to_compare_still_writes_the_file(run, tmp_path):
    result = run("tree", tmp_path, "-o", tmp_path / "r.json", code=1)
    found = json.loads((tmp_path / "r.json").read_text())
    assert found["models"] == found["edges"] == found["copies"] == []
    assert len(found["skipped"]) == 1
    assert "nothing could be compared: 0 readable models" in result.stderr


def test_one_model_is_nothing_to_compare(run, folder):
    assert run("tree", folder / "base.npz", code=1).stdout.startswith("1 model, ")


def test_too_small_models_are_nothing_to_compare(run, tmp_path):
    for name, weights in (("a", [1, 2, 3]), ("b", [3, 1, 2])):
        np.savez(tmp_path / f"{name}.npz", w=np.array(weights, np.float32))
    assert "Not compared: 2" in run("tree", tmp_path, code=1).stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Missing argument 'PATH...'."),
        (("x", "--memory", "much"), "'much' is not a size; write a number of bytes, 512M, 1GiB or 1.5GB"),
        (("x", "--memory", "0"), "'0' is not a size"),
        (("x", "--threads", "0"), "Invalid value for '--threads': 0 is not in the range x>=1."),
        (("x", "--alpha", "1"), "Invalid value for '--alpha': 1.0 is not in the range 0<x<1."),
        (("x", "--format", "xml"), "Invalid value for '--format': 'xml' is not one of 'text', 'json', 'newick',"),
        (("x", "--method", "kmean"), "unknown method 'kmean'; did you mean 'kmeans'?"),
        (("x", "-o", "no/such/folder/r.json"), "there is no folder no/such/folder"),
        (("x", "-o", "."), ". is a folder"),
        (("x", "-o", "r.DOCX"), "r.DOCX: no format has the suffix .DOCX; `--help` lists the formats"),
        (("x", "--colour\x1b[31m"), r"--colour\x1b[31m"),
    ],
)
def test_wrong_usage(run, arguments, message):
    result = run("tree", *arguments, code=2)
    assert result.stdout == ""
    assert message in result.stderr


def test_a_damaged_statistics_file(run, folder, tmp_path):
    (tmp_path / "s").write_bytes(b"not statistics")
    assert "nphylo: " in run("tree", folder, "--stats", tmp_path / "s", code=3).stderr


def test_kept_statistics_give_the_same_result(run, folder, tmp_path):
    kept = tmp_path / "stats"
    first = json.loads(run("tree", folder, "--format", "json", "--save-stats", kept).stdout)
    second = json.loads(run("tree", folder, "--format", "json", "--stats", kept).stdout)
    assert first["edges"] == second["edges"]


def test_options_reach_the_facade(run, monkeypatch):
    seen: dict[str, object] = {}

    def reconstruct(models: list[str], **options: object) -> Phylogeny:
        seen.update(options, models=models)
        return Phylogeny(models=())

    monkeypatch.setattr(facade, "reconstruct", reconstruct)
    options = ["--method", "star", "--alpha", "0.01", "--threads", "2", "--memory", "512M", "--seed", "3"]
    options += ["--sample", "1%", "--support", "7", "--parents-present", "likely"]
    run("tree", "a", "b", *options, "--include", "x", "--component", "ema", "--save-stats", "s", code=1)
    expected = {"method": "star", "alpha": 0.01, "threads": 2, "memory": 512 << 20, "seed": 3, "progress": None}
    expected |= {"include": ("x",), "exclude": (), "component": "ema", "save_stats": "s", "stats": None, "sample": 0.01}
    expected |= {"support": 7, "hashes": False, "prior": "likely", "seeds": 0}
    assert seen == expected | {"models": ["a", "b"]}


def test_an_interrupted_run_leaves_the_old_file_alone(run, folder, tmp_path, monkeypatch):
    output = tmp_path / "r.json"
    output.write_text("old")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    result = run("tree", folder, "-o", output, code=130)
    assert "nphylo: interrupted; no output was left incomplete" in result.stderr
    assert output.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["models", "r.json"]


def test_a_full_disk_is_a_sentence(run, folder, tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    result = run("tree", folder, "-o", tmp_path / "r.json", code=3)
    assert f"cannot write {tmp_path / 'r.json'}: No space left on device" in result.stderr


def test_a_fault_keeps_its_traceback(run, monkeypatch):
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("by accident")

    monkeypatch.setattr(facade, "reconstruct", broken)
    result = run("tree", "x", code=70)
    assert "ZeroDivisionError: by accident" in result.stderr
    assert "this is a bug in the program" in result.stderr


def test_a_device_is_written_as_it_is(run, folder):
    run("tree", folder, "-q", "-o", "/dev/null")
    assert not os.path.isfile("/dev/null")
