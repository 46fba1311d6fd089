"""Explanations for people: for and against, and what would change a verdict."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from rich.console import Group, RenderableType
from rich.text import Text

from neural_phylogeny.records import Evidence, ExplainedClaim, Explanation, Reasons
from neural_phylogeny.reports.labels import DIM, NAME, evidence_line
from neural_phylogeny.reports.names import safe
from neural_phylogeny.wording import p_value, percent

NEUTRAL = "Does not decide"
"""Heading of the evidence that is neither for a claim nor against it."""


def render_explanation(explanation: Explanation) -> RenderableType:
    """The claims on one model, a block each, then warnings and children. Linear in the size of the explanation."""
    blocks: list[list[RenderableType]] = [
        list(_claim(claim, explanation.representative)) for claim in explanation.claims
    ]
    blocks += [[Text(safe(warning))] for warning in explanation.warnings]
    if explanation.children:
        blocks.append([Text(f"Made from it: {', '.join(map(safe, explanation.children))}", style=DIM)])
    parts: list[RenderableType] = []
    for block in blocks:
        parts += [*([Text("")] if parts else []), *block]
    return Group(*parts)


def render_reasons(reasons: Reasons) -> Iterator[RenderableType]:
    """The evidence under three headings, those that are empty left out."""
    for title, evidence in grouped(reasons):
        yield Text(f"{title}:", style="bold")
        yield from map(evidence_line, evidence)


def grouped(reasons: Reasons) -> list[tuple[str, tuple[Evidence, ...]]]:
    """Headings with their evidence, those that are empty left out."""
    groups = (("For it", reasons.supporting), ("Against it", reasons.opposing), (NEUTRAL, merged(reasons.neutral)))
    return [(title, evidence) for title, evidence in groups if evidence]


def merged(evidence: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
    """Measurements of no strength that say the same as one, with all of their features."""
    same: dict[object, list[Evidence]] = {}
    for k, each in enumerate(evidence):
        same.setdefault(each.statement if each.strength == 0.0 else k, []).append(each)
    return tuple(replace(some[0], feature=", ".join(each.feature for each in some)) for some in same.values())


def render_changes(sentences: tuple[str, ...]) -> Iterator[RenderableType]:
    """What would change a verdict, a line each."""
    if sentences:
        yield Text("What would change it:", style="bold")
        yield from (Text(f"- {safe(sentence)}", style=DIM) for sentence in sentences)


def _claim(claim: ExplainedClaim, child: str) -> Iterator[RenderableType]:
    name, other = (safe(child), NAME), (safe(claim.other), NAME)
    between, after = sentence(claim)
    yield Text.assemble(name, between, other, after)
    yield from render_reasons(claim.reasons)
    yield from render_changes(claim.what_would_change)


def sentence(claim: ExplainedClaim) -> tuple[str, str]:
    """What stands between the two names of a claim, and after them."""
    if claim.relation == "related":
        return " and ", f" are related; the weights do not show which came first{_numbers(claim)}"
    return " may have been made from " if claim.is_weak else " was made from ", _numbers(claim)


def _numbers(claim: ExplainedClaim) -> str:
    """The numbers that are known, each by its name."""
    shares = (("parent", claim.p_parent), ("direction", claim.p_direction))
    known = [f"{what} {percent(share)}" for what, share in shares if share is not None]
    if claim.p_value is not None:
        known.append(p_value(claim.p_value))
    return f" ({', '.join(known)})" if known else ""
