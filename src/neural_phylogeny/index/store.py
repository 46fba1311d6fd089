"""An index of fingerprints in a folder: add, find, remove. It survives what may end a process at any moment."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from neural_phylogeny.errors import OutputError, SavedFileError
from neural_phylogeny.formats.fingerprint import Fingerprint, from_bytes
from neural_phylogeny.graphs import Groups
from neural_phylogeny.index.catalogue import connect, explained, writing
from neural_phylogeny.index.coarse import MANY, columns, likely
from neural_phylogeny.index.segments import Place, Writer, read
from neural_phylogeny.index.sketches import WORDS, Near, Words, marks_of, nearest, sketch_of

SEGMENTS = "segments"
CERTAIN = 0.7
"""Correlation of sketches of two models that are near the same models."""

TOGETHER = 64
"""Models that are added in one transaction."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A model of an index: its number, what it is called, and what identifies its fingerprint."""

    id: int
    name: str
    digest: str
    path: str
    format: str
    parameters: int
    added: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that may be a relative: the correlation of the sketches, and how many sampled matrices are equal."""

    entry: Entry
    correlation: float
    equal: int


class Index:
    """An opened index; of use in one thread. Several processes may read and write it at the same time."""

    def __init__(self, folder: str | os.PathLike[str], *, is_new: bool = False, is_read_only: bool = False) -> None:
        """Open the index in a folder; with ``is_new`` it is made where there is none.

        Raises
        ------
        SavedFileError
            When there is none, or it is damaged or of another version.
        OutputError
            When the disk refuses.
        """
        self.folder = Path(folder)
        self._sketches: tuple[tuple[int, int], list[str], Words] | None = None
        self._columns: Words | None = None
        with explained(self.folder):
            if is_new:
                (self.folder / SEGMENTS).mkdir(parents=True, exist_ok=True)
        self.catalogue = connect(self.folder, is_new=is_new, is_read_only=is_read_only)
        self._writer = Writer(self.folder / SEGMENTS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the files; safe to call twice."""
        self._writer.close()
        self.catalogue.close()

    def __len__(self) -> int:
        return int(self._one("SELECT count(id) FROM models"))  # count(*) counts no steps

    def add(self, models: Iterable[tuple[str, str, Fingerprint]]) -> Iterator[tuple[str, bool]]:
        """Add models given as name, path and fingerprint; each name with whether it was new, once it is safe.

        A model of the same content and the same name or path is there already. A second name of a content costs no
        space. Where the source of the models fails, those that came before are added first.

        Raises
        ------
        OutputError
            When the disk is full: what was reported before is there, nothing else.
        """
        for batch in _batches(models):
            yield from self._added(batch)

    def places(self) -> frozenset[str]:
        """The paths and addresses of all models."""
        with explained(self.folder):
            return frozenset(path for (path,) in self.catalogue.execute("SELECT path FROM models") if path)

    def _added(self, batch: Sequence[tuple[str, str, Fingerprint]]) -> list[tuple[str, bool]]:
        with explained(self.folder):
            contents = {model.digest: model for _, _, model in batch}
            places = {
                digest: (self._writer.append(model.to_bytes()), sketch_of(model).tobytes(), marks_of(model))
                for digest, model in contents.items()
                if not self._one(_KNOWN, digest)
            }
            self._writer.flush()
            with writing(self.catalogue):
                for digest, (place, sketch, marks) in places.items():
                    row = (digest, place.segment, place.offset, place.length, sketch)
                    if self.catalogue.execute(_ADD_PRINT, row).rowcount:
                        self.catalogue.executemany(_ADD_MARK, [(mark, digest) for mark in marks])
                return [self._named(name, path, model) for name, path, model in batch]

    def _named(self, name: str, path: str, model: Fingerprint) -> tuple[str, bool]:
        if not self._one(_KNOWN, model.digest):  # it was removed since it was looked for
            raise OutputError(str(self.folder), f"{name} was removed by another process; add it again")
        if path and self._one("SELECT 1 FROM models WHERE digest = ? AND path = ?", model.digest, path):
            return name, False
        size = sum(tensor.size for tensor in model.tensors.values())
        row = (name, model.digest, path, model.source.format, model.source.identity, size)
        return name, bool(self.catalogue.execute(_ADD_MODEL, row).rowcount)

    def remove(self, names: Sequence[str]) -> list[str]:
        """Remove models by name; the names that were there. ``compact`` frees the space."""
        with explained(self.folder), writing(self.catalogue):
            found = [name for name in names if self.catalogue.execute(_REMOVE, (name,)).rowcount]
            for table in ("marks", "placed"):
                self.catalogue.execute(_FORGET.format(table))
            self.catalogue.execute(_FORGET.format("fingerprints"))
        return found

    def move(self, rows: Sequence[tuple[str, str, int, int]]) -> None:
        """Copy fingerprints, given as digest and place, into the segment of this process."""
        with explained(self.folder):
            places = [
                (digest, self._writer.append(read(self.folder / SEGMENTS, Place(segment, offset, length))))
                for digest, segment, offset, length in rows
            ]
            self._writer.flush()
            with writing(self.catalogue):
                for (digest, place), (_, *old) in zip(places, rows, strict=True):
                    self.catalogue.execute(_MOVE, (place.segment, place.offset, digest, *old))

    def leave_segment(self) -> None:
        """Let the next bytes be written to a new segment."""
        self._writer.close()

    def entries(self, where: str = "1", *values: object) -> list[Entry]:
        """The models in the order in which they were added."""
        with explained(self.folder):
            rows = self.catalogue.execute(f"SELECT {_FIELDS} FROM models WHERE {where} ORDER BY id", values)
            return [self._entry(row) for row in rows]

    def fingerprint(self, digest: str) -> Fingerprint:
        """The fingerprint of a content.

        Raises
        ------
        SavedFileError
            When it is not there.
        CheckpointError
            When its bytes are not those that were written.
        """
        segment, content = self._content(digest)
        return from_bytes(content, str(self.folder / SEGMENTS / segment))

    def named(self, name: str) -> Fingerprint | None:
        """The fingerprint of the latest model of a name; raises as ``fingerprint``."""
        known = self.entries("name = ?", name)
        return self.fingerprint(known[-1].digest) if known else None

    def _content(self, digest: str) -> tuple[str, bytes]:
        """The bytes of a fingerprint and their segment; another process may move them while they are looked for."""
        for is_last in (False, True):
            with explained(self.folder):
                row = self.catalogue.execute(_PLACE, (digest,)).fetchone()
            if row is None:
                raise SavedFileError(f"{self.folder}: no fingerprint {digest}")
            try:
                return row[0], read(self.folder / SEGMENTS, Place(*row))
            except OSError as error:
                reason = error.strerror
            if is_last:
                break
        raise SavedFileError(f"{self.folder}: segment {row[0]} cannot be read ({reason})")

    def candidates(self, model: Fingerprint, count: int) -> list[Candidate]:
        """The models that may be relatives of one, its copies too, the nearest first; at most ``count`` contents.

        By the correlation of sketches, and by sampled matrices that are equal to the last bit. Of more than ``MANY``
        sketches only the likely ones are looked at. They are read from the catalogue once, and again after a change.
        """
        digests, _ = self.sketches()
        found = {digests[near.row]: near.correlation for near in self.near(sketch_of(model), count)}
        equal: dict[str, int] = {}
        with explained(self.folder):
            for mark in marks_of(model):
                for (digest,) in self.catalogue.execute("SELECT digest FROM marks WHERE mark = ? LIMIT 1000", (mark,)):
                    equal[digest] = equal.get(digest, 0) + 1
        order = sorted(found.keys() | equal.keys(), key=lambda d: (-equal.get(d, 0) - 16 * found.get(d, 0.0), d))
        return [
            Candidate(entry, found.get(digest, 0.0), equal.get(digest, 0))
            for digest in order[:count]
            for entry in self.entries("digest = ?", digest)
        ]

    def near(self, query: Words, count: int) -> list[Near]:
        """Rows of ``sketches`` that are near a sketch, the nearest first, at most ``count``; see ``candidates``."""
        _, sketches = self.sketches()
        if len(sketches) <= MANY:
            return nearest(sketches, query, count)
        if self._columns is None:
            self._columns = columns(sketches)
        rows = likely(sketches, self._columns, query, count)
        return [Near(int(rows[near.row]), near.correlation) for near in nearest(sketches[rows], query, count)]

    def groups(self) -> list[list[str]]:
        """Digests of contents that may be related, joined by near sketches and by equal sampled matrices.

        A content that is clearly near another one is not looked at again: what is near it is near that one too.
        """
        digests, sketches = self.sketches()
        joined, seen = Groups(), set[int]()
        for k, digest in enumerate(digests):
            if k not in seen:
                for near in nearest(sketches, sketches[k], len(digests)):
                    joined.join(digest, digests[near.row])
                    seen |= {near.row} if near.correlation > CERTAIN else set()
        with explained(self.folder):
            same = self.catalogue.execute(_SAME).fetchall()
        if not {digest for _, digest in same} <= set(digests):
            raise self._damaged("a mark of no fingerprint")
        for first, second in pairwise(same):
            if first[0] == second[0]:
                joined.join(first[1], second[1])
        return joined.lists(digests)

    def sketches(self) -> tuple[list[str], Words]:
        """Digests and sketches of all contents, ``(n, WORDS)``."""
        with explained(self.folder):
            state = (self._one("PRAGMA data_version"), self.catalogue.total_changes)
            if self._sketches is None or self._sketches[0] != state:
                rows = self.catalogue.execute("SELECT digest, sketch FROM fingerprints").fetchall()
                if any(not isinstance(sketch, bytes) or len(sketch) != 8 * WORDS for _, sketch in rows):
                    raise self._damaged("a sketch of another length")
                flat = np.frombuffer(b"".join(sketch for _, sketch in rows), dtype=np.uint64)
                self._columns = None
                self._sketches = state, [digest for digest, _ in rows], flat.reshape(-1, WORDS)
        return self._sketches[1:]

    def _entry(self, row: tuple[Any, ...]) -> Entry:
        entry = Entry(*row)
        texts = (entry.name, entry.digest, entry.path, entry.format, entry.added)
        if not all(isinstance(text, str) for text in texts) or not isinstance(entry.parameters, int):
            raise self._damaged("a row of other types")
        return entry

    def _damaged(self, reason: str) -> SavedFileError:
        return SavedFileError(f"{self.folder}: the catalogue is damaged ({reason}); restore it from a copy")

    def _one(self, question: str, *values: object) -> int:
        with explained(self.folder):
            row = self.catalogue.execute(question, values).fetchone()
            return int(row[0]) if row else 0


def _batches(models: Iterable[tuple[str, str, Fingerprint]]) -> Iterator[list[tuple[str, str, Fingerprint]]]:
    """The models in groups of ``TOGETHER``; where their source fails, what came before as a last group."""
    batch: list[tuple[str, str, Fingerprint]] = []
    try:
        for model in models:
            batch.append(model)
            if len(batch) == TOGETHER:
                yield batch
                batch = []
    except GeneratorExit:
        raise
    except BaseException:
        yield batch
        raise
    yield batch


_FIELDS = "id, name, digest, path, format, parameters, added"
_KNOWN = "SELECT 1 FROM fingerprints WHERE digest = ?"
_PLACE = "SELECT segment, offset, length FROM fingerprints WHERE digest = ?"
_ADD_PRINT = "INSERT OR IGNORE INTO fingerprints VALUES (?, ?, ?, ?, ?)"
_ADD_MARK = "INSERT OR IGNORE INTO marks VALUES (?, ?)"
_ADD_MODEL = "INSERT OR IGNORE INTO models (name, digest, path, format, identity, parameters) VALUES (?, ?, ?, ?, ?, ?)"
_SAME = (
    "SELECT mark, digest FROM marks WHERE mark IN (SELECT mark FROM marks GROUP BY mark HAVING count(*) > 1) "
    "ORDER BY mark, digest"
)
_MOVE = "UPDATE fingerprints SET segment = ?, offset = ? WHERE digest = ? AND segment = ? AND offset = ? AND length = ?"
_REMOVE = "DELETE FROM models WHERE name = ?"
_FORGET = "DELETE FROM {} WHERE digest NOT IN (SELECT digest FROM models)"
