"""Why one model was hung where it is: what speaks for it, what against, and what would change the verdict."""

from __future__ import annotations

import math

from rich.console import Group, RenderableType
from rich.text import Text

from neural_phylogeny.errors import UnknownChoiceError
from neural_phylogeny.records import Edge, Evidence, Kinship, Phylogeny
from neural_phylogeny.reports.families import families
from neural_phylogeny.reports.labels import DIM, NAME, evidence_line, percent, share_read
from neural_phylogeny.reports.names import safe

TWO = (
    "They are a family of two: no third model shows what they have in common, and two siblings of a missing parent "
    "could look like parent and child."
)
"""What the weights of two models cannot tell, whatever the confidence."""

CLOSE = 0.9
"""A confidence below this is a lead, not a finding."""


def render_explanation(phylogeny: Phylogeny, name: str) -> RenderableType:
    """The claims on one model with their evidence sorted by which way it points.

    Raises
    ------
    UnknownChoiceError
        When the result has no such model.
    """
    known = [model.name for model in phylogeny.models]
    if name not in known:
        raise UnknownChoiceError("model", name, known)
    copies = next((group for group in phylogeny.copies if name in group), (name,))
    child = copies[0]
    parts: list[RenderableType] = []
    if child != name:
        same = "holds the same weights as" if share_read(phylogeny) == 1.0 else "is equal in all that was read to"
        parts.append(Text(f"{safe(name)} {same} {safe(child)}; what follows is said of that one."))
    claims: list[Edge | Kinship] = [edge for edge in phylogeny.edges if edge.child == child]
    claims += [kinship for kinship in phylogeny.undirected if child in (kinship.a, kinship.b)]
    for claim in claims:
        parts += [*_claim(claim, child), Text("")]
    if not claims:
        parts.append(_alone(phylogeny, child))
    if claims and any(child in family.names and len(family.names) == 2 for family in families(phylogeny)):
        parts += [Text(TWO, style=DIM), Text("")]
    children = [edge.child for edge in phylogeny.edges if edge.parent == child]
    if children:
        parts.append(Text(f"Made from it: {', '.join(map(safe, children))}", style=DIM))
    return Group(*parts)


def _claim(claim: Edge | Kinship, child: str) -> list[RenderableType]:
    if isinstance(claim, Edge):
        sure = percent(claim.confidence if math.isnan(claim.direction) else claim.direction)
        parts = [
            Text.assemble((safe(child), NAME), " was made from ", (safe(claim.parent), NAME), f" (direction {sure})")
        ]
        favoured = {claim.parent, "kin"}
    else:
        other = claim.b if claim.a == child else claim.a
        parts = [
            Text.assemble(
                (safe(child), NAME), " and ", (safe(other), NAME), " are related; who came first is not known"
            )
        ]
        favoured = {"kin"}
    groups = (
        ("For it", [e for e in claim.evidence if e.favours in favoured]),
        ("Against it", [e for e in claim.evidence if e.favours not in favoured and e.favours != "neither"]),
        ("Says nothing either way", [e for e in claim.evidence if e.favours == "neither"]),
    )
    found: list[RenderableType] = list(parts)
    for title, evidence in groups:
        if evidence:
            found += [Text(f"{title}:", style="bold"), *map(evidence_line, sorted(evidence, key=lambda e: -e.strength))]
    return [*found, Text(_what_would_change(claim), style=DIM)]


def _what_would_change(claim: Edge | Kinship) -> str:
    """In plain words, what a reader could do to be surer."""
    if isinstance(claim, Kinship):
        return (
            "A further checkpoint of the same family, or a longer training between the two, would decide the direction."
        )
    against = [e for e in claim.evidence if e.favours not in (claim.parent, "kin", "neither")]
    if claim.confidence < CLOSE:
        return "This is a lead, not a finding: one more witness the other way would turn it around."
    if against:
        strongest: Evidence = max(against, key=lambda e: e.strength)
        return f"It would change if {strongest.witness} weighed more than all that speaks for it."
    return "Nothing that was measured speaks against it; a sibling or a nearer parent, once here, still could."


def _alone(phylogeny: Phylogeny, name: str) -> Text:
    model = next(model for model in phylogeny.models if model.name == name)
    if model.remark and model.family is None:
        return Text(f"{safe(name)} was not compared: {safe(model.remark)}")
    if any(edge.parent == name for edge in phylogeny.edges):
        return Text(f"{safe(name)} is a root: no model here was found to be its parent.")
    return Text(f"{safe(name)} is related to no other model here, as far as the weights tell.")
