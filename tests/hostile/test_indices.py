"""Indices that somebody else made: what SQLite would do with the files, programs and pages that they bring along."""

import os
import sqlite3
import struct
from pathlib import Path

import numpy as np
import pytest
from tests.index.conftest import printed

from neural_phylogeny.errors import NeuralPhylogenyError, SavedFileError
from neural_phylogeny.index import catalogue, proof
from neural_phylogeny.index.care import compact
from neural_phylogeny.index.store import Index

JOURNAL = bytes.fromhex("d9d505f920a163d7")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An index of two models, of pages as small as SQLite has them."""
    found, rng = tmp_path / "i", np.random.default_rng(0)
    with Index(found, is_new=True) as index:
        values = [{"w": rng.standard_normal((17, 16), dtype=np.float32)} for _ in "ab"]
        list(index.add((name, f"{name}.pt", printed(name, one)) for name, one in zip("ab", values, strict=True)))
    change(found, "PRAGMA journal_mode = DELETE", "PRAGMA page_size = 512", "VACUUM")
    return found


def change(folder: Path, *statements: str) -> None:
    connection = sqlite3.connect(folder / catalogue.FILE, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()


def hot_journal(victim: Path) -> bytes:
    """A rollback journal that says that a second one has its own name, and is to be removed after it."""
    name = str(victim).encode()
    head = (JOURNAL + struct.pack(">5I", 0, 0, 1, 512, 512)).ljust(512, b"\0")
    place = struct.pack(">I", (1 << 30) // 512 + 1)
    return head + place + name + struct.pack(">II", len(name), sum(name)) + JOURNAL


@pytest.mark.parametrize("is_read_only", [False, True])
@pytest.mark.parametrize("is_linked", [False, True])
def test_a_journal_that_names_a_file_does_not_delete_it(is_linked, is_read_only, folder, tmp_path):
    victim = tmp_path / "precious"
    victim.write_text("x")
    if is_linked:
        (tmp_path / "elsewhere").mkdir()
        (folder / catalogue.FILE).rename(tmp_path / "elsewhere/c")
        (folder / catalogue.FILE).symlink_to(tmp_path / "elsewhere/c")
        journal = tmp_path / "elsewhere/c-journal"
    else:
        journal = folder / f"{catalogue.FILE}-journal"
    journal.write_bytes(hot_journal(victim))
    with pytest.raises(SavedFileError, match="names another file"):
        Index(folder, is_read_only=is_read_only)
    assert victim.read_text() == "x"


@pytest.mark.parametrize("kind", ["pipe", "link", "folder"])
@pytest.mark.parametrize("suffix", ["-journal", "-wal", "-shm"])
def test_what_lies_beside_a_catalogue_is_a_file_or_refused(suffix, kind, folder, tmp_path):
    victim, place = tmp_path / "precious", folder / f"{catalogue.FILE}{suffix}"
    victim.write_text("x")
    {"pipe": os.mkfifo, "link": lambda path: path.symlink_to(victim), "folder": os.mkdir}[kind](place)
    for is_read_only in (False, True):
        with pytest.raises(SavedFileError, match="not a regular file"):
            Index(folder, is_read_only=is_read_only)
    assert victim.read_text() == "x"


def test_segments_of_another_index_are_not_removed(folder, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "1.segment").write_bytes(b"x")
    (folder / "segments").rename(tmp_path / "own")
    (folder / "segments").symlink_to(other)
    with Index(folder) as index, pytest.raises(SavedFileError, match="another folder"):
        compact(index)
    assert (other / "1.segment").exists()


NUMBERS = "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT"
PROGRAMS = {
    "an endless table": (
        "ALTER TABLE models RENAME TO m",
        f"CREATE VIEW models AS {NUMBERS} x AS id, 'a' AS name, 'a' AS digest, '' AS path, '' AS format, "
        "'' AS identity, 1 AS parameters, '' AS added FROM n",
    ),
    "a trigger": ("CREATE TRIGGER t AFTER INSERT ON models BEGIN DELETE FROM fingerprints; END",),
    "another table": ("CREATE TABLE x (y)",),
    "an index that computes": ("CREATE INDEX x ON models (hex(zeroblob(100000000)))",),
    "another view": (f"CREATE VIEW x AS {NUMBERS} x FROM n",),
    "a hidden view": (
        "PRAGMA writable_schema = ON",
        "CREATE VIEW x AS SELECT 1",
        "UPDATE sqlite_master SET name = 'sqlite_stat1', tbl_name = 'sqlite_stat1' WHERE name = 'x'",
    ),
    "a text that is no table": (
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_master SET sql = 'CREATE TABLE models (x)'",
    ),
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_catalogue_that_brings_a_program_is_refused(program, folder):
    change(folder, *PROGRAMS[program])
    for is_read_only in (True, False):
        with pytest.raises(SavedFileError, match=r"other tables|damaged"):
            Index(folder, is_read_only=is_read_only)


def endless(folder: Path, table: str, levels: int = 8, width: int = 60) -> None:
    """Put pages above a table each of which leads to the next one 60 times: 60^8 rows in a file of some kilobytes."""
    path = folder / catalogue.FILE
    with sqlite3.connect(path) as connection:
        (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    connection.close()
    content = bytearray(path.read_bytes())
    pages = [content[k : k + 512] for k in range(0, len(content), 512)]
    pages.append(pages[root - 1])
    for _ in range(levels):
        child = struct.pack(">I", len(pages))
        cells = b"".join(struct.pack(">H", 512 - 5 * (k + 1)) for k in range(width))
        head = b"\x05" + struct.pack(">HHHB", 0, width, 512 - 5 * width, 0) + child
        pages.append(bytearray((head + cells).ljust(512 - 5 * width, b"\0") + (child + b"\x01") * width))
    pages[root - 1] = pages.pop()
    pages[0][28:32] = struct.pack(">I", len(pages))
    path.write_bytes(b"".join(pages))


def test_pages_that_lead_to_one_another_are_not_followed_forever(folder, monkeypatch):
    monkeypatch.setattr(proof, "FEWEST", 200_000)
    endless(folder, "models")
    with Index(folder, is_read_only=True) as index, pytest.raises(SavedFileError, match="damaged"):
        index.entries()


def test_any_byte_of_a_catalogue_may_be_another_one(folder):
    path = folder / catalogue.FILE
    content, rng = path.read_bytes(), np.random.default_rng(1)
    for _ in range(60):
        damaged = bytearray(content)
        for at in rng.integers(0, len(content), rng.integers(1, 9)):
            damaged[at] = rng.integers(256)
        path.write_bytes(damaged[: rng.integers(1, len(content))] if rng.integers(4) == 0 else damaged)
        try:
            with Index(folder, is_read_only=True) as index:
                len(index)
                for entry in index.entries():
                    index.candidates(index.fingerprint(entry.digest), 5)
                index.groups()
        except NeuralPhylogenyError:
            pass
