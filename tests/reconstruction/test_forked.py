"""Real forks and real kills."""

import os
import signal
import sys
import threading
from multiprocessing.context import ForkProcess

import numpy as np
import pytest

from neural_phylogeny import reconstruct
from neural_phylogeny.files.activity import listening
from neural_phylogeny.reconstruction import placing
from neural_phylogeny.reconstruction.forked import shared

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks are for Linux alone")


class Counter:
    """A job that counts how often it was asked, and knows where it was made."""

    def __init__(self) -> None:
        self.asked = 0
        self.home = os.getpid()


def counted(job, given):
    job.asked += 1
    return os.getpid(), job.asked, given


def killed(job, given):
    """The third job kills a process that is not the first one."""
    if given == 2 and os.getpid() != job.home:
        os.kill(os.getpid(), signal.SIGKILL)
    return given


def failing(_, given):
    if given == 2:
        raise ValueError("two")
    return given


def test_each_process_keeps_its_jobs_and_what_it_knows_of_them():
    jobs = [Counter() for _ in range(7)]
    with shared(jobs, [1.0] * 7, 3) as shares:
        first = shares.each("counting", counted, list(range(7)), [""] * 7)
        second = shares.each("counting", counted, list(range(7)), [""] * 7)
    assert [given for _, _, given in first] == list(range(7))
    assert [pid for pid, _, _ in first] == [pid for pid, _, _ in second]
    assert len({pid for pid, _, _ in first} - {os.getpid()}) == 3
    assert {asked for _, asked, _ in second} == {2}
    assert all(job.asked == 0 for job in jobs)


def test_costs_are_shared_evenly():
    jobs = [Counter() for _ in range(5)]
    with shared(jobs, [4.0, 1.0, 1.0, 1.0, 1.0], 2) as shares:
        pids = [pid for pid, _, _ in shares.each("counting", counted, [0] * 5, [""] * 5)]
    assert pids.count(pids[0]) == 1


def test_what_a_killed_process_had_to_do_is_done_here():
    jobs = [Counter() for _ in range(6)]
    with shared(jobs, [1.0] * 6, 2) as shares:
        for _ in range(2):
            assert shares.each("counting", killed, list(range(6)), [""] * 6) == list(range(6))


def test_where_no_process_starts_all_is_done_here(monkeypatch):
    starts = iter([None, BlockingIOError(11, "Resource temporarily unavailable")])
    start = ForkProcess.start

    def limited(process):
        if (error := next(starts)) is not None:
            raise error
        start(process)

    monkeypatch.setattr(ForkProcess, "start", limited)
    jobs = [Counter() for _ in range(6)]
    with shared(jobs, [1.0] * 6, 3) as shares:
        pids = [pid for pid, _, _ in shares.each("counting", counted, [0] * 6, [""] * 6)]
    assert pids.count(os.getpid()) == 4


def test_an_error_is_raised_here():
    with shared([0] * 4, [1.0] * 4, 2) as shares, pytest.raises(ValueError, match="two"):
        shares.each("failing", failing, list(range(4)), [""] * 4)


def test_jobs_are_announced_once():
    heard = []
    with listening(lambda *work: heard.append(work)), shared([Counter() for _ in range(4)], [1.0] * 4, 2) as shares:
        shares.each("counting", counted, [0] * 4, list("abcd"))
    assert sorted(what for _, what, _, _ in heard) == list("abcd")
    assert [(done, total) for _, _, done, total in heard] == [(k, 4) for k in range(4)]


def test_another_thread_does_not_fork():
    found: list[int] = []

    def work():
        with shared([Counter() for _ in range(4)], [1.0] * 4, 2) as shares:
            found.extend(pid for pid, _, _ in shares.each("counting", counted, [0] * 4, [""] * 4))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert set(found) == {os.getpid()}


def planted(rng, families):
    """Families of a parent and two children of independent noise."""
    models = {}
    for family in range(families):
        parent = rng.normal(0, 0.05, (48, 48))
        for k in range(3):
            models[f"{family}-{k}"] = {"w": parent + rng.normal(0, 0.01, parent.shape) * (k > 0)}
    return models


@pytest.mark.parametrize("families", [1, 5])
def test_the_answer_does_not_depend_on_the_processes(rng, monkeypatch, families):
    monkeypatch.setattr(placing, "FEWEST", 2)
    monkeypatch.setattr(placing, "AT_A_TIME", 1)
    models = planted(rng, families)
    one, three = (reconstruct(models, threads=threads, support=2).to_json() for threads in (1, 3))
    assert one == three
    assert one.count('"parent"') > families


def test_a_function_of_the_user_runs_in_his_process(rng, monkeypatch):
    monkeypatch.setattr(placing, "FEWEST", 2)
    seen = []

    def method(family):
        seen.append(os.getpid())
        return np.full(len(family), -1)

    reconstruct(planted(rng, 4), method=method, threads=2)
    assert set(seen) == {os.getpid()}
