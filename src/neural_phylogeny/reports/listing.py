"""Lists of tensors for people: the rows that say most, in their order, and how many were left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")

MOST_ROWS = 100
"""Tensors of one list that are shown where not all are asked for."""

MOST_CHARACTERS = 9_000
"""Characters that they may take, so that long names make fewer rows."""

BESIDE = 2
"""Spaces between columns."""


def shown(
    items: Sequence[T], cells: Callable[[T], Sequence[str]], weight: Callable[[T], float], every: bool
) -> list[tuple[T, Sequence[str]]]:
    """The items of largest weight with their cells, in the order of the list; all of them where ``every`` is true.

    Cells are made for at most ``MOST_ROWS``; O(n log n) for the weights of n items.

    Examples
    --------
    >>> [n for n, _ in shown(range(1000), lambda n: ["name" * 20], lambda n: n % 500, every=False)][:2]
    [450, 451]
    """
    if every:
        return [(item, cells(item)) for item in items]
    places = sorted(range(len(items)), key=lambda place: -weight(items[place]))[:MOST_ROWS]
    made = {place: cells(items[place]) for place in places}
    width = sum(max(map(len, column)) + BESIDE for column in zip(*made.values(), strict=True))
    kept = sorted(places[: max(1, MOST_CHARACTERS // max(width, 1))])
    return [(items[place], made[place]) for place in kept]


def others(n: int, rows: Sequence[object], which: str) -> list[str]:
    """A line about the tensors of n that have no row, nothing where all have one; ``which`` says what they are.

    Examples
    --------
    >>> others(2000, range(100), "smaller"), others(3, range(3), "smaller")
    (['… 1,900 more tensors, smaller; --all lists them, --format json too'], [])
    """
    more = n - len(rows)
    noun = "tensor" if more == 1 else "tensors"
    return [f"… {more:,} more {noun}, {which}; --all lists them, --format json too"] if more else []
