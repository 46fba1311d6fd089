"""Explanations for people: for and against, and what would change a verdict."""

from __future__ import annotations

import math
from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from neural_phylogeny.records import ExplainedClaim, Explanation, Reasons
from neural_phylogeny.reports.labels import DIM, NAME, evidence_line
from neural_phylogeny.reports.names import safe
from neural_phylogeny.wording import percent

LEAD = 0.5
"""A parent that is less likely than not is a lead, and told as one."""


def render_explanation(explanation: Explanation) -> RenderableType:
    """The claims on one model, a block each, then warnings and children. Linear in the size of the explanation."""
    blocks: list[list[RenderableType]] = [list(_claim(claim, explanation.told_of)) for claim in explanation.claims]
    blocks += [[Text(safe(warning))] for warning in explanation.warnings]
    if explanation.children:
        blocks.append([Text(f"Made from it: {', '.join(map(safe, explanation.children))}", style=DIM)])
    parts: list[RenderableType] = []
    for block in blocks:
        parts += [*([Text("")] if parts else []), *block]
    return Group(*parts)


def render_reasons(reasons: Reasons) -> Iterator[RenderableType]:
    """The evidence under three headings, those that are empty left out."""
    groups = (
        ("For it", reasons.supporting),
        ("Against it", reasons.opposing),
        ("Says nothing either way", reasons.neutral),
    )
    for title, evidence in groups:
        if evidence:
            yield Text(f"{title}:", style="bold")
            yield from map(evidence_line, evidence)


def render_changes(sentences: tuple[str, ...]) -> Iterator[RenderableType]:
    """What would change a verdict, a line each."""
    if sentences:
        yield Text("What would change it:", style="bold")
        yield from (Text(f"- {safe(sentence)}", style=DIM) for sentence in sentences)


def _claim(claim: ExplainedClaim, child: str) -> Iterator[RenderableType]:
    name, other = (safe(child), NAME), (safe(claim.other), NAME)
    if claim.relation == "related":
        yield Text.assemble(name, " and ", other, " are related; who came first is not known", f" ({_sure(claim)})")
    else:
        may = " may have been made from " if claim.confidence < LEAD else " was made from "
        yield Text.assemble(name, may, other, f" ({_sure(claim)})")
    yield from render_reasons(claim.reasons)
    yield from render_changes(claim.what_would_change)


def _sure(claim: ExplainedClaim) -> str:
    """The probabilities that are known, each by its name."""
    if claim.relation == "related":
        return f"kin {percent(claim.confidence)}"
    shares = [("direction", claim.direction), ("kin", claim.kinship)]
    if claim.relation == "child" and math.isnan(claim.direction):
        shares[0] = ("direction", claim.confidence)
    else:
        shares.insert(0, ("parent", claim.confidence))
    known = [f"{what} {percent(share)}" for what, share in shares if not math.isnan(share)]
    return ", ".join(known) or "how likely is not known"
