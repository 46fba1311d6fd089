"""``nphylo lab bench`` and ``nphylo lab zoo``: the chain from families to tables, and wrong usage."""

import json
import shutil

import pytest

from neural_phylogeny import demo
from neural_phylogeny.lab.bench.suites import data_folder


@pytest.fixture
def data(tmp_path, run):
    """The demo family, cached as a group of the suite of public checkpoints."""
    shutil.copytree(demo.folder(), tmp_path / "groups" / "demo")
    text = run("lab", "bench", "cache", "wild", tmp_path / "groups", "--out", tmp_path / "data", "-q").stdout
    assert "1 collections, 1 of them measured now" in text
    return tmp_path / "data"


def test_from_checkpoints_to_tables(run, data, tmp_path):
    pytest.importorskip("matplotlib")
    where = ("--data", data, "--out", tmp_path / "results", "-q")
    lines = run("lab", "bench", "run", "wild", "--methods", "spanning-tree,star", *where).stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [["wild", "spanning-tree"], ["wild", "star"]]
    assert "exact parent 0.750" in lines[0]
    written = run("lab", "bench", "report", "--results", tmp_path / "results", "--out", tmp_path / "tables").stdout
    assert written.strip() == str(tmp_path / "tables" / "wild.md")
    table = (tmp_path / "tables" / "wild.md").read_text()
    assert "0.75 [0.75, 0.75]" in next(line for line in table.splitlines() if line.startswith("| spanning-tree "))
    assert (tmp_path / "tables" / "wild.png").read_bytes().startswith(b"\x89PNG")


def test_cached_twice_is_measured_once(run, data, tmp_path):
    text = run("lab", "bench", "cache", "wild", tmp_path / "groups", "--out", data, "-q").stdout
    assert "1 collections, 0 of them measured now" in text


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["run", "papers"], 2, "'paper'"),
        (["run", "wild", "--methods", "auto,stars"], 2, "'star'"),
        (["run"], 2, "name a suite, or give --quick"),
        (["run", "wild", "--seeds", "0"], 2, "--seeds"),
        (["run", "wild", "--data", "nowhere"], 3, "no cached collections"),
        (["report", "--results", "nowhere", "--out", "tables"], 3, "as `nphylo lab bench run` writes them"),
    ],
)
def test_wrong_usage_is_reported_with_what_would_be_right(run, tmp_path, monkeypatch, arguments, code, message):
    monkeypatch.chdir(tmp_path)
    result = run("lab", "bench", *arguments, code=code)
    assert message in result.stderr
    assert "Traceback" not in result.output


def test_the_suites_of_the_repository_run_from_any_folder(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert len(list((data_folder() / "wild").glob("*/0.npz"))) >= 17
    lines = run("lab", "bench", "run", "quick", "--methods", "star", "--seeds", 1, "-q").stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [["quick", "star"]]
    assert (tmp_path / "results" / "quick" / "star.json").exists()


def test_a_damaged_collection_is_named(run, data, tmp_path):
    [path] = data.glob("wild/demo/*.npz")
    path.write_bytes(path.read_bytes()[:-50])
    result = run("lab", "bench", "run", "wild", "--methods", "star", "--data", data, "--out", tmp_path, "-q", code=3)
    assert str(path) in result.stderr.replace("\n", "")
    assert not (tmp_path / "wild").exists()


def test_recipes_are_listed(run):
    text = run("lab", "zoo", "list").stdout
    assert "fc\n  fully connected 784-1024-256-128" in text
    rows = json.loads(run("lab", "zoo", "list", "--format", "json").stdout)["recipes"]
    assert {"conv", "vit", "strangers-fc-same"} <= {row["name"] for row in rows}


def test_an_unknown_recipe_names_the_nearest(run, tmp_path):
    result = run("lab", "zoo", "make", "mixed-cf", "--out", tmp_path, code=2)
    assert "'mixed-fc'" in result.stderr


@pytest.mark.torch
@pytest.mark.parametrize("content", [None, b"no archive"])
def test_missing_or_damaged_data_name_the_file(run, tmp_path, content):
    if content is not None:
        (tmp_path / "mnist.npz").write_bytes(content)
    result = run("lab", "zoo", "make", "fc", "--out", tmp_path / "out", "--data", tmp_path, "--jobs", 1, "-q", code=3)
    assert "mnist.npz" in result.stderr.replace("\n", "")
    assert not list(tmp_path.glob("out/*/*/truth.json"))


@pytest.mark.torch
def test_the_quick_suite_trains_and_runs(run, tmp_path):
    """The whole chain; the figures are pinned loosely, for they are of two collections."""
    text = run("lab", "bench", "run", "--quick", "--methods", "star,auto", "--seeds", 1, "--out", tmp_path, "-q").stdout
    figures = {line.split()[1]: line for line in text.splitlines()}
    direction = float(figures["star"].split("pair direction ")[1].split()[0])
    lineage = float(figures["auto"].split("lineage ")[1].split()[0])
    assert direction > 0.8
    assert lineage > 0.95
