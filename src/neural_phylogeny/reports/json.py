"""The result file: a Phylogeny as JSON and back. Its format is described in ``docs/result-file.md``."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from neural_phylogeny.errors import SavedFileError
from neural_phylogeny.records import (
    Comparison,
    Edge,
    Evidence,
    Hidden,
    Kinship,
    ModelRecord,
    Phylogeny,
    Skipped,
)

FORMAT = "neural-phylogeny"
VERSION = 1


def to_json(phylogeny: Phylogeny) -> str:
    """The result file as text: valid JSON, numbers that are not finite as null, keys in a fixed order."""
    content = {
        "format": FORMAT,
        "version": VERSION,
        "models": [asdict(model) for model in phylogeny.models],
        "edges": [asdict(edge) for edge in phylogeny.edges],
        "undirected": [asdict(pair) for pair in phylogeny.undirected],
        "hidden": [asdict(hidden) for hidden in phylogeny.hidden],
        "copies": [list(group) for group in phylogeny.copies],
        "skipped": [asdict(skipped) for skipped in phylogeny.skipped],
        "provenance": dict(phylogeny.provenance),
    }
    return _dump(content)


def comparison_to_json(comparison: Comparison) -> str:
    """A comparison of two models as JSON."""
    return _dump({"format": f"{FORMAT}-comparison", "version": VERSION, **asdict(comparison)})


def from_json(text: str, path: str = "") -> Phylogeny:
    """Read a result file back.

    Raises
    ------
    SavedFileError
        When the text is not JSON, of another format or version, or an entry lacks a field; says which.
    """
    where = f"{path}: " if path else ""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SavedFileError(f"{where}not a result file: not JSON ({error})") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise SavedFileError(f"{where}not a result file: its format is not {FORMAT!r}")
    if content.get("version") != VERSION:
        raise SavedFileError(f"{where}a result file of version {content.get('version')!r}; this reads {VERSION}")
    try:
        return Phylogeny(
            models=tuple(ModelRecord(**_only(ModelRecord, entry)) for entry in content["models"]),
            edges=tuple(_with_evidence(Edge, entry) for entry in content["edges"]),
            undirected=tuple(_with_evidence(Kinship, entry) for entry in content["undirected"]),
            hidden=tuple(Hidden(**_only(Hidden, entry)) for entry in content["hidden"]),
            copies=tuple(tuple(str(name) for name in group) for group in content["copies"]),
            skipped=tuple(Skipped(**_only(Skipped, entry)) for entry in content["skipped"]),
            provenance=dict(content["provenance"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SavedFileError(f"{where}a damaged result file: {type(error).__name__} {error}") from error


def _with_evidence(record: Any, entry: Mapping[str, Any]) -> Any:
    fields = _only(record, entry)
    fields["evidence"] = tuple(Evidence(**_only(Evidence, item)) for item in entry["evidence"])
    for number in ("confidence", "similarity", "coverage"):
        value = fields.get(number, math.nan)
        fields[number] = math.nan if value is None else float(value)
    return record(**fields)


def _only(record: Any, entry: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that the record knows; a later writer may have added others."""
    return {key: value for key, value in entry.items() if key in record.__dataclass_fields__}


def _dump(content: Any) -> str:
    return json.dumps(_finite(content), indent=1, ensure_ascii=True, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    """The same with null for numbers that JSON does not have."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
