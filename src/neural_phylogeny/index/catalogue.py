"""The catalogue of an index: an SQLite database in WAL mode, so that readers and one writer at a time do not wait.

``user_version`` is the number of the migrations that were applied; each is one transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from neural_phylogeny.errors import OutputError, SavedFileError
from neural_phylogeny.index.proof import Bounded, prove_schema, refuse_what_lies_beside

FILE = "catalogue.sqlite"
APPLICATION = 0x4E50_4958
"""Identifies the database as that of an index."""

PATIENCE = 60.0
"""Seconds that a writer waits for another one."""

MIGRATIONS = (
    """
    CREATE TABLE fingerprints (
        digest TEXT PRIMARY KEY,
        segment TEXT NOT NULL,
        offset INTEGER NOT NULL,
        length INTEGER NOT NULL,
        sketch BLOB NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE models (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL,
        digest TEXT NOT NULL REFERENCES fingerprints (digest),
        path TEXT NOT NULL,
        format TEXT NOT NULL,
        identity TEXT NOT NULL,
        parameters INTEGER NOT NULL,
        added TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
        UNIQUE (name, digest)
    );
    CREATE INDEX models_by_digest ON models (digest);
    CREATE TABLE marks (
        mark INTEGER NOT NULL,
        digest TEXT NOT NULL REFERENCES fingerprints (digest),
        PRIMARY KEY (mark, digest)
    ) WITHOUT ROWID;
    CREATE INDEX marks_by_digest ON marks (digest);
    """,
    """
    CREATE TABLE placed (
        digest TEXT PRIMARY KEY REFERENCES fingerprints (digest),
        children REAL
    ) WITHOUT ROWID;
    CREATE INDEX placed_by_children ON placed (children);
    """,
)
"""What leads from each version to the next."""


def connect(folder: Path, *, is_new: bool = False, is_read_only: bool = False) -> sqlite3.Connection:
    """Open the catalogue in a folder, brought to the version of today; ``is_new`` makes it where there is none.

    Raises
    ------
    SavedFileError
        When there is none, it is damaged, of a later version, or has tables, links or a journal that no index has.
    OutputError
        When the disk is full or refuses.
    """
    path = folder / FILE
    if not is_new and not path.is_file():
        raise SavedFileError(f"{folder}: not an index; make one with nphylo index add {folder} PATH...")
    with explained(folder):
        refuse_what_lies_beside(path)
        mode = "ro" if is_read_only else "rwc" if is_new else "rw"
        address = f"{path.absolute().as_uri()}?mode={mode}"
        found = _open(address, path)
        if is_read_only and _is_refused(found):  # WAL needs a file beside the database, which a read-only disk refuses
            found.close()
            found = _open(f"{address}&immutable=1", path)
        try:
            _check(found, folder)
            if not is_read_only:
                _migrate(found)
            elif found.execute("PRAGMA user_version").fetchone()[0] != len(MIGRATIONS):
                raise SavedFileError(
                    f"{folder}: an index of an earlier version; any nphylo index add brings it up to date"
                )
            prove_schema(found, MIGRATIONS, folder)
        except BaseException:
            found.close()
            raise
    return found


@contextmanager
def explained(folder: Path) -> Iterator[None]:
    """Turn what SQLite and the system refuse into one sentence."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if any(word in str(error) for word in ("malformed", "not a database", "interrupted")):
            raise SavedFileError(f"{folder}: the catalogue is damaged ({error}); restore it from a copy") from error
        raise OutputError(str(folder), f"the index was left as it was: {error}") from error
    except (sqlite3.DatabaseError, UnicodeDecodeError, MemoryError) as error:  # a row may claim to be gigabytes
        why = str(error) or "it asks for more memory than there is"
        raise SavedFileError(f"{folder}: the catalogue is damaged ({why}); restore it from a copy") from error
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError(str(folder), f"the index was left as it was: {error.strerror or error}") from error


@contextmanager
def writing(connection: sqlite3.Connection) -> Iterator[None]:
    """A transaction that waits for other writers, and is whole or not there."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if connection.in_transaction:  # a full disk has ended it
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _open(address: str, path: Path) -> sqlite3.Connection:
    found = sqlite3.connect(address, uri=True, timeout=PATIENCE, isolation_level=None, factory=Bounded)
    found.bound(path)
    found.execute("PRAGMA foreign_keys = ON")
    found.execute("PRAGMA trusted_schema = OFF")
    return found


def _is_refused(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute("PRAGMA user_version").fetchone()
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError:
        return True
    return False


def _check(connection: sqlite3.Connection, folder: Path) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    kind = connection.execute("PRAGMA application_id").fetchone()[0]
    is_empty = not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if kind != APPLICATION and not is_empty:
        raise SavedFileError(f"{folder}: {FILE} is not the catalogue of an index")
    if version > len(MIGRATIONS):
        raise SavedFileError(
            f"{folder}: an index of version {version}, and this program knows {len(MIGRATIONS)}; use a later one"
        )


def _migrate(connection: sqlite3.Connection) -> None:
    """Apply the migrations that are missing, one by one; another writer may do so at the same time."""
    if connection.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS):
        return
    connection.execute("PRAGMA journal_mode = WAL")
    for number, script in enumerate(MIGRATIONS, start=1):
        with writing(connection):
            if connection.execute("PRAGMA user_version").fetchone()[0] < number:
                for statement in script.split(";"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id = {APPLICATION}")
                connection.execute(f"PRAGMA user_version = {number}")
