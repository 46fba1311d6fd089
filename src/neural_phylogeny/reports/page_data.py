"""What the page's script knows of a result, as compact JSON: models, claims with their evidence, similarities."""

from __future__ import annotations

import base64
import json
import math
import sys
from array import array
from collections.abc import Callable, Sequence
from typing import Any

from neural_phylogeny.records import Edge, Evidence, ModelRecord, Phylogeny, RelatedPair
from neural_phylogeny.reports.labels import also, cosine, magnitude
from neural_phylogeny.reports.names import safe
from neural_phylogeny.reports.places import Layout
from neural_phylogeny.wording import p_value, percent

_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}


def page_json(phylogeny: Phylogeny, layout: Layout) -> str:
    """The data of a page as JSON that may stand inside a ``script`` element. Linear in the size of the result."""
    text = json.dumps(page_data(phylogeny, layout), ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    for letter, escape in _ESCAPES.items():
        text = text.replace(letter, escape)
    return text


def page_data(phylogeny: Phylogeny, layout: Layout) -> dict[str, Any]:
    """Models and lines in the order of the drawing; names and texts are escaped once, repeated texts stand once."""
    texts: dict[str, int] = {}

    def text(words: str) -> int:
        return texts.setdefault(safe(words), len(texts))

    numbers = {name: k for k, name in enumerate(layout.nodes)}
    records = {model.name: model for model in phylogeny.models}
    credible, shares = _credible(phylogeny), _shares(phylogeny)
    reasons = {name: group.reason for group in phylogeny.undecided for name in group.models}
    nodes = []
    for name, node in layout.nodes.items():
        model = records.get(name)
        nodes.append(
            {
                "name": safe(name),
                "label": node.label,
                "x": round(node.x, 1),
                "y": round(node.y, 1),
                "w": round(node.width, 1),
                "layer": node.layer,
                "panel": node.panel,
                "missing": node.is_missing,
                "copies": [safe(copy) for copy in node.copies],
                **({} if model is None else _model(model)),
                **({"credible": credible[name]} if name in credible else {}),
                **({"shares": shares[name]} if name in shares else {}),
            }
        )
    links = [
        {
            "a": numbers[link.start],
            "b": numbers[link.end],
            "main": link.is_main,
            **(_claim(link.claim, text) if link.claim else _common(reasons.get(link.end))),
        }
        for panel in layout.panels
        for link in panel.links
    ]
    panels = [
        {"title": panel.title, "n": len(panel.names), "w": round(panel.width, 1), "h": round(panel.height, 1)}
        for panel in layout.panels
    ]
    tables = [
        {
            "models": [numbers[name] for name in table.models if name in numbers],
            "cosines": packed(table.cosines) if all(name in numbers for name in table.models) else "",
        }
        for table in phylogeny.similarities
    ]
    return {"nodes": nodes, "links": links, "panels": panels, "tables": tables, "texts": list(texts)}


UNKNOWN = 0xFFFF
"""Of a pair that was not compared."""


def packed(cosines: Sequence[float | None]) -> str:
    """Cosines as thousandths above -1 in 16 bits each, in base64: two million pairs take 5 MB.

    Examples
    --------
    >>> import base64
    >>> list(base64.b64decode(packed((0.0, None))))
    [232, 3, 255, 255]
    """
    values = (UNKNOWN if value is None else round(1000 * (min(1.0, max(-1.0, value)) + 1)) for value in cosines)
    numbers = array("H", values)
    if sys.byteorder == "big":
        numbers.byteswap()
    return base64.b64encode(numbers.tobytes()).decode("ascii")


def _credible(phylogeny: Phylogeny) -> dict[str, str]:
    """By model, its probability to be the root of its family, where several may be."""
    return {
        name: percent(p)
        for roots in phylogeny.credible_roots
        if len(roots.models) > 1
        for name, p in zip(roots.models, roots.probabilities, strict=True)
    }


def _shares(phylogeny: Phylogeny) -> dict[str, list[str]]:
    """By model, the components that it has in common with models that it does not descend from."""
    found: dict[str, list[str]] = {}
    for one in phylogeny.components:
        for name, other, component in ((one.a, one.b, one.component), (one.b, one.a, one.component_in_b)):
            how = "related to that" if one.changed else "the same as"
            found.setdefault(name, []).append(safe(f"{component or 'a part'}, {how} in {other}"))
    return found


def _common(reason: str | None) -> dict[str, Any]:
    """A line between models that share their initialisation, or perhaps a missing ancestor."""
    return {"kind": "common initialisation", **({"reason": reason} if reason else {})}


def _model(model: ModelRecord) -> dict[str, Any]:
    about = {
        "format": safe(model.format),
        "size": f"{magnitude(model.parameters)} parameters",
        "parameters": model.parameters,
        "path": safe(model.path),
        "sha256": safe(model.sha256),
        "remark": safe(model.remark),
        "p_root": "" if model.p_root is None else percent(model.p_root),
    }
    return {key: value for key, value in about.items() if value != ""}


def _claim(claim: Edge | RelatedPair, text: Callable[[str], int]) -> dict[str, Any]:
    """A claim with its numbers as they are and as they are shown; what is not known is left out."""
    found: dict[str, Any] = {"kind": "related"}
    shares: dict[str, float | None] = {}
    if isinstance(claim, Edge):
        found["kind"], found["directed"] = claim.kind, True
        shares = {"p_parent": claim.p_parent, "p_direction": claim.p_direction, "support": claim.support}
        shares |= {"concordance": claim.concordance, "p_if_present": claim.p_if_present}
        shares |= {"confidence": claim.confidence}
    shares["coverage"] = claim.coverage
    shown = {key: percent(share) for key, share in shares.items() if share is not None}
    if claim.similarity is not None:
        shown["similarity"] = cosine(claim.similarity)
    if claim.p_value is not None:
        shown["p_value"] = p_value(claim.p_value)
    found["shown"] = shown
    found["value"] = {
        key: value
        for key, value in {**shares, "similarity": claim.similarity, "p_value": claim.p_value}.items()
        if value is not None and math.isfinite(value)
    }
    if further := also(claim):
        found["also"] = [safe(kind) for kind in further]
    if claim.part:
        found["part"] = safe(claim.part)
    found["evidence"] = [_evidence(each, claim, text) for each in claim.evidence]
    if claim.layers:
        found["layers"] = [[text(layer.layer), layer.change] for layer in claim.layers]
    return found


def _evidence(each: Evidence, claim: Edge | RelatedPair, text: Callable[[str], int]) -> list[Any]:
    """Side (1 for, -1 against, 0 neither), feature, strength, statement."""
    strength = 0.0 if math.isnan(each.strength) else min(1.0, max(0.0, each.strength))
    return [side(each, claim), text(each.feature), round(strength, 3), text(each.statement)]


def side(each: Evidence, claim: Edge | RelatedPair) -> int:
    """Whether a measurement speaks for a claim (1), against it (-1) or does not decide (0)."""
    if each.strength == 0.0 or each.favours == "neither":
        return 0
    if each.favours in ("related", "unrelated"):
        return 1 if each.favours == "related" else -1
    if isinstance(claim, RelatedPair):
        return 0
    return 1 if each.favours == "parent" and each.model == claim.parent else -1
