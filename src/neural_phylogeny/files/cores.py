"""How many cores an answer may use at the moment, for whoever has work that can be shared out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from threadpoolctl import threadpool_limits

Part = TypeVar("Part")

_cores: ContextVar[int] = ContextVar("cores", default=1)


@contextmanager
def using(cores: int) -> Iterator[None]:
    """Within this context so many cores may be used, and BLAS has one thread, whatever the environment says.

    Products after the pass are small: threads of BLAS only wait for each other where cores are busy.

    Examples
    --------
    >>> with using(3):
    ...     cores()
    3
    """
    token = _cores.set(cores)
    try:
        with threadpool_limits(limits=1, user_api="blas"):
            yield
    finally:
        _cores.reset(token)


def cores() -> int:
    """How many cores may be used: one, unless somebody said more. Threads that are started here may use one each."""
    return _cores.get()


def in_parts(work: Callable[[Part], None], parts: Sequence[Part]) -> None:
    """Do the work on every part, in threads where more than one core may be used.

    Worth it where NumPy works on some hundred thousand numbers at a time, without the interpreter's lock.
    """
    threads = min(cores(), len(parts))
    if threads < 2:
        for part in parts:
            work(part)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, parts))


def in_rows(work: Callable[[slice], None], n: int, step: int) -> None:
    """Do the work on all of n rows, ``step`` of them at a time, as ``in_parts``."""
    step = max(1, step)
    in_parts(work, [slice(start, min(start + step, n)) for start in range(0, n, step)])
