"""What other systems lack or do otherwise: positioned reads, limits of a process, hangups, renames over open files."""

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from tests.fuzz.targets import TARGETS, read_all
from tests.hostile.corpus import sound_models

from neural_phylogeny import reconstruct
from neural_phylogeny.cli.exits import ending_cleanly
from neural_phylogeny.errors import OutputError
from neural_phylogeny.files.atomic import replacing
from neural_phylogeny.formats import hdf5_server, open_checkpoint
from neural_phylogeny.sources import open_models
from neural_phylogeny.sources.manifest import leaves

COMMAND = "from neural_phylogeny.cli import main; main()"


@pytest.fixture
def without_preadv(monkeypatch):
    monkeypatch.delattr(os, "preadv", raising=False)


@pytest.fixture
def without_resource(monkeypatch):
    monkeypatch.setitem(sys.modules, "resource", None)


@pytest.mark.parametrize(
    ("name", "suffix"), [("safetensors", ".safetensors"), ("gguf", ".gguf"), ("npz", ".npz"), ("pytorch", ".pt")]
)
def test_files_are_read_alike_without_positioned_reads(name, suffix, tmp_path, monkeypatch):
    for number, content in enumerate(TARGETS[name].seeds()):
        path = tmp_path / f"{number}{suffix}"
        path.write_bytes(content)
        with open_checkpoint(path) as checkpoint:
            wanted = {key: checkpoint.read(key) for key in checkpoint.tensors}
        with monkeypatch.context() as patch:
            patch.delattr(os, "preadv")
            with open_checkpoint(path) as checkpoint:
                for key, values in wanted.items():
                    np.testing.assert_array_equal(checkpoint.read(key), values)


@pytest.mark.usefixtures("without_preadv")
def test_threads_do_not_disturb_each_other_without_positioned_reads(tmp_path):
    path, _ = sound_models(tmp_path)
    with open_checkpoint(path) as checkpoint:
        wanted = {name: checkpoint.read(name) for name in checkpoint.tensors}
        start = threading.Barrier(4)

        def read(turn: int) -> None:
            start.wait()
            for _ in range(50):
                name = f"layer{turn}.weight"
                np.testing.assert_array_equal(checkpoint.read(name, 7, 900), wanted[name][7:900])

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(read, range(4)))


@pytest.mark.usefixtures("without_preadv", "without_resource")
def test_a_tree_without_either(tmp_path):
    assert "2 models, 1 family" in repr(reconstruct(sound_models(tmp_path)))


@pytest.mark.usefixtures("without_resource")
def test_what_confines_the_child_is_left_out_where_there_is_none():
    hdf5_server._confine()
    hdf5_server._allow_seconds(1)


def test_signals_that_a_system_lacks_are_left_alone(monkeypatch):
    monkeypatch.delattr(signal, "SIGHUP")
    with ending_cleanly():
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL


def test_an_output_that_another_program_holds_open_is_a_sentence(tmp_path, monkeypatch):
    def locked(*_: object) -> None:
        raise PermissionError(13, "The process cannot access the file because it is being used by another process")

    (tmp_path / "out").write_text("old")
    monkeypatch.setattr(os, "replace", locked)
    with pytest.raises(OutputError, match="used by another process"), replacing(tmp_path / "out") as file:
        file.write(b"new")
    assert os.listdir(tmp_path) == ["out"]
    assert (tmp_path / "out").read_text() == "old"


def test_another_drive_lies_outside_of_a_manifest(monkeypatch):
    def another_drive(_: object) -> str:
        raise ValueError("Paths don't have the same drive")

    monkeypatch.setattr(os.path, "commonpath", another_drive)
    assert leaves("C:/lists/m.csv", "D:/m.pt")


@pytest.mark.parametrize("name", ["CON", "nul.safetensors", "a.safetensors.", "a:b.safetensors", "a b.safetensors "])
def test_names_that_mean_something_elsewhere_are_names_here(name, tmp_path):
    first, _ = sound_models(tmp_path)
    os.rename(first, tmp_path / name)
    opened, skipped = open_models([tmp_path / name])
    assert not skipped
    for _, checkpoint in opened:
        read_all(checkpoint)
        checkpoint.close()


@pytest.mark.slow
def test_no_text_is_read_or_written_in_the_encoding_of_the_machine(tmp_path):
    models = sound_models(tmp_path)
    (tmp_path / "m.csv").write_text("name,path\n" + "".join(f"{Path(m).stem},{Path(m).name}\n" for m in models))
    done = subprocess.run(
        [
            *(sys.executable, "-X", "warn_default_encoding", "-W", "error::EncodingWarning:neural_phylogeny"),
            *("-c", COMMAND, "tree", str(tmp_path / "m.csv"), "-o", str(tmp_path / "r.json")),
        ],
        capture_output=True,
        text=True,
        check=False,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
