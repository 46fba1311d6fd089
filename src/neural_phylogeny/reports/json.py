"""The result file: a Phylogeny to JSON and back. The format is documented in ``docs/result-file.md``."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from neural_phylogeny.errors import SavedFileError
from neural_phylogeny.json_fields import Fields, parse
from neural_phylogeny.records import (
    Comparison,
    Edge,
    Evidence,
    ExplainedClaim,
    Explanation,
    Hidden,
    Kinship,
    ModelRecord,
    Phylogeny,
    Reasons,
    Skipped,
    TensorComparison,
)

FORMAT = "neural-phylogeny"
VERSION = 1

_RECORDS = (
    *(Comparison, Edge, Evidence, ExplainedClaim, Explanation, Hidden),
    *(Kinship, ModelRecord, Phylogeny, Reasons, Skipped, TensorComparison),
)


def to_json(phylogeny: Phylogeny) -> str:
    """The result file of a phylogeny, as text.

    Keys stand in the order of the records' fields. Numbers that are not finite become null, and all that is not
    ASCII is escaped, so the text is harmless to show. Linear in the size of the result.
    """
    return dumps({"format": FORMAT, "version": VERSION, **_plain(phylogeny)})


def comparison_to_json(comparison: Comparison) -> str:
    """What is known of two models, as the JSON that ``nphylo compare --format json`` prints."""
    return dumps({"format": f"{FORMAT}-comparison", "version": VERSION, **_plain(comparison)})


def explanation_to_json(explanation: Explanation) -> str:
    """Why a model stands where it does, as the JSON that ``nphylo tree --explain MODEL --format json`` prints."""
    return dumps({"format": f"{FORMAT}-explanation", "version": VERSION, **_plain(explanation)})


def dumps(content: Any) -> str:
    """JSON text of records, mappings and sequences: indented, ASCII only, null for what is not finite."""
    return json.dumps(_plain(content), indent=2, allow_nan=False)


def _plain(value: Any) -> Any:
    """What ``json`` takes: records become objects, tuples lists, NumPy scalars numbers, anything else its text."""
    if isinstance(value, _RECORDS):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence | set | frozenset) and not isinstance(value, bytes | bytearray):
        return [_plain(item) for item in (sorted(value) if isinstance(value, set | frozenset) else value)]
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        return _plain(value.item())
    return str(value)


def from_json(text: str, path: str = "") -> Phylogeny:
    """A phylogeny from a result file; the inverse of ``to_json``, null numbers becoming NaN.

    Keys that are not known are passed over; ``path`` is for messages. Linear in the size of the text.

    Raises
    ------
    SavedFileError
        When the text is no result file, is of another version, or contradicts itself; the message says where.
    """
    try:
        return _phylogeny(parse(text, "result file"))
    except SavedFileError as error:
        if not path:
            raise
        raise SavedFileError(f"{path}: {error}") from error


def _phylogeny(root: Fields) -> Phylogeny:
    if root.text("format") != FORMAT:
        raise SavedFileError(f"not a result file: its format is {root.text('format')!r}, expected {FORMAT!r}")
    if root.integer("version") != VERSION:
        raise SavedFileError(
            f"a result file of version {root.integer('version')}; this program reads version {VERSION}. "
            "Use the version of the program that wrote it, or run it again."
        )
    found = Phylogeny(
        models=tuple(_model(item) for item in root.objects("models")),
        edges=tuple(_edge(item) for item in root.objects("edges")),
        undirected=tuple(_kinship(item) for item in root.objects("undirected")),
        hidden=tuple(Hidden(item.text("name"), item.integer("family")) for item in root.objects("hidden")),
        copies=root.groups("copies"),
        skipped=tuple(_skipped(item) for item in root.objects("skipped")),
        provenance=root.mapping("provenance"),
    )
    _check_names(found)
    return found


def _model(item: Fields) -> ModelRecord:
    return ModelRecord(
        name=item.text("name"),
        path=item.text("path"),
        format=item.text("format"),
        parameters=item.integer("parameters"),
        family=item.integer_or_null("family"),
        remark=item.text("remark", default=""),
    )


def _skipped(item: Fields) -> Skipped:
    return Skipped(path=item.text("path"), reason=item.text("reason"), is_model=item.flag("is_model", default=True))


def _edge(item: Fields) -> Edge:
    names = item.text("parent"), item.text("child"), item.text("kind")
    further = (item.share_or_null(key, default=math.nan) for key in ("kinship", "direction", "support"))
    return Edge(*names, *_numbers(item), _evidence(item), *further)


def _kinship(item: Fields) -> Kinship:
    return Kinship(item.text("a"), item.text("b"), *_numbers(item), _evidence(item))


def _numbers(item: Fields) -> tuple[float, float, float]:
    """Confidence, and the two numbers that a version 1 file may lack."""
    return (
        item.share_or_null("confidence"),
        item.number("similarity", default=math.nan),
        item.number("coverage", default=math.nan),
    )


def _evidence(item: Fields) -> tuple[Evidence, ...]:
    return tuple(
        Evidence(
            witness=each.text("witness"),
            value=each.number("value"),
            favours=each.text("favours"),
            strength=each.number("strength"),
            statement=each.text("statement"),
        )
        for each in item.objects("evidence")
    )


def _check_names(found: Phylogeny) -> None:
    """Every name that is used must be a model's or a hidden ancestor's, and each stands for one thing."""
    names = [model.name for model in found.models] + [hidden.name for hidden in found.hidden]
    known = set(names)
    if len(known) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise SavedFileError(f"a damaged result file: two models are named {twice!r}")
    used: list[tuple[str, tuple[str, ...]]] = [
        (f"edges[{k}]", (edge.parent, edge.child)) for k, edge in enumerate(found.edges)
    ]
    used += [(f"undirected[{k}]", (pair.a, pair.b)) for k, pair in enumerate(found.undirected)]
    used += [(f"copies[{k}]", group) for k, group in enumerate(found.copies)]
    for where, group in used:
        for name in group:
            if name not in known:
                raise SavedFileError(f"a damaged result file: {where} names {name!r}, which is not among its models")
        if len(set(group)) < len(group):
            raise SavedFileError(f"a damaged result file: {where} joins a model to itself")
