"""What a file may cost, whatever it claims: one table of limits, each with its default and its meaning.

Readers ask ``check`` before they allocate, inflate or walk. ``raised`` changes limits for a block, as ``--limit
NAME=VALUE`` does for a command; there is one budget for the whole process.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from neural_phylogeny.errors import InvalidOptionError, LimitError, UnknownChoiceError


@dataclass(frozen=True, slots=True)
class Limit:
    """A row of the table: the default, and what is counted, as a plural noun."""

    default: int
    counts: str


LIMITS: Mapping[str, Limit] = {
    "header": Limit(32_000_000, "bytes of header, graph or JSON document"),
    "items": Limit(2_000_000, "values in a header or JSON document"),
    "tensors": Limit(150_000, "tensors in a file"),
    "crumbs": Limit(4_096, "tensors, arrays or pieces of less than 4,096 bytes on average"),
    "members": Limit(150_000, "members of an archive"),
    "nodes": Limit(200_000, "nodes of a graph"),
    "fields": Limit(500_000, "fields of a protobuf message"),
    "steps": Limit(1_000_000, "steps of a pickle, and one more for each 100 bytes of its file"),
    "depth": Limit(10_000, "levels of groups in a file"),
    "inflated": Limit(1 << 33, "bytes that an archive inflates to"),
    "ratio": Limit(1100, "inflated bytes for one that is stored"),
    "buffer": Limit(1 << 27, "bytes held in memory for one tensor"),
    "turns": Limit(64, "stored values read for each one of a strided tensor"),
    "links": Limit(0, "links that lead outside of the folder"),
    "outside": Limit(0, "rows that lead outside of the manifest's folder"),
    "rows": Limit(10_000, "rows of a manifest"),
    "entries": Limit(500_000, "entries looked at in folders and patterns"),
    "remote": Limit(64_000_000, "bytes read of a model that lies elsewhere"),
    "download": Limit(0, "bytes of a file that lies elsewhere and cannot be read in parts"),
    "seconds": Limit(30, "seconds of the processor to open a file, or for one answer of a library that parses it"),
}
"""Every limit by its name in ``--limit``. No known public checkpoint comes near one of them."""

_CURRENT: dict[str, int] = {name: row.default for name, row in LIMITS.items()}


def limit(name: str) -> int:
    """The limit as it stands."""
    return _CURRENT[name]


@contextmanager
def raised(values: Mapping[str, int]) -> Iterator[None]:
    """Other limits for a block, in all threads of the process.

    Raises
    ------
    UnknownChoiceError, InvalidOptionError
        For a name that is not in the table, and for a value below 1.

    Examples
    --------
    >>> with raised({"rows": 5}):
    ...     limit("rows")
    5
    """
    for name, value in values.items():
        if name not in LIMITS:
            raise UnknownChoiceError("limit", name, LIMITS)
        if value < 1:
            raise InvalidOptionError(f"limit {name}", "a whole number of at least 1", value)
    before = dict(_CURRENT)
    _CURRENT.update(values)
    try:
        yield
    finally:
        _CURRENT.update(before)


def check(name: str, value: int, path: str, tensor: str = "", what: str = "") -> None:
    """Refuse a file that needs more than a limit allows.

    Raises
    ------
    LimitError
        With the file, what was counted, the limit and the option that raises it.

    Examples
    --------
    >>> check("rows", 10_001, "a.csv")
    Traceback (most recent call last):
    ...
    neural_phylogeny.errors.LimitError: a.csv: 10,001 rows of a manifest, the limit is 10,000. Raise it with --limit \
rows=10001 if you trust the file.
    """
    if value > _CURRENT[name]:
        raise LimitError(name, value, _CURRENT[name], what or LIMITS[name].counts, path=path, tensor=tensor)


CRUMB = 4_096
"""Bytes that a tensor should have on average in a file of very many."""


def check_crumbs(count: int, nbytes: int, path: str) -> None:
    """Refuse a file of very many tensors with next to nothing in them: each costs a millisecond, whatever its size.

    Raises LimitError as ``check``.

    Examples
    --------
    >>> check_crumbs(100_000, 10_000_000_000, "large.gguf")
    """
    if nbytes < CRUMB * count:
        check("crumbs", count, path)


_OPENING: list[tuple[str, float]] = []
"""The file that is being opened, and the time of this thread at which it has taken too long."""


@contextmanager
def timed(path: str) -> Iterator[None]:
    """A block in which ``tick`` refuses the file once it has taken too many seconds of the processor."""
    _OPENING.append((path, time.thread_time() + _CURRENT["seconds"]))
    try:
        yield
    finally:
        _OPENING.pop()


def tick() -> None:
    """Called by loops over what a file claims. Raises LimitError within a block of ``timed`` that took too long."""
    if _OPENING and time.thread_time() > _OPENING[-1][1]:
        check("seconds", _CURRENT["seconds"] + 1, _OPENING[-1][0])


_EVERY = 1 << 12
"""Amounts after which a budget looks at the clock."""


class Budget:
    """What one file has used of a limit so far."""

    def __init__(self, name: str, path: str) -> None:
        self._name = name
        self._path = path
        self._spent = 0
        self._allowed = _CURRENT[name]
        self._looked = 0

    def spend(self, amount: int = 1) -> None:
        """Use some more. Raises LimitError when it is too much."""
        self._spent += amount
        if self._spent > self._allowed:
            check(self._name, self._spent, self._path)
        if self._spent - self._looked > _EVERY:
            self._looked = self._spent
            tick()


def parsed_json(content: bytes, path: str, where: str = "") -> Any:
    """What a JSON text holds; no object in it may name a key twice.

    Values are counted before any is made: an empty list of two bytes takes sixty in memory.

    Raises
    ------
    LimitError
        When it is too long or holds too many values.
    ValueError, RecursionError
        When it is not JSON in UTF-8.
    """
    check("header", len(content), path, what=f"bytes of {where}" if where else "")
    check("items", sum(map(content.count, (b",", b"[", b"{", b":"))), path)
    return json.loads(content.decode("utf-8-sig"), object_pairs_hook=_unique)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse an object that names a key twice: two readers could see two different models."""
    found = dict(pairs)
    "".join(found).encode()  # half of a surrogate pair is not a text: nothing could print it
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice")
    return found
