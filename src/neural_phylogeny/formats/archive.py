"""Zip archives that hold PyTorch files, as Stable-Baselines3 writes them: the policy is the model.

Members are decompressed into memory, no further than their directory entry honestly claims. Other members
(pickled settings, optimisers) are never opened.
"""

from __future__ import annotations

import zipfile
from pathlib import Path, PurePosixPath

from neural_phylogeny.errors import UnknownChoiceError
from neural_phylogeny.formats.base import Checkpoint
from neural_phylogeny.formats.pytorch import PyTorchFile
from neural_phylogeny.formats.zips import directory, inflate

WEIGHTS = (".pth", ".pt", ".bin", ".ckpt")


class ArchiveFile(PyTorchFile):
    """The PyTorch file inside a zip archive."""

    format = "archive"


def matches(head: bytes, path: Path) -> bool:
    """A zip archive with weight files in it that is not itself a PyTorch file."""
    if head[:4] != b"PK\x03\x04":
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError, EOFError, OSError, NotImplementedError):
        return path.suffix.lower() == ".zip"
    return bool(_weights(names)) and not any(name.split("/")[-1] == "data.pkl" for name in names)


def open_file(path: Path, component: str | None = None) -> Checkpoint:
    """Open the weight file inside an archive; of several, the policy or the first, unless one is named."""
    with path.open("rb") as file:
        members = directory(file, str(path))
    names = sorted(_weights(list(members)), key=lambda name: PurePosixPath(name).stem != "policy")
    if component is not None and component not in names:
        raise UnknownChoiceError("component", component, names)
    chosen = component or names[0]
    with path.open("rb") as file:
        content = inflate(file, members[chosen], str(path))
    opened = ArchiveFile(path, None, content)
    if len(names) > 1:
        opened.components = (chosen, *(name for name in names if name != chosen))
    return opened


def _weights(names: list[str]) -> list[str]:
    """Members that look like weights: not the optimiser's, not loose variables."""
    return [
        name
        for name in names
        if PurePosixPath(name).suffix.lower() in WEIGHTS
        and not any(word in PurePosixPath(name).name.lower() for word in ("optim", "variables"))
    ]
