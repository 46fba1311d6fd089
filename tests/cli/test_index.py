import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from neural_phylogeny import demo
from neural_phylogeny.cli.group import nphylo


def run(*args: object):
    return CliRunner().invoke(nphylo, ["index", *map(str, args)])


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hub") / "hub.index"
    done = run("add", folder, demo.folder())
    assert done.exit_code == 0, done.output
    assert "14 added, 0 there already, 14 in all" in done.stderr
    return folder


def test_adding_again_adds_nothing(index: Path) -> None:
    done = run("add", index, demo.folder() / "heron.safetensors")
    assert "0 added, 1 there already, 14 in all" in done.stderr


def test_search_names_the_parent(index: Path) -> None:
    done = run("search", index, demo.folder() / "heron.safetensors", "-q")
    assert done.exit_code == 0, done.output
    assert "made from" in done.stdout
    assert "godwit.safetensors" in done.stdout
    assert "dunlin.safetensors\n" in done.stdout  # the root of its tree
    done = run("search", index, "heron.safetensors", "--format", "json", "-q")
    rows = json.loads(done.stdout)
    assert rows["searched"] == 14
    assert {row["name"] for row in rows["relatives"] if row["relation"] == "parent"} == {"godwit.safetensors"}


def test_trees_of_all_and_of_one(index: Path) -> None:
    done = run("tree", index, "-q")
    assert done.exit_code == 0, done.output
    assert "2 families" in done.stdout
    done = run("tree", index, "heron.safetensors", "--format", "json", "-q")
    assert len(json.loads(done.stdout)["models"]) == 8
    done = run("tree", index, "nobody", "-q")
    assert done.exit_code == 2
    assert "no model of this name" in done.stderr


def test_care(index: Path, tmp_path: Path) -> None:
    assert "14 models" in run("stats", index).stdout
    assert json.loads(run("stats", index, "--format", "json").stdout)["models"] == 14
    assert "all is well" in run("verify", index).stderr
    done = run("export", index, "-o", tmp_path / "models.jsonl")
    assert done.exit_code == 0
    assert len((tmp_path / "models.jsonl").read_text().splitlines()) == 14


def test_removing(tmp_path: Path) -> None:
    paths = [demo.folder() / f"{name}.safetensors" for name in ("heron", "ibis")]
    assert run("add", tmp_path / "i", *paths, "-q").exit_code == 0
    done = run("remove", tmp_path / "i", "ibis.safetensors", "nobody")
    assert done.exit_code == 1
    assert "has no model nobody" in done.stderr
    assert "freed" in run("compact", tmp_path / "i").stderr
    assert run("search", tmp_path / "i", "heron.safetensors", "-q").exit_code == 1
    assert run("stats", tmp_path / "nothing").exit_code == 3
