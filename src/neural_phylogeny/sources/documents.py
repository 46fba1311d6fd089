"""Small text files that strangers wrote: read whole, but never a huge one, and no name in them taken twice."""

from __future__ import annotations

import json
import os
from typing import Any

from neural_phylogeny.errors import DamagedFileError
from neural_phylogeny.formats.spans import unreadable

SIZE_LIMIT = 1 << 26
"""Longest document accepted, in bytes; the shard index of a model with 100,000 tensors takes a tenth of it."""


def read_text(path: str, remedy: str) -> str:
    """The text of a UTF-8 file. Raises UnreadableFileError, or DamagedFileError with ``remedy``."""
    try:
        with open(path, "rb") as file:
            content = file.read(SIZE_LIMIT + 1)
    except OSError as error:
        raise unreadable(path, error) from error
    if len(content) > SIZE_LIMIT:
        raise DamagedFileError(f"longer than the {SIZE_LIMIT} bytes a text file may have here", path=path)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DamagedFileError("not text in UTF-8", path=path, remedy=remedy) from error


def read_json(path: str, remedy: str) -> Any:
    """What a JSON file holds. Raises as ``read_text``, and DamagedFileError for anything that is not JSON."""
    text = read_text(path, remedy)
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise DamagedFileError(f"not JSON ({error})", path=path, remedy=remedy) from error


def reason_of(error: Exception, path: str) -> str:
    """The error's sentence without its path in front, for a record that names the path already.

    Examples
    --------
    >>> reason_of(DamagedFileError("truncated", path="model/a.safetensors"), "model")
    'a.safetensors: truncated'
    """
    return str(error).removeprefix(f"{path}: ").removeprefix(os.path.join(path, ""))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse an object that names a key twice: one of the two would be lost without a word."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice")
    return found
