import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from neural_phylogeny import demo
from neural_phylogeny.index.placed import is_complete, numbers
from neural_phylogeny.index.store import Index


@pytest.fixture(scope="module")
def index(run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hub") / "hub.index"
    done = run("index", "add", folder, demo.folder())
    assert "14 added, 0 there already, 14 in all" in done.stderr
    return folder


def test_adding_again_adds_nothing(run, index: Path) -> None:
    done = run("index", "add", index, demo.folder() / "heron.safetensors")
    assert "0 added, 1 there already, 14 in all" in done.stderr


def test_search_names_the_parent(run, index: Path) -> None:
    done = run("index", "search", index, demo.folder() / "heron.safetensors", "-q")
    assert "made from" in done.stdout
    assert "godwit.safetensors" in done.stdout
    assert "dunlin.safetensors\n" in done.stdout  # the root of its tree
    done = run("index", "search", index, "heron.safetensors", "--format", "json", "-q")
    rows = json.loads(done.stdout)
    assert rows["searched"] == 14
    assert {row["name"] for row in rows["relatives"] if row["relation"] == "parent"} == {"godwit.safetensors"}


def test_trees_of_all_and_of_one(run, index: Path) -> None:
    done = run("index", "tree", index, "-q")
    assert "2 families" in done.stdout
    done = run("index", "tree", index, "heron.safetensors", "--format", "json", "-q")
    assert len(json.loads(done.stdout)["models"]) == 8
    done = run("index", "tree", index, "nobody", "-q", code=2)
    assert "no model of this name" in done.stderr


def test_care(run, index: Path, tmp_path: Path) -> None:
    assert "14 models" in run("index", "stats", index).stdout
    assert json.loads(run("index", "stats", index, "--format", "json").stdout)["models"] == 14
    assert "all is well" in run("index", "verify", index).stderr
    run("index", "export", index, "-o", tmp_path / "models.jsonl")
    assert len((tmp_path / "models.jsonl").read_text().splitlines()) == 14


def test_removing(run, tmp_path: Path) -> None:
    paths = [demo.folder() / f"{name}.safetensors" for name in ("heron", "ibis")]
    run("index", "add", tmp_path / "i", *paths, "-q")
    done = run("index", "remove", tmp_path / "i", "ibis.safetensors", "nobody", code=1)
    assert "has no model nobody" in done.stderr
    assert "freed" in run("index", "compact", tmp_path / "i").stderr
    run("index", "search", tmp_path / "i", "heron.safetensors", "-q", code=1)
    run("index", "stats", tmp_path / "nothing", code=3)


def test_resuming_reads_only_what_is_not_there(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = (shutil.copy(demo.folder() / f"{name}.safetensors", tmp_path) for name in ("heron", "ibis"))
    run("index", "add", tmp_path / "i", one, "-q")
    Path(one).write_bytes(b"damaged since")
    monkeypatch.chdir(tmp_path)
    done = run("index", "add", tmp_path / "i", "--resume", "heron.safetensors", two)
    assert "1 added, 0 there already, 2 in all" in done.stderr
    run("index", "add", tmp_path / "i", one, code=3)


def test_on_a_cluster_that_is_not_there(run, tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="the extra cluster-dask is not installed")
    done = run("index", "add", tmp_path / "i", demo.folder(), "--cluster", "nowhere", code=3)
    assert "cluster nowhere: not an address of a scheduler" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("is_ready", [False, True])
def test_on_a_cluster_with_a_killed_worker_nothing_is_lost_and_nothing_twice(tmp_path: Path, is_ready: bool) -> None:
    pytest.importorskip("distributed", reason="the extra cluster-dask is not installed")
    import psutil

    index, models = tmp_path / "i", tmp_path / "models"
    models.mkdir()
    for copy in range(2):
        for path in demo.folder().glob("*.safetensors"):
            shutil.copy(path, models / f"{copy}-{path.name}")
    command = [sys.executable, "-c", "import sys; from neural_phylogeny.cli import main; sys.exit(main())", "index"]
    options = [str(index), str(models), "--cluster", "local", "--workers", "2"]
    started = psutil.Popen([*command, "add", *options], stderr=subprocess.PIPE, text=True)
    while not (workers := [one for one in started.children() if "spawn_main" in " ".join(one.cmdline())]):
        time.sleep(0.01)
    while is_ready and not any(one.status == "ESTABLISHED" for one in workers[0].net_connections()):
        time.sleep(0.01)
    workers[0].kill()
    _, words = started.communicate(timeout=300)
    assert started.returncode == 0, words
    assert words == f"nphylo: {index}: 24 added, 0 there already, 24 in all\n"
    checked = subprocess.run([*command, "verify", str(index)], capture_output=True, text=True, check=True)
    assert "24 models, all is well" in checked.stderr


def test_what_was_added_is_asked_for_its_children(index: Path) -> None:
    with Index(index, is_read_only=True) as opened:
        assert is_complete(opened)
        assert len(numbers(opened)) == len({entry.digest for entry in opened.entries()})
