"""What an index knows of its models' children: of each content how many were expected, when it was asked.

A content without a row was not looked at yet. One without a number had so few near ones that all of them are compared
with each other whenever one is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping

from neural_phylogeny.errors import SavedFileError
from neural_phylogeny.index.catalogue import explained, writing
from neural_phylogeny.index.store import Index


def hubs(index: Index, least: float) -> dict[str, float]:
    """The contents with at least so many expected children."""
    return {digest: number for digest, number in _rows(index, _HUBS, least) if number is not None}


def numbers(index: Index) -> dict[str, float | None]:
    """Expected children of every content that was looked at; None where nothing had to be asked."""
    return dict(_rows(index, _EVERY))


def is_complete(index: Index) -> bool:
    """Whether every content was looked at."""
    with explained(index.folder):
        return index.catalogue.execute(_NEW).fetchone() is None


def size_of(index: Index, digest: str) -> int:
    """The values of a content."""
    with explained(index.folder):
        row = index.catalogue.execute("SELECT parameters FROM models WHERE digest = ?", (digest,)).fetchone()
    if row is None or not isinstance(row[0], int):
        raise SavedFileError(
            f"{index.folder}: the catalogue is damaged (a content without a size); restore it from a copy"
        )
    return row[0]


def record(index: Index, found: Mapping[str, float | None]) -> None:
    """Keep the numbers of some contents, the larger one where there is another; removed contents are passed over."""
    with explained(index.folder), writing(index.catalogue):
        index.catalogue.executemany(_RECORD, [(number, digest) for digest, number in found.items()])


def _rows(index: Index, question: str, *values: float) -> list[tuple[str, float | None]]:
    with explained(index.folder):
        rows = index.catalogue.execute(question, values).fetchall()
    if not all(isinstance(digest, str) and isinstance(number, float | None) for digest, number in rows):
        raise SavedFileError(f"{index.folder}: the catalogue is damaged (a row of other types); restore it from a copy")
    return rows


_HUBS = "SELECT digest, children FROM placed WHERE children >= ?"
_EVERY = "SELECT digest, children FROM placed"
_NEW = "SELECT 1 FROM models WHERE digest NOT IN (SELECT digest FROM placed) LIMIT 1"
_RECORD = (
    "INSERT INTO placed (children, digest) SELECT ?, digest FROM fingerprints WHERE digest = ? "
    "ON CONFLICT (digest) DO UPDATE SET "
    "children = coalesce(max(children, excluded.children), children, excluded.children)"
)
