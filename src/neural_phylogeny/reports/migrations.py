"""Result files of older versions in today's shape: named steps, in order, each from one version to the next.

A step gets the parsed JSON of its version and returns that of the next; the reader of today's version then checks
everything, so a step copies what it cannot interpret.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from neural_phylogeny.errors import SavedFileError
from neural_phylogeny.files.json_fields import Fields

Content = dict[str, Any]


def migrated(content: Fields, version: int) -> Fields:
    """A result file in the shape of ``version``; unchanged if it has that shape.

    Raises
    ------
    SavedFileError
        When the file is of a newer version.
    """
    given = content.integer("version")
    if not 1 <= given <= version:
        raise SavedFileError(
            f"a result file of version {given}; this program reads versions 1 to {version}. "
            "Use the version of the program that wrote it, or run it again."
        )
    plain = dict(content.content)
    for step in MIGRATIONS[given - 1 :]:
        plain = step(plain)
    return Fields(plain, "result file")


def name_what_evidence_favours(content: Content) -> Content:
    """Version 1 to 2: probabilities have one meaning each, evidence names what it favours, hidden is called missing."""
    ancestors = {item.get("name") for item in _objects(content, "hidden")}
    changed = {key: value for key, value in content.items() if key != "hidden"}
    if "hidden" in content:
        changed["missing"] = content["hidden"]
    if isinstance(content.get("edges"), list):
        changed["edges"] = [_edge(item, ancestors) for item in content["edges"]]
    if isinstance(content.get("undirected"), list):
        changed["undirected"] = [_pair(item) for item in content["undirected"]]
    return changed | {"version": 2}


MIGRATIONS: tuple[Callable[[Content], Content], ...] = (name_what_evidence_favours,)
"""The step from version k stands at k - 1."""

_OF_RELATEDNESS = {"unit-matching", "equal-matrix", "shared-values"}
"""Features of version 1 that favour relatedness or its opposite, never a parent."""


def _edge(item: Any, ancestors: set[Any]) -> Any:
    """``confidence`` was the probability of the parent where a ``direction`` was given, else that of the direction."""
    if not isinstance(item, dict):
        return item
    confidence, direction = item.get("confidence"), item.get("direction")
    of_parent = direction is not None or item.get("parent") in ancestors
    numbers = {
        "p_parent": confidence if of_parent else None,
        "p_direction": direction if of_parent else confidence,
        "p_value": _p_value(item, item.get("kinship")),
    }
    return _without(item, "confidence", "direction", "kinship") | numbers | _evidence(item)


def _pair(item: Any) -> Any:
    """``confidence`` was 1 - p."""
    if not isinstance(item, dict):
        return item
    return _without(item, "confidence") | {"p_value": _p_value(item, item.get("confidence"))} | _evidence(item)


def _p_value(item: Content, one_minus_p: Any) -> Any:
    """None where a layer was identical, for which version 1 wrote a certainty."""
    if any(each.get("witness") == "equal-matrix" for each in _objects(item, "evidence")):
        return None
    return 1.0 - one_minus_p if isinstance(one_minus_p, float | int) else one_minus_p


def _evidence(item: Content) -> Content:
    if not isinstance(item.get("evidence"), list):
        return {}
    return {"evidence": [_one_evidence(each) for each in item["evidence"]]}


def _one_evidence(item: Any) -> Any:
    """``favours`` was the name of a model, or one of four words that a model may have for a name."""
    if not isinstance(item, dict) or not isinstance(item.get("favours"), str):
        return item
    feature, favoured = item.get("witness"), item["favours"]
    favours: Content = {"favours": "parent", "model": favoured}
    if feature in _OF_RELATEDNESS:
        favours = {"favours": "related" if favoured == "kin" else "unrelated", "model": None}
    elif feature == "runner-up" and favoured == "nobody":
        favours = {"favours": "no parent", "model": None}
    elif favoured == "neither" and item.get("strength") == 0:
        favours = {"favours": "neither", "model": None}
    return _without(item, "witness") | ({"feature": feature} if "witness" in item else {}) | favours


def _without(item: Mapping[str, Any], *keys: str) -> Content:
    return {key: value for key, value in item.items() if key not in keys}


def _objects(content: Mapping[str, Any], key: str) -> list[Content]:
    found = content.get(key)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
