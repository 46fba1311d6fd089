"""The identity of a model: its content, so that cached statistics are never taken for another's."""

from __future__ import annotations

import hashlib
import os

from neural_phylogeny.files.far import far_file
from neural_phylogeny.formats import Checkpoint
from neural_phylogeny.inputs import ModelRef

PIECES, PIECE = 64, 1 << 12
"""Pieces of a file that are hashed, evenly spaced from its first byte to its last, and bytes in each."""

CHUNK = 1 << 20
"""Values in memory that are hashed at a time."""


def identity(ref: ModelRef, checkpoint: Checkpoint) -> str:
    """Identify a model by its content: equal for copies, another one after a change.

    Of models in memory all values are hashed. Of files the size, the modification time and ``PIECES`` pieces of
    ``PIECE`` bytes are, the head, the middle and the tail among them; a file of up to 256 KiB is hashed whole. So a
    change in place that also restores the modification time is missed only where it touches none of the pieces, which
    no training does. Names, shapes and dtypes of the tensors and the chosen component count in either case.

    Cost: one pass over the values in memory; at most 256 KiB read of each file.

    Raises
    ------
    OSError
        When a file is gone.
    """
    found = hashlib.blake2b(digest_size=32)
    layout = [(t.name, t.shape, t.dtype, t.output_axis) for t in checkpoint.tensors.values()]
    found.update(repr((len(ref.parts), ref.component, layout)).encode())
    for part in ref.parts:
        found.update(repr(part.prefix).encode() + _file_hash(part.file))
    if not ref.parts:
        found.update(_values_hash(checkpoint))
    return found.hexdigest()


def _file_hash(path: str) -> bytes:
    found = hashlib.blake2b()
    far = far_file(path)
    if far is not None:
        found.update(repr((far.address, far.size, far.sha256, far.version)).encode())
        return found.digest()
    with open(path, "rb") as file:
        stat = os.fstat(file.fileno())
        found.update(repr((stat.st_size, stat.st_mtime_ns)).encode())
        last = max(stat.st_size - PIECE, 0)
        for start in sorted({last * k // (PIECES - 1) for k in range(PIECES)}):
            file.seek(start)
            found.update(file.read(PIECE))
    return found.digest()


def _values_hash(checkpoint: Checkpoint) -> bytes:
    found = hashlib.blake2b()
    for name, tensor in checkpoint.tensors.items():
        for start in range(0, tensor.size, CHUNK):
            found.update(checkpoint.read(name, start, start + CHUNK).tobytes())
    return found.digest()
