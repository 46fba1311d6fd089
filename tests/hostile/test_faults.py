"""Writers and readers that are interrupted: killed, out of space, or with a file that changes under their hands."""

import functools
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.fuzz.seeds import SPLIT
from tests.fuzz.targets import TARGETS, read_all, refused
from tests.index.conftest import printed

from neural_phylogeny import reconstruct
from neural_phylogeny.errors import CheckpointError, NeuralPhylogenyError, OutputError
from neural_phylogeny.files.atomic import replacing
from neural_phylogeny.formats import open_checkpoint, spans
from neural_phylogeny.formats.fingerprint import from_bytes
from neural_phylogeny.sources.remote.held import HeldFile
from neural_phylogeny.statistics.cache import load

MOMENTS = 200
"""Random moments at which each writer and each reader is interrupted."""

SUFFIXES = {
    "safetensors": ".safetensors",
    "gguf": ".gguf",
    "npz": ".npz",
    "pytorch": ".pt",
    "archive": ".zip",
    "hdf5": ".h5",
    "keras": ".keras",
    "onnx": ".onnx",
}


FOLDERS = ("distributed", "zero", "consolidated", "quantised", "adapter", "weight_norm", "statistics", "index")
"""Readers of several files, or of files that are no weights, by their target of the fuzzing."""


def family(step: float = 0.01) -> dict[str, dict[str, np.ndarray]]:
    rng = np.random.default_rng(0)
    one = {f"l{k}.weight": rng.standard_normal((40, 40), dtype=np.float32) for k in range(3)}
    return {"a": one, "b": {name: value + np.float32(step) for name, value in one.items()}}


def write_result(path: Path) -> None:
    with replacing(path) as file:
        file.write(RESULT)


def write_statistics(path: Path) -> None:
    reconstruct(family(), save_stats=path)


def write_page(path: Path) -> None:
    phylogeny().save_html(path)


def write_phylogeny(path: Path) -> None:
    phylogeny().save(path)


@functools.cache
def phylogeny():
    return reconstruct(family())


@functools.cache
def fingerprint() -> bytes:
    values = np.random.default_rng(0).standard_normal((400, 400), dtype=np.float32)
    return printed("m", {"w": values}, "npz").to_bytes()


def write_fingerprint(path: Path) -> None:
    with replacing(path) as file:
        file.write(fingerprint())


def download(path: Path) -> None:
    """A file that lies elsewhere comes whole to the place of its placeholder."""

    class Server:
        def get(self, start, stop, count):
            return RESULT[start:stop]

    file = HeldFile("http://x/y", len(RESULT), Server())
    file.download(str(path))


def is_page(path: Path) -> bool:
    return path.read_text().rstrip().endswith("</html>")


def is_fingerprint(path: Path) -> bool:
    return from_bytes(path.read_bytes(), str(path)).n_values > 0


def is_result(path: Path) -> bool:
    return bool(json.loads(path.read_bytes()))


def is_statistics(path: Path) -> bool:
    return len(load(path).fingerprints) == 2


RESULT = json.dumps({"rows": list(range(200_000))}).encode()
WRITERS = {
    "result": (write_result, is_result),
    "statistics": (write_statistics, is_statistics),
    "phylogeny": (write_phylogeny, is_result),
    "page": (write_page, is_page),
    "fingerprint": (write_fingerprint, is_fingerprint),
    "download": (download, is_result),
}


def in_a_child(act, *arguments) -> int:
    """The process number of a child that does something again and again."""
    child = os.fork()
    if child:
        return child
    code = 0
    try:
        while True:
            act(*arguments)
    except NeuralPhylogenyError:
        code = 3
    except BaseException:
        code = 70
    os._exit(code)


def killed(child: int, after: float) -> None:
    time.sleep(after)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


@pytest.mark.slow
@pytest.mark.parametrize("kind", WRITERS)
def test_a_writer_that_is_killed_leaves_the_old_output_or_the_new_one(kind, tmp_path):
    write, is_whole = WRITERS[kind]
    write(tmp_path / "out")
    begin = time.perf_counter()
    write(tmp_path / "out")
    longest = 2 * (time.perf_counter() - begin) + 0.01
    rng = random.Random(1)
    for _ in range(MOMENTS):
        killed(in_a_child(write, tmp_path / "out"), rng.uniform(0, longest))
        assert is_whole(tmp_path / "out")


def limited(write, path: Path, size: int) -> int:
    """The exit code of a child that writes to a disk on which a file may have so many bytes."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 70
    try:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        write(path)
        code = 0
    except (OutputError, CheckpointError):  # what is fetched is held in a file too
        code = 3
    except BaseException:
        code = 70
    os._exit(code)


def check_full_disk(kind: str, folder: Path, moments: int) -> None:
    write, is_whole = WRITERS[kind]
    write(folder / "out")
    size, rng = (folder / "out").stat().st_size, random.Random(2)
    for _ in range(moments):
        allowed = rng.randrange(0, size + 1000)
        assert limited(write, folder / "out", allowed) in ((0, 3) if allowed >= size - 100 else (3,))
        assert is_whole(folder / "out")
        assert os.listdir(folder) == ["out"]


@pytest.mark.parametrize("kind", WRITERS)
def test_a_full_disk_is_a_sentence_and_spoils_nothing(kind, tmp_path):
    check_full_disk(kind, tmp_path, 4)


@pytest.mark.slow
@pytest.mark.parametrize("kind", WRITERS)
def test_a_disk_that_is_full_at_any_byte(kind, tmp_path):
    check_full_disk(kind, tmp_path, MOMENTS)


READ_AT = spans.read_at


class Disturbed:
    """Reads as ``spans.read_at``, and calls ``act`` before one of the reads; ``left`` counts down to it."""

    def __init__(self, left: int, act: Callable[[], None]) -> None:
        self.left, self._act = left, act

    def __call__(self, descriptor: int, view: memoryview, offset: int) -> int:
        self.left -= 1
        if self.left == 0:
            self._act()
        return READ_AT(descriptor, view, offset)


def check_changes(name: str, folder: Path, moments: int, monkeypatch) -> None:
    """A file is cut, filled with something else or made longer at some moment between the first read and the last."""
    rng = random.Random(3)
    path = folder / f"m{SUFFIXES[name]}"
    seeds = [content.split(SPLIT)[0] for content in TARGETS[name].seeds()]
    for moment in range(moments):
        content = seeds[moment % len(seeds)]
        reads = Disturbed(rng.randrange(12), functools.partial(change, path, content, rng))
        path.write_bytes(content)
        monkeypatch.setattr(spans, "read_at", reads)
        try:
            with open_checkpoint(path) as checkpoint:
                if reads.left > 6:
                    change(path, content, rng)
                read_all(checkpoint)
        except NeuralPhylogenyError:
            pass


def change(path: Path, content: bytes, rng: random.Random) -> None:
    kind = rng.randrange(4)
    with path.open("r+b") as file:
        if kind == 0:
            file.truncate(rng.randrange(len(content)))
        elif kind == 1:
            file.write(rng.randbytes(len(content)))
        elif kind == 2:
            file.seek(0, os.SEEK_END)
            file.write(rng.randbytes(500))
        else:
            file.seek(rng.randrange(len(content)))
            file.write(bytes(64))


@pytest.mark.parametrize("name", SUFFIXES)
def test_a_file_that_changes_while_it_is_read(name, tmp_path, monkeypatch):
    check_changes(name, tmp_path, 6, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("name", SUFFIXES)
def test_a_file_that_changes_at_any_moment(name, tmp_path, monkeypatch):
    check_changes(name, tmp_path, MOMENTS, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("name", SUFFIXES)
def test_a_reader_that_is_killed_leaves_nothing(name, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    monkeypatch.setattr("neural_phylogeny.formats.zips.HELD", 16)
    (tmp_path / "tmp").mkdir()
    path = tmp_path / f"m{SUFFIXES[name]}"
    path.write_bytes(TARGETS[name].seeds()[-1].split(SPLIT)[0])

    def read() -> None:
        with open_checkpoint(path) as checkpoint:
            read_all(checkpoint)

    rng = random.Random(4)
    longest = 0.6 if name in ("hdf5", "keras") else 0.02  # a process is started for these
    for _ in range(MOMENTS):
        killed(in_a_child(read), rng.uniform(0, longest))
    assert os.listdir(tmp_path / "tmp") == []


def check_changes_of_folders(name: str, folder: Path, moments: int, monkeypatch) -> None:
    """As ``check_changes``, of any file of the input."""
    rng = random.Random(5)
    seeds = TARGETS[name].seeds()

    def change_one() -> None:
        path = rng.choice(sorted(path for path in folder.rglob("*") if path.is_file()))
        change(path, path.read_bytes() or b"x", rng)

    for moment in range(moments):
        monkeypatch.setattr(spans, "read_at", Disturbed(rng.randrange(1, 12), change_one))
        refused(TARGETS[name], folder, seeds[moment % len(seeds)])


@pytest.mark.parametrize("name", FOLDERS)
def test_files_that_change_while_they_are_read(name, tmp_path, monkeypatch):
    check_changes_of_folders(name, tmp_path, 4, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("name", FOLDERS)
def test_files_that_change_at_any_moment(name, tmp_path, monkeypatch):
    check_changes_of_folders(name, tmp_path, MOMENTS, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("name", FOLDERS)
def test_a_reader_of_folders_that_is_killed_leaves_nothing(name, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    (tmp_path / "in").mkdir()
    seed = TARGETS[name].seeds()[-1]
    rng = random.Random(6)
    for _ in range(MOMENTS):
        killed(in_a_child(refused, TARGETS[name], tmp_path / "in", seed), rng.uniform(0, 0.02))
    assert os.listdir(tmp_path / "tmp") == []


READS_HDF5 = """
import sys, time
from neural_phylogeny.formats import open_checkpoint, hdf5_client
checkpoint = open_checkpoint(sys.argv[1])
print(hdf5_client._CHILD[0].pid, flush=True)
time.sleep(60)
"""


def test_the_child_that_reads_hdf5_ends_with_its_parent(tmp_path):
    (tmp_path / "m.h5").write_bytes(TARGETS["hdf5"].seeds()[1])
    parent = subprocess.Popen(
        [sys.executable, "-c", READS_HDF5, str(tmp_path / "m.h5")], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 20
    while Path(f"/proc/{child}/exe").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not Path(f"/proc/{child}/exe").exists()
