"""Work shared out to the workers of a Dask cluster: what dies is tried again, what kills is named.

The process that asks hands out half a second of work at a time to each worker, one ahead, and keeps no state but its
lists: a scheduler that is lost and comes back is given the rest. Tasks are code: a scheduler trusts whoever reaches it.
"""

from __future__ import annotations

import logging
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from neural_phylogeny.errors import ClusterError, MissingExtraError, shown
from neural_phylogeny.files.activity import remark
from neural_phylogeny.inputs import ModelRef
from neural_phylogeny.reconstruction.nearness import Nearest, version
from neural_phylogeny.reconstruction.workers import AHEAD, Conditions, Progress

if TYPE_CHECKING:
    from distributed import Client, Future

Result = TypeVar("Result")

LOCAL = "local"
"""The address of a cluster that is started on this machine, and ended with the work."""

TRIES = 2
"""Times that a task is repeated after an error that may pass."""

PATIENCE = 60.0
"""Seconds that a scheduler may take to answer, or to come back, and that work may wait without a worker."""

TASK = 0.5
"""Seconds of a task: small models are handed out several at a time, since each task costs 10 ms of this process."""

OWN = {
    "distributed.scheduler.allowed-failures": 0,
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
}
"""Settings of a cluster that is started here: who dies is known at once, and nobody watches the time of each call."""

LOOK = 2.0
"""Seconds between looks at how many workers there are."""


@dataclass
class _Work:
    """What is left to do: models that nobody tried, and those whose workers died."""

    waiting: deque[ModelRef]
    suspects: deque[ModelRef] = field(default_factory=deque)

    def __bool__(self) -> bool:
        return bool(self.waiting or self.suspects)


def on_cluster(
    refs: Sequence[ModelRef], work: Callable[[ModelRef], Result], address: str, workers: int = 1
) -> Iterator[tuple[ModelRef, Result | None]]:
    """Each model with what ``work`` makes of it on a cluster, as they are done, once; None where workers die of it.

    Parameters
    ----------
    refs : sequence of ModelRef
        Read by a worker that sees their folders, one on its own disk rather than over a network.
    work : callable
        Picklable, as its results; it runs with the limits and formats of this process.
    address : str
        Of a scheduler, as ``"tcp://10.0.0.1:8786"``; ``"local"`` starts one with ``workers`` processes here.

    Raises
    ------
    ClusterError
        When no scheduler answers, or no worker of this version is there, for ``PATIENCE`` seconds.
    MissingExtraError
        When Dask is not installed.

    Notes
    -----
    A scheduler marks a task as failed after ``allowed-failures`` + 1 workers died with it in hand (none are allowed by
    ``"local"``); it is then tried again, alone. So where none are allowed two workers die of a poisoned model.
    """
    left = _Work(deque(refs))
    progress = Progress(len(refs))
    while left:
        try:
            with _connected(address, workers) as client:
                progress.begin()
                for ref, result in _done(client, left, work, Nearest.among(client, refs)):
                    progress.done_with(ref.name)
                    yield ref, result
        except (CancelledError, OSError) as error:
            remark(f"the scheduler at {address} was lost ({type(error).__name__}); waiting for it to come back")
            time.sleep(LOOK)
        except _FailedTaskError as failed:
            raise failed.error from None


class _FailedTaskError(Exception):
    """The error of a task, whatever it is, distinct from those of the connection."""

    def __init__(self, error: BaseException) -> None:
        self.error = error
        super().__init__(str(error))


def _done(
    client: Client, left: _Work, work: Callable[[ModelRef], Result], nearest: Nearest
) -> Iterator[tuple[ModelRef, Result | None]]:
    """The same on a connected cluster; what is in hand when the connection is lost is left to do."""
    from distributed import KilledWorker, wait

    task = _Task(work, Conditions())
    for queue, is_alone in ((left.waiting, False), (left.suspects, True)):
        running: dict[Future, list[ModelRef]] = {}
        workers = _Workers(client, nearest)
        pace = TASK
        try:
            while queue or running:
                while queue and len(running) < (1 if is_alone else AHEAD * workers.threads()):
                    most = 1 if is_alone else min(TASK / pace, len(queue) / (AHEAD * workers.threads()))
                    some = _handful(queue, most, nearest)
                    options: dict[str, Any] = {"pure": False, "retries": TRIES, "workers": nearest.hosts(some[0])}
                    running[client.submit(task, some, **options)] = some
                try:
                    with client.as_current():
                        done = wait(list(running), timeout=LOOK, return_when="FIRST_COMPLETED").done
                except TimeoutError:
                    workers.check([some[0] for some in running.values()])
                    continue
                for future in done:
                    error = future.exception()
                    results, pace = ([None], pace) if error else future.result()
                    some = running.pop(future)
                    if error and not isinstance(error, KilledWorker | MemoryError):
                        raise _FailedTaskError(error)
                    if error and not is_alone:
                        left.suspects.extend(some)
                    else:
                        yield from zip(some, results, strict=True)
        finally:
            queue.extendleft(ref for some in running.values() for ref in some)
            for future in running:
                with suppress(Exception):  # the connection may be what failed
                    future.release()


def _handful(queue: deque[ModelRef], most: float, nearest: Nearest) -> list[ModelRef]:
    """The next models that the same workers should read, as many as a task takes."""
    some = [queue.popleft()]
    while queue and len(some) + 1 <= most and nearest.hosts(queue[0]) == nearest.hosts(some[0]):
        some.append(queue.popleft())
    return some


@dataclass(frozen=True)
class _Task:
    """Work in a worker, under the limits and with the formats of the process that asks."""

    work: Callable[[ModelRef], Any]
    conditions: Conditions

    def __call__(self, refs: Sequence[ModelRef]) -> tuple[list[Any], float]:
        """Results, and seconds for each."""
        started = time.monotonic()
        with self.conditions.applied():
            results = [self.work(ref) for ref in refs]
        return results, max(time.monotonic() - started, 1e-4) / len(refs)


class _Workers:
    """How many threads a cluster has, asked now and then, and whether anyone is there for what waits."""

    def __init__(self, client: Client, nearest: Nearest) -> None:
        self.client, self.nearest = client, nearest
        self._asked, self._threads, self._hosts = -LOOK, 1, set[str]()
        self._seen = time.monotonic()

    def threads(self) -> int:
        if time.monotonic() - self._asked >= LOOK:
            known = self.client.scheduler_info()["workers"].values()
            self._asked, self._hosts = time.monotonic(), {one["host"] for one in known}
            self._threads = max(1, sum(one["nthreads"] for one in known))
        return self._threads

    def check(self, running: Any) -> None:
        """Raise ClusterError where a model has waited too long for a worker that may read it."""
        self.threads()
        wanted = [(ref, self.nearest.hosts(ref)) for ref in running]
        alone = [ref for ref, hosts in wanted if not self._hosts.intersection(hosts or self._hosts)]
        if not alone:
            self._seen = time.monotonic()
        elif time.monotonic() - self._seen > PATIENCE:
            address = self.client.scheduler.address
            raise ClusterError(address, f"no worker is left that sees {shown(os.path.dirname(alone[0].path))}")


@contextmanager
def _connected(address: str, workers: int) -> Iterator[Client]:
    """A client of a cluster that has workers of this version."""
    try:
        import dask
        import distributed
    except ModuleNotFoundError as error:
        raise MissingExtraError("Clusters", "cluster-dask") from error
    with ExitStack() as stack:
        stack.enter_context(_silent())
        where: Any = address
        if address == LOCAL:
            stack.enter_context(dask.config.set(OWN))
            where = stack.enter_context(_local(workers))
        try:
            client = distributed.Client(where, timeout=f"{PATIENCE}s", set_as_default=False)
            stack.enter_context(client)
            client.wait_for_workers(1, timeout=PATIENCE)
        except ValueError as error:
            raise ClusterError(address, f"not an address of a scheduler ({error})") from error
        except OSError as error:  # a timeout too
            raise ClusterError(address, f"no scheduler with a worker answered in {PATIENCE:.0f} seconds") from error
        others = {str(found) for found in client.run(version, on_error="return").values()} - {version()}
        if others:
            reason = f"its workers must have neural-phylogeny {version()}; found: {', '.join(sorted(others))}"
            raise ClusterError(address, reason)
        yield client


def _local(workers: int) -> Any:
    """A cluster on this machine; a worker that is killed while it starts ends all of it, and it is started again."""
    from distributed import LocalCluster

    options: dict[str, Any] = {"dashboard_address": None, "silence_logs": logging.CRITICAL}
    for _ in range(TRIES + 1):
        with suppress(RuntimeError):
            return LocalCluster(n_workers=workers, threads_per_worker=1, **options)
    raise ClusterError(LOCAL, "its workers do not start")


@contextmanager
def _silent() -> Iterator[None]:
    """Within this context Dask writes nothing to the terminal: what matters of it becomes a sentence here."""
    loggers = [logging.getLogger(name) for name in ("distributed", "tornado", "asyncio")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
