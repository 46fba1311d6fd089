"""Manifests: a CSV or JSON table of names and paths."""

from __future__ import annotations

import csv
import io
import os
import re
from typing import Any

from neural_phylogeny.errors import DamagedFileError, shortened
from neural_phylogeny.formats.limits import check
from neural_phylogeny.sources.documents import read_json, read_text
from neural_phylogeny.sources.remote import is_address
from neural_phylogeny.sources.shards import is_index

MANIFESTS = (".csv", ".json")
"""Suffixes of manifests; a walk passes over them."""

DOCUMENTS = re.compile(
    r"(\w+_)?config|params|tokenizer\w*|special_tokens_map|added_tokens|vocab|modules|model_index|trainer_state"
    r"|(all|train|eval|test|predict)_results|config_sentence_transformers|sentence_\w+|latest_checkpointed_iteration"
    r"|chat_template|README|\w*_state|training_args|args|dataset_infos?|hyper_?parameters|metrics|scores?"
)
"""JSON files that lie beside weights; a shell's glob names them too."""

_COLUMNS = ("name", "path")

_REMEDY = "A manifest is a CSV with the columns name and path, or a JSON list of objects with these keys."


def is_manifest(path: str) -> bool:
    """Whether a file is taken for a manifest, by its suffix; a shard index is none, nor what lies beside weights."""
    return path.lower().endswith(MANIFESTS) and not is_index(path) and not is_document(path)


def is_document(path: str) -> bool:
    """Whether a JSON file is called as those that lie beside weights.

    Examples
    --------
    >>> [is_document(name) for name in ("m/config.json", "tokenizer_config.json", "family.json", "models.json")]
    [True, True, False, False]
    """
    stem, suffix = os.path.splitext(os.path.basename(path))
    return suffix.lower() == ".json" and DOCUMENTS.fullmatch(stem) is not None


def read_manifest(path: str) -> list[tuple[str, str]]:
    """(name, path) rows of a manifest; relative paths start at the manifest's own folder.

    A CSV needs a header with ``name`` and ``path``; a JSON file a list of such objects, or an object of names to
    paths.

    Raises
    ------
    UnreadableFileError, DamagedFileError
        When it cannot be read, has no rows, or one of them lacks a name or a path.
    """
    rows = _json_rows(path) if path.lower().endswith(".json") else _csv_rows(path)
    check("rows", len(rows), path)
    if not rows:
        raise DamagedFileError("the manifest has no rows", path=path, remedy=_REMEDY)
    found = []
    for number, row in enumerate(rows, start=1):
        name, target = (row.get(column) for column in _COLUMNS) if isinstance(row, dict) else (None, None)
        if not (isinstance(name, str) and name and isinstance(target, str) and target):
            raise DamagedFileError(f"row {number} of the manifest lacks a name or a path", path=path, remedy=_REMEDY)
        where = target if is_address(target) else os.path.join(os.path.dirname(path), target)
        found.append((shortened(name), where))
    return found


def leaves(manifest: str, target: str) -> bool:
    """Whether a row of a manifest leads outside of the manifest's own folder, by its words alone."""
    if is_address(target):
        return True
    folder = os.path.abspath(os.path.dirname(manifest))
    try:
        inside = os.path.commonpath([folder, os.path.abspath(target)]) == folder
    except ValueError:  # another drive
        return True
    return not inside


def _csv_rows(path: str) -> list[dict[str, Any]]:
    reader = csv.DictReader(io.StringIO(read_text(path, _REMEDY), newline=""))
    try:
        columns = reader.fieldnames or ()
        repeated = [column for column in _COLUMNS if list(columns).count(column) > 1]
        if repeated:
            raise DamagedFileError(f"the manifest has two columns {repeated[0]!r}", path=path, remedy=_REMEDY)
        shown = [shortened(name) for name in list(columns)[:20]]
        missing = [column for column in _COLUMNS if column not in columns]
        if missing and columns:
            raise DamagedFileError(
                f"the manifest has no column {missing[0]!r}, only {', '.join(map(repr, shown))}",
                path=path,
                remedy=_REMEDY,
            )
        return list(reader)
    except csv.Error as error:
        raise DamagedFileError(f"not CSV ({error})", path=path, remedy=_REMEDY) from error


def _json_rows(path: str) -> list[Any]:
    content = read_json(path, _REMEDY)
    if isinstance(content, dict):
        return [{"name": name, "path": target} for name, target in content.items()]
    if not isinstance(content, list):
        raise DamagedFileError("the manifest is neither a list nor an object", path=path, remedy=_REMEDY)
    return content
