"""Small text files that strangers wrote: read whole, but never a huge one, and no name in them taken twice."""

from __future__ import annotations

import os
from typing import Any

from neural_phylogeny.errors import DamagedFileError, LimitError, UnreadableFileError, shown
from neural_phylogeny.files.far import far_file
from neural_phylogeny.files.regular import open_regular, unreadable
from neural_phylogeny.formats.limits import check, limit, parsed_json


def read_bytes(path: str) -> bytes:
    """All bytes of a small regular file. Raises UnreadableFileError, or LimitError for one that is not small."""
    far = far_file(path)
    if far is not None:
        check("header", far.size, path)
        return far.read(0, far.size)
    try:
        with os.fdopen(open_regular(path), "rb") as file:
            check("header", os.fstat(file.fileno()).st_size, path)
            return file.read(limit("header"))
    except UnreadableFileError:
        raise
    except OSError as error:
        raise unreadable(path, error) from error


def read_text(path: str, remedy: str) -> str:
    """The text of a UTF-8 file. Raises as ``read_bytes``, or DamagedFileError with ``remedy``."""
    try:
        return read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DamagedFileError("not text in UTF-8", path=path, remedy=remedy) from error


def read_json(path: str, remedy: str) -> Any:
    """What a JSON file holds. Raises as ``read_bytes``, and DamagedFileError for anything that is not JSON."""
    try:
        return parsed_json(read_bytes(path), path)
    except LimitError:
        raise
    except UnicodeDecodeError as error:
        raise DamagedFileError("not text in UTF-8", path=path, remedy=remedy) from error
    except (ValueError, RecursionError) as error:
        raise DamagedFileError(f"not JSON ({str(error)[:200]})", path=path, remedy=remedy) from error


def reason_of(error: Exception, path: str) -> str:
    """The error's sentence without its path in front, for a record that names the path already.

    Examples
    --------
    >>> reason_of(DamagedFileError("truncated", path="model/a.safetensors"), "model")
    'a.safetensors: truncated'
    """
    path = shown(path)
    return str(error).removeprefix(f"{path}: ").removeprefix(os.path.join(path, ""))
