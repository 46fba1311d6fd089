"""Fetching what will be read, before it is read: neighbouring stretches joined, several under way at once."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from neural_phylogeny.errors import CheckpointError
from neural_phylogeny.files.far import FarFile, Stretch

GAP = 1 << 16
"""Bytes between two stretches up to which they are fetched as one: a request costs more than so many bytes."""

PIECE = 1 << 23
"""Most bytes of one request."""

IN_FLIGHT = 8
"""Requests under way at once."""


def fetch_ahead(wanted: Iterable[Stretch]) -> None:
    """Fetch stretches of files; a file of which most is wanted is fetched whole.

    What cannot be fetched is left: the read that needs it raises the error. Costs a request for each stretch that
    lies alone, and up to ``GAP`` bytes between two that are joined.
    """
    by_file: dict[FarFile, list[tuple[int, int]]] = defaultdict(list)
    for file, start, stop in wanted:
        by_file[file].append((start, stop))
    pieces = [(file, *piece) for file, parts in by_file.items() for piece in planned(parts, file.size, file.room)]

    def fetch(file: FarFile, start: int, stop: int) -> None:
        with contextlib.suppress(CheckpointError):
            file.fetch(start, stop)

    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        for waiting in [pool.submit(fetch, *piece) for piece in pieces]:
            waiting.result()


def planned(parts: Iterable[tuple[int, int]], size: int, room: int) -> list[tuple[int, int]]:
    """The requests for parts of a file of ``size`` bytes, of which ``room`` may be fetched.

    Examples
    --------
    >>> planned([(500_000, 500_100), (0, 100), (90, 200), (40_000, 50_000)], 10**9, 64 * 10**6)
    [(0, 50000), (500000, 500100)]
    """
    gap = min(GAP, room // 1000)
    joined: list[tuple[int, int]] = []
    for start, stop in sorted(parts):
        if joined and start <= joined[-1][1] + gap:
            joined[-1] = (joined[-1][0], max(stop, joined[-1][1]))
        else:
            joined.append((start, stop))
    if size <= room and 2 * sum(stop - start for start, stop in joined) > size:
        joined = [(0, size)]
    return [(at, min(at + PIECE, stop)) for start, stop in joined for at in range(start, stop, PIECE)]
