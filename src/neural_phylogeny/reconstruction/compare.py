"""Two models side by side: what the answer for a collection of two says of them, as a record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypedDict

import numpy as np

from neural_phylogeny.reconstruction.claim import measured
from neural_phylogeny.reconstruction.collect import Collection
from neural_phylogeny.reconstruction.evidence import component_evidence
from neural_phylogeny.reconstruction.examine import Examined, examine
from neural_phylogeny.reconstruction.findings import Findings
from neural_phylogeny.reconstruction.joined import answered
from neural_phylogeny.reconstruction.reasons import reasons_for, verdict_would_change, weigh, what_would_change
from neural_phylogeny.records import (
    Comparison,
    Edge,
    Evidence,
    Kind,
    Phylogeny,
    PricedExplanation,
    Reasons,
    RelatedPair,
    TensorComparison,
    Verdict,
)
from neural_phylogeny.relations.existence import ENOUGH
from neural_phylogeny.statistics.results import Statistics
from neural_phylogeny.tensors.correspondence import summary
from neural_phylogeny.trees.methods import Method


def comparison(collection: Collection, method: Method, alpha: float, seed: int) -> Comparison:
    """Everything known of the two models of a collection. The verdict is that of the phylogeny of the two."""
    examined = examine(collection, alpha)
    answer = answered(collection, method, alpha, seed, examined)
    found = _findings(examined)
    a, b = answer.models
    names = (a.name, b.name)
    claim = _claim(answer, found, names)
    verdict = _verdict(answer, claim, found)
    component = answer.components[0] if verdict == "shares a component" else None
    p_value, evidence = found.p_value(0, 1), _of_relatedness(found, names) if claim is None else claim.evidence
    if component is not None:
        p_value, evidence = component.p_value, (component_evidence(component),)
    known = (p_value, alpha, collection.share_read())
    reasons, changes = _reasons(verdict, claim, evidence, known)
    edge = claim if isinstance(claim, Edge) else None
    measured_parts = [found.statistics, *(group.statistics for group in collection.pairs_beside())]
    tensors = tuple(tensor for part in measured_parts for tensor in _tensor_comparisons(part))
    return Comparison(
        a=a,
        b=b,
        verdict=verdict,
        undecided=answer.undecided[0].reason if verdict == "undecided" else None,
        component=component,
        p_parent=edge.p_parent if edge else None,
        p_direction=edge.p_direction if edge else None,
        p_value=p_value,
        similarity=found.similarity(0, 1),
        coverage=float(found.coverage[0, 1]),
        part=found.part(0, 1),
        share_read=collection.share_read(),
        evidence=evidence,
        reasons=reasons,
        what_would_change=changes,
        tensors=tensors,
        matching=_matching(tensors),
        **_explained(found, claim, answer, names),
        skipped=answer.skipped,
    )


def _findings(examined: Examined) -> Findings:
    """What the relations say of the two: as a family where they are one, else in the group that holds both."""
    if examined.families:
        return examined.families[0][1]
    both = next(relations for group, relations in examined.tested.groups if len(group.members) == 2)
    return Findings.of(both.statistics, both.existence)


def _of_relatedness(found: Findings, names: tuple[str, str]) -> tuple[Evidence, ...]:
    """The evidence on whether the two are related; who came first is not a question where no descent is claimed."""
    return tuple(each for each in found.evidence(0, 1, names) if each.favours in ("related", "unrelated"))


def _claim(answer: Phylogeny, found: Findings, names: tuple[str, str]) -> Edge | RelatedPair | None:
    """The claim that joins the two. In one family without a claim, or with a missing parent, they are related."""
    direct: list[Edge | RelatedPair] = [edge for edge in answer.edges if edge.parent in names]
    direct += answer.undirected
    if direct:
        return direct[0]
    a, b = answer.models
    if answer.copies or answer.undecided or a.family is None or a.family != b.family:
        return None
    evidence = (*found.evidence(0, 1, names), *(each for edge in answer.edges for each in edge.evidence))
    return RelatedPair(a=a.name, b=b.name, **measured(found, 0, 1), evidence=evidence)


def _verdict(answer: Phylogeny, claim: Edge | RelatedPair | None, found: Findings) -> Verdict:
    a, b = answer.models
    if isinstance(claim, Edge):
        return "parent" if claim.parent == a.name else "child"
    if claim is not None:
        return "related"
    if answer.copies:
        return "copies"
    if answer.undecided:
        return "undecided"
    if answer.components:
        return "shares a component"
    if a.family is not None and b.family is not None:
        return "unrelated"
    share = found.statistics.alignment.coverage_of_smaller()[0, 1]
    return "not enough in common" if share < ENOUGH else "not comparable"


class _Explained(TypedDict):
    kind: Kind
    also: tuple[Kind, ...]
    explanations: tuple[PricedExplanation, ...]


CHEAPEST = 3
"""Explanations that are shown."""


def _explained(
    found: Findings, claim: Edge | RelatedPair | None, answer: Phylogeny, names: tuple[str, str]
) -> _Explained:
    """The kind of the claim, and the cheapest explanations of its child, or of b where no direction is known."""
    is_turned = isinstance(claim, Edge) and claim.parent == names[1]
    parent, child = (1, 0) if is_turned else (0, 1)
    if claim is None and not answer.copies:
        return {"kind": "unknown", "also": (), "explanations": ()}
    kind, also = found.kinds(parent, child) if claim is None or claim.kind == "unknown" else (claim.kind, claim.also)
    priced = found.explained(parent, child)
    if priced is None:
        return {"kind": kind, "also": also, "explanations": ()}
    explanations = tuple(
        PricedExplanation(
            kind=one.kind, bits=float(f"{one.bits / max(priced.weights, 1):.4g}"), statement=one.statement
        )
        for one in priced.prices[:CHEAPEST]
    )
    return {"kind": kind, "also": also, "explanations": explanations}


def _reasons(
    verdict: Verdict,
    claim: Edge | RelatedPair | None,
    evidence: Sequence[Evidence],
    known: tuple[float | None, float, float],
) -> tuple[Reasons, tuple[str, ...]]:
    """The evidence sorted by what it says of the verdict, and what would change it; two models are a family of two.

    ``known`` are the p-value, the level of the test and the share of the weights that was read.
    """
    if claim is not None:
        return reasons_for(claim), what_would_change(claim, 2)
    supporting, opposing = {
        "unrelated": ("unrelated", "related"),
        "shares a component": ("unrelated", "related"),
        "copies": ("related", "unrelated"),
        "undecided": ("related", "unrelated"),
    }.get(verdict, ("", ""))
    reasons = weigh(evidence, lambda e: e.favours == supporting, lambda e: e.favours == opposing)
    return reasons, verdict_would_change(verdict, *known)


def _tensor_comparisons(statistics: Statistics) -> Iterator[TensorComparison]:
    for tensor, arrays in statistics:
        gram = arrays["gram"]
        scale = np.sqrt(gram[0, 0] * gram[1, 1])
        cosine = float(gram[0, 1] / scale) if np.isfinite(scale) and scale > 0 else 0.0
        larger = max(source.size for source in tensor.sources)
        a, b = tensor.sources
        yield TensorComparison(
            name=a.name,
            name_in_b=b.name,
            role=str(tensor.role),
            cosine=cosine,
            coverage=tensor.size / larger,
            matched_by=tensor.matched_by,
            layout=tensor.layout,
        )


def _matching(tensors: Sequence[TensorComparison]) -> str:
    """How tensors were matched, as a clause; empty where all are as stored and by name."""
    ways = [(tensor.matched_by, tensor.layout) for tensor in tensors]
    if all(way == ("name", "") for way in ways):
        return ""
    return f"matched {len(ways)} tensors: {summary(ways)}"
