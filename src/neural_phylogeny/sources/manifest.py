"""Manifests: a CSV or JSON table of names and paths."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from neural_phylogeny.errors import DamagedFileError, UnreadableFileError

SIZE_LIMIT = 1 << 26
"""Longest manifest accepted, in bytes."""


def read_manifest(path: Path) -> list[tuple[str, Path]]:
    """(name, path) rows of a manifest; relative paths start at the manifest's own folder.

    A CSV needs a header with ``name`` and ``path``; a JSON file a list of such objects, or an object of names to
    paths.

    Raises
    ------
    UnreadableFileError, DamagedFileError
        When it cannot be read, or a row lacks either.
    """
    try:
        if path.stat().st_size > SIZE_LIMIT:
            raise DamagedFileError("too large for a manifest", path=path, remedy="Split it.")
        text = path.read_text(encoding="utf-8-sig")
        rows = _json_rows(text) if path.suffix.lower() == ".json" else list(csv.DictReader(text.splitlines()))
    except OSError as error:
        raise UnreadableFileError(str(error.strerror).lower(), path=path, remedy="Check the path.") from error
    except (ValueError, csv.Error, RecursionError) as error:
        raise DamagedFileError(f"not a manifest ({error})", path=path, remedy=_REMEDY) from error
    found = []
    for number, row in enumerate(rows, start=1):
        name, target = (row.get(key) for key in ("name", "path")) if isinstance(row, dict) else (None, None)
        if not (isinstance(name, str) and name and isinstance(target, str) and target):
            raise DamagedFileError(f"row {number} lacks a name or a path", path=path, remedy=_REMEDY)
        found.append((name, path.parent / target))
    return found


_REMEDY = "A manifest is a CSV with the columns name and path, or a JSON list of objects with these keys."


def _json_rows(text: str) -> list[Any]:
    content = json.loads(text)
    if isinstance(content, dict):
        return [{"name": name, "path": target} for name, target in content.items()]
    if not isinstance(content, list):
        raise ValueError("neither a list nor an object")
    return content
