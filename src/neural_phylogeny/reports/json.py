"""The result file: a Phylogeny to JSON and back. The format is documented in ``docs/result-file.md``."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from functools import cache
from typing import Any

from neural_phylogeny.errors import SavedFileError
from neural_phylogeny.files.atomic import replacing
from neural_phylogeny.files.json_fields import Fields, parse
from neural_phylogeny.files.regular import read_saved
from neural_phylogeny.inputs import Skipped
from neural_phylogeny.records import (
    FAVOURS,
    KINDS,
    UNDECIDED_REASONS,
    Changes,
    CheckedClaim,
    Comparison,
    CredibleRoots,
    Declared,
    Derivation,
    Edge,
    Evidence,
    ExplainedClaim,
    Explanation,
    LayerChange,
    Measured,
    MissingAncestor,
    ModelRecord,
    Phylogeny,
    PricedExplanation,
    Reasons,
    RelatedPair,
    Relative,
    Relatives,
    SharedComponent,
    SimilarityTable,
    TensorChange,
    TensorComparison,
    UndecidedGroup,
)
from neural_phylogeny.reports.migrations import migrated

FORMAT = "neural-phylogeny"
VERSION = 2

_RECORDS = (
    *(PricedExplanation, Changes, CheckedClaim, CredibleRoots, Declared, Derivation, TensorChange),
    *(Comparison, Edge, Evidence, ExplainedClaim, Explanation, LayerChange, MissingAncestor, SimilarityTable),
    *(RelatedPair, ModelRecord, Phylogeny, Reasons, SharedComponent, Skipped, TensorComparison, UndecidedGroup),
    *(Relative, Relatives),
)


def to_json(phylogeny: Phylogeny) -> str:
    """The result file of a phylogeny, as text.

    Keys stand in a fixed order: names, numbers, evidence. Numbers that are not finite become null, and all that is not
    ASCII is escaped, so the text is harmless to show. Linear in the size of the result.
    """
    counts = {"edges": len(phylogeny.edges), "weak": sum(edge.is_weak for edge in phylogeny.edges)}
    return _text({"format": FORMAT, "version": VERSION, **plain(phylogeny), "counts": counts})


def comparison_to_json(comparison: Comparison) -> str:
    """What is known of two models, as the JSON that ``nphylo compare --format json`` prints."""
    return dumps({"format": f"{FORMAT}-comparison", "version": VERSION, **plain(comparison)})


def explanation_to_json(explanation: Explanation) -> str:
    """Why a model stands where it does, as the JSON that ``nphylo tree --explain MODEL --format json`` prints."""
    return dumps({"format": f"{FORMAT}-explanation", "version": VERSION, **plain(explanation)})


def dumps(content: Any) -> str:
    """JSON text of records, mappings and sequences: indented, ASCII only, null for what is not finite."""
    return _text(plain(content))


def _text(content: Any) -> str:
    return json.dumps(content, indent=2, allow_nan=False)


def as_dict(record: Any) -> dict[str, Any]:
    """A record as plain data."""
    found: dict[str, Any] = plain(record)
    return found


def plain(value: Any) -> Any:
    """What ``json`` takes: records become objects, tuples lists, NumPy scalars numbers, anything else its text."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, _RECORDS):
        names = _names(type(value))  # type: ignore[arg-type]
        found = {name: plain(getattr(value, name)) for name in names}
        return found | _derived(value) if isinstance(value, Measured) else found
    if isinstance(value, int):
        return int(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Sequence | set | frozenset) and not isinstance(value, bytes | bytearray):
        return [plain(item) for item in (sorted(value) if isinstance(value, set | frozenset) else value)]
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        return plain(value.item())
    return str(value)


def _derived(claim: Measured) -> dict[str, Any]:
    """What follows from the numbers of a claim; ``confidence`` and ``direction`` are those of version 1."""
    return {"is_weak": claim.is_weak, "confidence": plain(claim.confidence), "direction": plain(claim.p_direction)}


@cache
def _names(record: type) -> list[str]:
    """The fields of a kind of record: who and what before the numbers, and what has many parts last."""
    names = [field.name for field in fields(record)]
    if not issubclass(record, Measured):
        return names
    numbers = [field.name for field in fields(Measured)]
    required = [field.name for field in fields(record) if field.name not in numbers and field.default is MISSING]
    return [*required, *numbers, *(name for name in names if name not in {*required, *numbers})]


def from_json(text: str, path: str = "") -> Phylogeny:
    """A phylogeny from a result file; the inverse of ``to_json``. Files of older versions are read too.

    Unknown keys are ignored; ``path`` is for messages. Linear in the size of the text.

    Raises
    ------
    SavedFileError
        When the text is not a result file, is of a newer version, or contradicts itself; the message says where.
    """
    try:
        return _phylogeny(parse(text, "result file"))
    except SavedFileError as error:
        if not path:
            raise
        raise SavedFileError(f"{path}: {error}") from error


def save(phylogeny: Phylogeny, path: str | os.PathLike[str]) -> None:
    """Write the result file; it is complete or absent."""
    with replacing(path) as file:
        file.write(f"{to_json(phylogeny)}\n".encode("ascii"))


def load(path: str | os.PathLike[str]) -> Phylogeny:
    """A phylogeny from a result file on disk; raises SavedFileError when it is missing or not one."""
    try:
        text = read_saved(path, "result file").decode("utf-8")
    except UnicodeDecodeError as error:
        raise SavedFileError(f"{path}: not a result file: it is not UTF-8 text") from error
    return from_json(text, os.fspath(path))


def _phylogeny(content: Fields) -> Phylogeny:
    form = content.text("format", default="")
    if form != FORMAT:
        named = f"its format is {form!r}" if form else "it names no format"
        raise SavedFileError(f"not a result file: {named}, expected {FORMAT!r}")
    root = migrated(content, VERSION)
    found = Phylogeny(
        models=tuple(_model(item) for item in root.objects("models")),
        edges=tuple(_edge(item) for item in root.objects("edges")),
        undirected=tuple(_pair(item) for item in root.objects("undirected")),
        missing=tuple(
            MissingAncestor(name=item.text("name"), family=item.integer("family")) for item in root.objects("missing")
        ),
        undecided=tuple(
            UndecidedGroup(
                models=item.texts("models"),
                reason=item.choice("reason", UNDECIDED_REASONS),
                draw=item.text("draw", default=""),
            )
            for item in root.objects("undecided", default=())
        ),
        components=tuple(_component(item) for item in root.objects("components", default=())),
        copies=root.groups("copies"),
        credible_roots=tuple(_credible_roots(item) for item in root.objects("credible_roots", default=())),
        similarities=tuple(_similarities(item) for item in root.objects("similarities", default=())),
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
        compared=item.share_or_null("compared"),
        p_root=item.share_or_null("p_root"),
        rootstrap=item.share_or_null("rootstrap"),
        sha256=item.text("sha256", default=""),
        copy_kind=item.choice_or_null("copy_kind", KINDS),
    )


def _credible_roots(item: Fields) -> CredibleRoots:
    models = item.texts("models")
    found = tuple(p for p in item.numbers_or_null("probabilities") if p is not None)
    if len(models) != len(found):
        raise SavedFileError(f"a damaged result file: {len(found)} probabilities of {len(models)} roots")
    return CredibleRoots(family=item.integer("family"), models=models, probabilities=found)


def _similarities(item: Fields) -> SimilarityTable:
    models, cosines = item.texts("models"), item.numbers_or_null("cosines")
    if len(cosines) != len(models) * (len(models) - 1) // 2:
        raise SavedFileError(f"a damaged result file: {len(cosines)} similarities of {len(models)} models")
    return SimilarityTable(models=models, cosines=cosines)


def _layers(item: Fields) -> tuple[LayerChange, ...]:
    return tuple(
        LayerChange(layer=each.text("layer"), change=each.number("change"))
        for each in item.objects("layers", default=())
    )


def _component(item: Fields) -> SharedComponent:
    return SharedComponent(
        a=item.text("a"),
        b=item.text("b"),
        component=item.text("component"),
        component_in_b=item.text("component_in_b"),
        contained=item.flag("contained", default=False),
        changed=item.flag("changed", default=False),
        p_value=item.share_or_null("p_value"),
        share_of_a=item.number("share_of_a"),
        share_of_b=item.number("share_of_b"),
    )


def _skipped(item: Fields) -> Skipped:
    return Skipped(path=item.text("path"), reason=item.text("reason"), is_model=item.flag("is_model", default=True))


def _edge(item: Fields) -> Edge:
    return Edge(
        parent=item.text("parent"),
        child=item.text("child"),
        kind=item.choice("kind", KINDS, renamed=RENAMED),
        also=item.choices("also", KINDS),
        p_parent=item.share_or_null("p_parent"),
        p_direction=item.share_or_null("p_direction"),
        p_value=item.share_or_null("p_value"),
        similarity=item.number_or_null("similarity"),
        coverage=item.number_or_null("coverage"),
        support=item.share_or_null("support"),
        concordance=item.share_or_null("concordance"),
        p_if_present=item.share_or_null("p_if_present"),
        part=item.text("part", default=""),
        evidence=_evidence(item),
        layers=_layers(item),
    )


def _pair(item: Fields) -> RelatedPair:
    return RelatedPair(
        a=item.text("a"),
        b=item.text("b"),
        kind=item.choice("kind", KINDS, default="unknown", renamed=RENAMED),
        also=item.choices("also", KINDS),
        p_value=item.share_or_null("p_value"),
        similarity=item.number_or_null("similarity"),
        coverage=item.number_or_null("coverage"),
        part=item.text("part", default=""),
        evidence=_evidence(item),
        layers=_layers(item),
    )


RENAMED = {"shrunk": "pruned"}
"""Kinds of older files by today's names."""


def _evidence(item: Fields) -> tuple[Evidence, ...]:
    return tuple(
        Evidence(
            feature=each.text("feature"),
            value=each.number("value"),
            favours=each.choice("favours", FAVOURS),
            model=each.text_or_null("model"),
            strength=each.number("strength"),
            statement=each.text("statement"),
        )
        for each in item.objects("evidence", default=())
    )


def _check_names(found: Phylogeny) -> None:
    """Every name that is used must be a model's or a missing ancestor's, and no two of these are the same."""
    names = [model.name for model in found.models] + [ancestor.name for ancestor in found.missing]
    known = set(names)
    if len(known) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise SavedFileError(f"a damaged result file: two models are named {twice!r}")
    used: list[tuple[str, tuple[str, ...]]] = [
        (f"edges[{k}]", (edge.parent, edge.child)) for k, edge in enumerate(found.edges)
    ]
    used += [(f"undirected[{k}]", (pair.a, pair.b)) for k, pair in enumerate(found.undirected)]
    used += [(f"components[{k}]", (one.a, one.b)) for k, one in enumerate(found.components)]
    used += [(f"undecided[{k}]", group.models) for k, group in enumerate(found.undecided)]
    used += [(f"credible_roots[{k}]", one.models) for k, one in enumerate(found.credible_roots)]
    used += [(f"similarities[{k}]", table.models) for k, table in enumerate(found.similarities)]
    used += [(f"copies[{k}]", group) for k, group in enumerate(found.copies)]
    for where, group in used:
        for name in group:
            if name not in known:
                raise SavedFileError(f"a damaged result file: {where} names {name!r}, which is not among its models")
        if len(set(group)) < len(group):
            raise SavedFileError(f"a damaged result file: {where} joins a model to itself")
