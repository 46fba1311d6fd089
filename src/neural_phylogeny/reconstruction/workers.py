"""Work shared out to processes: one that is killed costs its task a second try, and the run nothing."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from multiprocessing import get_context
from typing import TypeVar

from neural_phylogeny.files.activity import announce
from neural_phylogeny.formats import chosen_formats, only
from neural_phylogeny.formats.limits import LIMITS, limit, raised
from neural_phylogeny.inputs import ModelRef

Result = TypeVar("Result")

AHEAD = 2
"""Tasks that wait for each worker."""

_TAKEN = ExitStack()
"""In a worker, the limits and formats that it was started with."""


def shared_out(
    refs: Sequence[ModelRef], work: Callable[[ModelRef], Result], workers: int
) -> Iterator[tuple[ModelRef, Result | None]]:
    """Each model with what ``work`` makes of it in one of so many processes, as they are done; None where they die.

    When a worker dies, what was in the hands of all of them is tried again, one model at a time, so that the one that
    kills is known. ``work`` and its results must be picklable; limits and formats are those of this process.
    """
    waiting, suspects = deque(refs), deque[ModelRef]()
    progress = Progress(len(refs))
    while waiting or suspects:
        alone = bool(suspects)
        queue = suspects if alone else waiting
        running: dict[Future[Result], ModelRef] = {}
        pool = _pool(1 if alone else workers)
        try:
            while queue or running:
                while queue and len(running) < (1 if alone else AHEAD * workers):
                    ref = queue.popleft()
                    running[_submitted(pool, work, ref, queue)] = ref
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    result = future.result()
                    ref = running.pop(future)
                    progress.done_with(ref.name)
                    yield ref, result
        except BrokenProcessPool:
            if alone:
                yield from ((ref, None) for ref in running.values())
            else:
                suspects.extend(running.values())
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


@dataclass
class Progress:
    """How far work on so many models is, announced with the rate and the time left."""

    total: int
    done: int = field(default=0, init=False)
    started: float = field(default_factory=time.monotonic, init=False)

    def begin(self) -> None:
        """Work begins now, if none was done."""
        if not self.done:
            self.started = time.monotonic()

    def done_with(self, name: str) -> None:
        """One more is done."""
        self.done += 1
        rate = self.done / max(time.monotonic() - self.started, 1e-9)
        left = timedelta(seconds=round((self.total - self.done) / rate))
        announce("reading", f"{name}, {rate:,.1f} models a second, {left} left", self.done, self.total)


def _submitted(
    pool: ProcessPoolExecutor, work: Callable[[ModelRef], Result], ref: ModelRef, queue: deque[ModelRef]
) -> Future[Result]:
    """Hand over a task; one that no worker took is put back, and was nobody's death."""
    try:
        return pool.submit(work, ref)
    except BrokenProcessPool:
        queue.appendleft(ref)
        raise


@dataclass(frozen=True)
class Conditions:
    """The limits and the formats that a process reads with, to be taken over by its workers."""

    limits: dict[str, int] = field(default_factory=lambda: {name: limit(name) for name in LIMITS})
    formats: tuple[str, ...] = field(default_factory=lambda: tuple(sorted(chosen_formats())))

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Within this context they hold here."""
        with raised({name: value for name, value in self.limits.items() if value >= 1}), only(self.formats):
            yield


def _pool(workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(workers, get_context("spawn"), _begin, (Conditions(),))


def _begin(conditions: Conditions) -> None:
    """What a worker does first: it takes over the conditions of the process that started it."""
    _TAKEN.enter_context(conditions.applied())
