"""The care of an index: is it whole, and what of it is no longer needed?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from neural_phylogeny.errors import NeuralPhylogenyError
from neural_phylogeny.files.activity import announced
from neural_phylogeny.index.catalogue import FILE, explained, writing
from neural_phylogeny.index.proof import refuse_segments_elsewhere
from neural_phylogeny.index.segments import names, remove_unused
from neural_phylogeny.index.sketches import marks_of, sketch_of
from neural_phylogeny.index.store import SEGMENTS, Index


@dataclass(frozen=True)
class Size:
    """What an index holds: models, contents, segments, and bytes on the disk, those in use and those to be freed."""

    models: int
    contents: int
    segments: int
    catalogue_bytes: int
    used_bytes: int
    free_bytes: int


def size_of(index: Index) -> Size:
    """Count what is there."""
    folder = index.folder / SEGMENTS
    with explained(index.folder):
        contents, used = index.catalogue.execute("SELECT count(*), total(length) FROM fingerprints").fetchone()
        total = sum((folder / name).stat().st_size for name in names(folder))
        catalogue = sum(path.stat().st_size for path in index.folder.glob(f"{FILE}*"))
    return Size(len(index), contents, len(names(folder)), catalogue, int(used), total - int(used))


def damage(index: Index) -> Iterator[str]:
    """Everything that is wrong with an index, a sentence each; reads all of it."""
    with explained(index.folder):
        for (line,) in index.catalogue.execute("PRAGMA integrity_check").fetchall():
            if line != "ok":
                yield f"catalogue: {line}"
        for row in index.catalogue.execute("PRAGMA foreign_key_check").fetchall():
            yield f"catalogue: a row of {row[0]} names a fingerprint that is not there"
        lonely = index.catalogue.execute(
            "SELECT digest FROM fingerprints WHERE digest NOT IN (SELECT digest FROM models)"
        ).fetchall()
        yield from (f"fingerprint {digest}: belongs to no model" for (digest,) in lonely)
        rows = index.catalogue.execute("SELECT digest, sketch FROM fingerprints").fetchall()
    for digest, sketch in announced("verifying", rows, [digest for digest, _ in rows]):
        try:
            found = index.fingerprint(digest)
        except NeuralPhylogenyError as error:
            yield f"fingerprint {digest}: {error}"
            continue
        if found.digest != digest:
            yield f"fingerprint {digest}: its content is that of {found.digest}"
        elif not np.array_equal(np.frombuffer(sketch, dtype=np.uint64), sketch_of(found)):
            yield f"fingerprint {digest}: its sketch is not that of its content"
        else:
            known = index.catalogue.execute("SELECT mark FROM marks WHERE digest = ?", (digest,)).fetchall()
            if sorted(mark for (mark,) in known) != marks_of(found):
                yield f"fingerprint {digest}: its marks are not those of its content"


def compact(index: Index) -> int:
    """Write what is in use into new segments and remove the others; the bytes that this frees.

    Others may read and write meanwhile: what they write to is left for the next time. Needs room for what is in use.
    """
    folder = index.folder / SEGMENTS
    refuse_segments_elsewhere(index.folder, SEGMENTS)
    index.leave_segment()
    with explained(index.folder):
        before = size_of(index)
        if before.free_bytes or before.segments > 1:
            _rewrite(index)
        with writing(index.catalogue):  # no one can name a segment now, and who may yet has locked it
            rows = index.catalogue.execute("SELECT DISTINCT segment FROM fingerprints")
            freed = remove_unused(folder, {segment for (segment,) in rows})
        index.catalogue.execute("VACUUM")
        index.catalogue.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return freed - (before.used_bytes if freed else 0)


def _rewrite(index: Index) -> None:
    """Copy all fingerprints into a segment of this process, a hundred in one transaction."""
    rows = index.catalogue.execute("SELECT digest, segment, offset, length FROM fingerprints").fetchall()
    for start in range(0, len(rows), 100):
        index.move(rows[start : start + 100])
    index.leave_segment()
