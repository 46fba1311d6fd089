"""SHA-256 of the files of a model."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

MOST_FILES = 1000
"""Of a larger folder no file is hashed: it is not one model."""


def sha256_of(path: str | os.PathLike[str]) -> dict[str, str]:
    """By path below ``path``, the SHA-256 of each regular file of a model; ``""`` names a model that is one file.

    Reads every byte. Empty where the path leads to nothing, as that of a model in memory, or cannot be read. Links are
    followed for a file that was named, not inside a folder.

    Examples
    --------
    >>> from neural_phylogeny import demo
    >>> len(sha256_of(demo.folder() / "heron.safetensors")[""]), sha256_of("nowhere.bin")
    (64, {})
    """
    target = Path(path)
    if not os.fspath(path):
        return {}
    try:
        if target.is_file():
            return {"": digest_of(target)}
        files = sorted(file for file in target.rglob("*") if file.is_file() and not file.is_symlink())
        if len(files) > MOST_FILES:
            return {}
        return {file.relative_to(target).as_posix(): digest_of(file) for file in files}
    except OSError:
        return {}


def digest_of(path: str | os.PathLike[str]) -> str:
    """SHA-256 of one file in hexadecimal digits; reads every byte. Raises OSError where it cannot be read."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
