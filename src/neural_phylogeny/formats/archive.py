"""Zip archives that hold PyTorch files, as Stable-Baselines3 writes them: the policy is the model.

A member that is stored is read in place; one that is compressed is unpacked into memory, no further than its
directory entry honestly claims. Other members (pickled settings, optimisers) are never opened.
"""

from __future__ import annotations

import zipfile
from pathlib import Path, PurePosixPath

from neural_phylogeny.errors import CheckpointError, UnknownChoiceError
from neural_phylogeny.formats.base import Checkpoint
from neural_phylogeny.formats.pytorch.reader import PyTorchFile
from neural_phylogeny.formats.spans import SpanFile
from neural_phylogeny.formats.zips import directory, inflate, stored_offset

WEIGHTS = (".pth", ".pt", ".bin", ".ckpt")

NOT_WEIGHTS = ("optim", "variables", "tensors.")
"""Members so named hold an optimiser, or loose numbers such as a temperature."""


class ArchiveFile(PyTorchFile):
    """The PyTorch file inside a zip archive."""

    format = "archive"


def matches(head: bytes, path: Path) -> bool:
    """A zip archive with weight files in it that is not itself a PyTorch file."""
    if head[:4] != b"PK\x03\x04":
        return False
    try:
        with SpanFile(path) as file:
            names = list(directory(file.stream(), str(path)))
    except CheckpointError:
        return path.suffix.lower() == ".zip"
    return bool(_weights(names)) and not any(name.split("/")[-1] == "data.pkl" for name in names)


def open_file(path: Path, component: str | None = None) -> Checkpoint:
    """Open the weight file inside an archive; of several, the policy or the first, unless one is named.

    Costs a read of both directories and the pickle, and of the whole member where it is compressed. Raises the
    errors of ``open_checkpoint``.
    """
    outer = SpanFile(path)
    try:
        members = directory(outer.stream(), outer.path)
        names = sorted(_weights(list(members)), key=lambda name: PurePosixPath(name).stem != "policy")
        if component is not None and component not in names:
            raise UnknownChoiceError("component", component, names)
        chosen = component or names[0]
        info = members[chosen]
        if info.compress_type == zipfile.ZIP_STORED:
            opened = ArchiveFile(path, window=(stored_offset(outer, info), info.file_size))
        else:
            opened = ArchiveFile(path, content=inflate(outer.stream(), info, outer.path))
    finally:
        outer.close()
    if len(names) > 1:
        opened.components = (chosen, *(name for name in names if name != chosen))
    return opened


def _weights(names: list[str]) -> list[str]:
    """Members that look like weights."""
    return [
        name
        for name in names
        if PurePosixPath(name).suffix.lower() in WEIGHTS
        and not any(word in PurePosixPath(name).name.lower() for word in NOT_WEIGHTS)
    ]
