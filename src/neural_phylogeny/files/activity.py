"""What is being worked on at the moment, for whoever shows progress: nothing depends on whether somebody listens."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import TypeVar

Item = TypeVar("Item")
Value = TypeVar("Value")


Listener = Callable[[str, str, int, int], None]
"""Called with what is done to what, a verb and a name, and how many are done of how many; zero where that is open."""


_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


Reader = Callable[[str], None]
"""Called with a sentence that a user should read while the work goes on."""

_reader: ContextVar[Reader | None] = ContextVar("reader", default=None)


@contextmanager
def _within(variable: ContextVar[Value | None], value: Value) -> Iterator[None]:
    """Within this context a variable has a value."""
    token = variable.set(value)
    try:
        yield
    finally:
        variable.reset(token)


def remarking(reader: Reader) -> AbstractContextManager[None]:
    """Within this context the reader is called with each remark."""
    return _within(_reader, reader)


def remark(sentence: str) -> None:
    """Say something to whoever reads remarks.

    Examples
    --------
    >>> with remarking(print):
    ...     remark("a large download begins")
    a large download begins
    """
    reader = _reader.get()
    if reader is not None:
        reader(sentence)


def listening(listener: Listener) -> AbstractContextManager[None]:
    """Within this context the listener is called with what is worked on, in the thread that entered it."""
    return _within(_listener, listener)


def announce(doing: str, what: str = "", done: int = 0, total: int = 0) -> None:
    """What is worked on from now on, as ``announce("opening", "a.pt", 3, 14)``. Costs next to nothing.

    Examples
    --------
    >>> with listening(lambda *work: print(work)):
    ...     announce("opening", "a.pt", 0, 2)
    ('opening', 'a.pt', 0, 2)
    """
    listener = _listener.get()
    if listener is not None:
        listener(doing, what, done, total)


def announced(doing: str, items: Sequence[Item], names: Sequence[str]) -> Iterator[Item]:
    """The items one by one, each announced by its name before it is worked on."""
    for k, (item, name) in enumerate(zip(items, names, strict=True)):
        announce(doing, name, k, len(items))
        yield item
