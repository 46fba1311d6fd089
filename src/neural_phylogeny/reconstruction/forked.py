"""Families shared out to forked processes: each answers for its own, and keeps what it computed of them.

A fork copies no weights and no statistics: a process sees what its parent had measured, and sends back forests and
claims alone. What it computes on the way, such as the draw of a family, stays with it for the next question.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import current_process, get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from typing import Any, TypeVar, cast

from neural_phylogeny.files.activity import announce, listening
from neural_phylogeny.files.cores import using

Job = TypeVar("Job")
Given = TypeVar("Given")
Result = TypeVar("Result")


class Shares:
    """Jobs, and the processes that hold some of them each; without processes the jobs are done here."""

    def __init__(self, jobs: Sequence[Any], held: Sequence[tuple[Connection, list[int]]] = ()) -> None:
        self._jobs = jobs
        self._held = dict(held)

    def each(
        self, doing: str, work: Callable[[Job, Given], Result], given: Sequence[Given], words: Sequence[str]
    ) -> list[Result]:
        """``work(job, given)`` of every job, in order; each is announced by its word.

        ``work`` is a function of a module, since it is sent by its name. What a process did not do, because it was
        killed or something was raised, is done here, and raised here.
        """
        found: dict[int, Result] = {}
        for connection, own in list(self._held.items()):
            try:
                connection.send((work, [(k, given[k]) for k in own]))
            except OSError:  # it was killed
                del self._held[connection]
        while waiting := [one for one, own in self._held.items() if not found.keys() >= set(own)]:
            for connection in cast(list[Connection], wait(waiting)):
                try:
                    k, result = connection.recv()
                except (EOFError, OSError):  # it was killed
                    del self._held[connection]
                    continue
                announce(doing, words[k], len(found), len(self._jobs))
                found[k] = result
        for k, job in enumerate(self._jobs):
            if k not in found:
                announce(doing, words[k], len(found), len(self._jobs))
                found[k] = work(job, given[k])
        return [found[k] for k in range(len(self._jobs))]


@contextmanager
def shared(jobs: Sequence[Any], costs: Sequence[float], processes: int) -> Iterator[Shares]:
    """So many processes with a share of the jobs each, of about even cost; no more than there are jobs.

    Where a fork is not safe (other systems than Linux, another thread than the main one, a process that may have no
    children) the jobs are done here.
    """
    processes = min(processes, len(jobs)) if _may_fork() else 1
    if processes < 2:
        yield Shares(jobs)
        return
    started: list[ForkProcess] = []
    held: list[tuple[Connection, list[int]]] = []
    try:
        for own in _even(costs, processes):
            try:
                here, process = _started(jobs, [connection for connection, _ in held])
            except OSError:  # no more processes or files are allowed: what is left is done here
                break
            started.append(process)
            held.append((here, own))
        yield Shares(jobs, held)
    finally:
        for connection, _ in held:
            connection.close()
        for process in started:
            process.terminate()
            process.join()


def _started(jobs: Sequence[Any], others: Sequence[Connection]) -> tuple[Connection, ForkProcess]:
    """A process, and the connection to it; it closes those to ``others``, which it has from its parent."""
    context = get_context("fork")
    here, there = context.Pipe()
    try:
        process = context.Process(target=_answering, args=(jobs, there, (here, *others)), daemon=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of threads: that of the progress bar waits
            process.start()
    except OSError:
        here.close()
        raise
    finally:
        there.close()
    return here, process


def _may_fork() -> bool:
    is_main = threading.current_thread() is threading.main_thread()
    return sys.platform == "linux" and is_main and not current_process().daemon


def _even(costs: Sequence[float], parts: int) -> list[list[int]]:
    """The jobs in so many parts, the costliest first to the part that has least."""
    found: list[list[int]] = [[] for _ in range(parts)]
    sums = [0.0] * parts
    for k in sorted(range(len(costs)), key=lambda k: -costs[k]):
        least = sums.index(min(sums))
        found[least].append(k)
        sums[least] += costs[k]
    return found


def _answering(jobs: Sequence[Any], connection: Connection, others: Sequence[Connection]) -> None:
    """What a process does: answer until nobody asks. It ends in silence, whatever happens; its parent speaks."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    for other in others:
        other.close()
    with listening(lambda *_: None), using(1):
        try:
            while True:
                work, asked = connection.recv()
                for k, given in asked:
                    connection.send((k, work(jobs[k], given)))
        finally:
            os._exit(0)
