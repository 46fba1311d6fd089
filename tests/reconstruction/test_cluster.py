"""Workers of a Dask cluster: threads in the fast tests; real processes and real kills in the slow ones."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from tests.reconstruction.test_workers import REFS, named

from neural_phylogeny.errors import ClusterError, MissingExtraError
from neural_phylogeny.files.activity import listening
from neural_phylogeny.formats.limits import limit, raised
from neural_phylogeny.inputs import ModelRef
from neural_phylogeny.reconstruction import cluster, nearness
from neural_phylogeny.reconstruction.cluster import on_cluster
from neural_phylogeny.reconstruction.workers import AHEAD

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
MEMORY = "250MB"
"""What a worker may take in the test of its limit; without a task it takes 120 MB."""


@pytest.fixture
def distributed():
    return pytest.importorskip("distributed", reason="the extra cluster-dask is not installed")


def limited(ref: ModelRef) -> tuple[str, int]:
    return ref.name, limit("rows")


def slowly(ref: ModelRef, folder: Path) -> str:
    """Notes that the model was read; takes a moment."""
    time.sleep(0.1)
    with (folder / ref.name).open("a") as file:
        file.write("x")
    return ref.name


def growing(ref: ModelRef) -> str:
    """m3 takes more and more memory."""
    taken = []
    while ref.name == "m3":
        taken.append(b"x" * 10_000_000)
        time.sleep(0.02)
    return ref.name


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dask", None)
    with pytest.raises(MissingExtraError, match=r"neural-phylogeny\[cluster-dask\]"):
        list(on_cluster(REFS, limited, "local"))


def test_models_are_shared_out_with_the_limits_of_this_process(distributed) -> None:
    seen = []
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": False, "dashboard_address": None}
    with distributed.LocalCluster(**options) as two, raised({"rows": 77}), listening(lambda *work: seen.append(work)):
        found = [result for _, result in on_cluster(REFS, limited, two.scheduler_address)]
        with pytest.raises(ZeroDivisionError):
            list(on_cluster(REFS[:1], lambda ref: 1 // 0, two.scheduler_address))
    assert set(found) == {(f"m{k}", 77) for k in range(7)}
    assert len(found) == 7
    assert [(done, total) for *_, done, total in seen] == [(k, 7) for k in range(1, 8)]
    assert seen[-1][1].endswith("models a second, 0:00:00 left")


@pytest.mark.usefixtures("distributed")
@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "ftp://nowhere", "no address"])
def test_a_cluster_that_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setattr(cluster, "PATIENCE", 0.2)
    with pytest.raises(ClusterError, match=r"no scheduler|not an address"):
        list(on_cluster(REFS, limited, address))


class Workers:
    """Stands for a client of workers that see what is listed for their hosts."""

    def __init__(self, **seen: list[int]) -> None:
        self.seen = {f"tcp://{host}:1": (host, found) for host, found in seen.items()}

    def scheduler_info(self):
        return {"workers": {worker: {"host": host} for worker, (host, _) in self.seen.items()}}

    def run(self, _, folders):
        return {worker: found[: len(folders)] for worker, (_, found) in self.seen.items()}


def test_the_worker_nearest_to_the_bytes_reads_them() -> None:
    refs = [ModelRef(name=path, path=path, parts=()) for path in ("/far/x/a.npz", "/mine/b.npz", "/same/c.npz")]
    nearest = nearness.Nearest.among(Workers(one=[1, 2, 2], two=[1, 1, 2], three=[1, 0, 2]), refs)
    assert [nearest.hosts(ref) for ref in refs] == [None, ["one"], None]
    nearest = nearness.Nearest.among(Workers(one=[0, 0, 0], two=[1, 0, 2]), refs)
    assert [nearest.hosts(ref) for ref in refs] == [["two"], None, ["two"]]


def test_how_near_a_folder_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = [str(tmp_path), str(tmp_path / "nothing")]
    assert nearness.reach(folders) == [nearness.NEAR, nearness.UNSEEN]
    monkeypatch.setattr(nearness, "_mounts", lambda: {"/": "ext4", os.path.realpath(tmp_path): "nfs4"})
    assert nearness.reach(folders) == [nearness.FAR, nearness.UNSEEN]


def test_few_folders_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nearness, "FOLDERS", 3)
    assert nearness._parents({f"/a/b{k}/c" for k in range(5)} | {"/d"}) == {"/a", "/d"}
    assert nearness._parents({f"/{k}" for k in range(5)}) == {"/"}


@pytest.mark.slow
@pytest.mark.usefixtures("distributed")
def test_a_killed_worker_costs_its_task_and_a_poisoned_one_is_named(tmp_path: Path, capfd) -> None:
    with raised({"rows": 77}):
        found = [(r.name, result) for r, result in on_cluster(REFS, partial(named, folder=tmp_path), "local", 2)]
    assert sorted(found) == [(f"m{k}", (f"m{k}", 77) if k != 5 else None) for k in range(7)]
    assert not any(capfd.readouterr())


@pytest.mark.slow
def test_a_worker_out_of_memory_costs_its_task(distributed) -> None:
    options = {"n_workers": 2, "threads_per_worker": 1, "memory_limit": MEMORY, "dashboard_address": None}
    settings = {"distributed.scheduler.allowed-failures": 0, "distributed.worker.memory.pause": False}
    import dask

    with dask.config.set(settings), distributed.LocalCluster(silence_logs=50, **options) as two:
        found = [(ref.name, result) for ref, result in on_cluster(REFS, growing, two.scheduler_address)]
    assert sorted(found) == [(f"m{k}", f"m{k}" if k != 3 else None) for k in range(7)]


@contextmanager
def started(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A part of a cluster in a process of its own."""
    command = [sys.executable, "-m", *arguments]
    process = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def address() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"tcp://127.0.0.1:{free.getsockname()[1]}"


def scheduler(address: str):
    return started("distributed.cli.dask_scheduler", "--host", address, "--no-dashboard")


def worker(address: str):
    options = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--death-timeout", "60")
    return started("distributed.cli.dask_worker", address, *options)


@pytest.mark.slow
@pytest.mark.usefixtures("distributed")
def test_a_killed_scheduler_that_comes_back_costs_what_was_in_hand(address: str, tmp_path: Path) -> None:
    refs = [ModelRef(name=f"m{k}", path=f"/there/m{k}", parts=()) for k in range(60)]
    found = []
    with scheduler(address) as first, worker(address):
        for ref, result in on_cluster(refs, partial(slowly, folder=tmp_path), address):
            found.append((ref.name, result))
            if len(found) == 5:
                first.send_signal(signal.SIGKILL)
                first.wait()
                timer = threading.Thread(target=_again, args=(address, done := threading.Event()))
                timer.start()
        done.set()
        timer.join()
    assert Counter(found) == Counter((ref.name, ref.name) for ref in refs)
    assert sum(len((tmp_path / ref.name).read_text()) for ref in refs) <= 60 + 2 * AHEAD


def _again(address: str, done: threading.Event) -> None:
    with scheduler(address), worker(address), worker(address):
        done.wait(120)


@pytest.mark.slow
@pytest.mark.usefixtures("distributed")
def test_a_scheduler_that_is_gone_is_an_error(address: str, tmp_path: Path, monkeypatch) -> None:
    found = []

    def ask() -> None:
        for ref, _ in on_cluster(REFS, partial(slowly, folder=tmp_path), address):
            found.append(ref.name)
            monkeypatch.setattr(cluster, "PATIENCE", 1.0)
            first.kill()

    with scheduler(address) as first, worker(address), pytest.raises(ClusterError, match="no scheduler"):
        ask()
    assert found
    assert len(set(found)) == len(found)
