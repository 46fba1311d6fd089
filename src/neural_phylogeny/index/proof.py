"""What a catalogue that somebody else made is checked for before it is used: files beside it, its schema, its steps."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from neural_phylogeny.errors import SavedFileError

BESIDE = ("-journal", "-wal", "-shm")
"""Files that SQLite opens beside a database without a question."""

NAMES_ANOTHER = bytes.fromhex("d9d505f920a163d7")
"""The end of a rollback journal that names a second file, which SQLite would delete; an index has no such journal."""

OF_SQLITE = frozenset({"sqlite_sequence", "sqlite_stat1", "sqlite_stat4"})
"""Tables that SQLite makes itself."""

EVERY = 10_000
"""Steps of SQLite's machine after which they are counted."""

FEWEST, PER_BYTE = 2_000_000, 1
"""Steps that a statement may take, and more for each byte of the catalogue; a scan takes a hundredth of one a byte."""


class Bounded(sqlite3.Connection):
    """A connection whose statements end: pages that lead to one another make a small file an endless table."""

    _steps = 0

    def bound(self, path: Path) -> None:
        """Count steps from now on, in proportion to the size of the database at ``path``."""
        places = (str(path), f"{path}-wal")

        def is_over() -> int:
            self._steps += EVERY
            if self._steps <= FEWEST:
                return 0
            size = sum(os.path.getsize(place) for place in places if os.path.exists(place))
            return int(self._steps > FEWEST + PER_BYTE * size)

        self.set_progress_handler(is_over, EVERY)

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> sqlite3.Cursor:  # type: ignore[override]
        """As in the base class; the statement has all the steps that are allowed, and names are stored as text."""
        self._steps = 0
        return super().execute(sql, [_text(one) if isinstance(one, str) else one for one in parameters])

    def close(self) -> None:
        """As in the base class."""
        self.set_progress_handler(None, EVERY)
        super().close()


def _text(name: str) -> str:
    """A name whose bytes are no text, as a file may have it, with these escaped."""
    return name if name.isascii() else name.encode("utf-8", "backslashreplace").decode()


def refuse_what_lies_beside(path: Path) -> None:
    """Raise SavedFileError where SQLite would follow a link, wait for a pipe or delete a file that a journal names."""
    database = path.resolve()
    for suffix in BESIDE:
        place = Path(f"{database}{suffix}")
        try:
            found = place.lstat()
            if not stat.S_ISREG(found.st_mode):
                raise SavedFileError(f"{place}: not a regular file; an index of your own has none such, remove it")
            with place.open("rb") as file:
                file.seek(max(0, found.st_size - len(NAMES_ANOTHER)))
                end = file.read()
        except FileNotFoundError:  # others may open the index, too
            continue
        if suffix == "-journal" and end == NAMES_ANOTHER:
            raise SavedFileError(f"{place}: a journal that names another file; restore the index from a copy")


def refuse_segments_elsewhere(folder: Path, name: str) -> None:
    """Raise SavedFileError where the folder of segments is a link: what is not needed here may be needed there."""
    if (folder / name).resolve() != folder.resolve() / name:
        raise SavedFileError(f"{folder}: its segments lie in another folder, where nothing is removed")


def prove_schema(connection: sqlite3.Connection, migrations: Sequence[str], folder: Path) -> None:
    """Raise SavedFileError where the tables are not those of an index: views and triggers are a stranger's program."""
    found = connection.execute(_SCHEMA).fetchall()
    own = _listed(row for row in found if row[0] not in ("table", "index") or not _is_of_sqlite(row[1]))
    if own != _expected(tuple(migrations)):
        raise SavedFileError(f"{folder}: the catalogue has other tables than an index; restore it from a copy")


_SCHEMA = "SELECT type, name, sql FROM sqlite_master"


def _is_of_sqlite(name: object) -> bool:
    return isinstance(name, str) and (name in OF_SQLITE or name.startswith("sqlite_autoindex_"))


def _listed(rows: Iterable[Sequence[object]]) -> list[str]:
    return sorted(" ".join(" ".join(map(str, row)).split()) for row in rows)


@lru_cache(maxsize=4)
def _expected(migrations: tuple[str, ...]) -> list[str]:
    connection = sqlite3.connect(":memory:")
    try:
        for script in migrations:
            connection.executescript(script)
        rows = connection.execute(_SCHEMA).fetchall()
    finally:
        connection.close()
    return _listed(row for row in rows if not _is_of_sqlite(row[1]))
