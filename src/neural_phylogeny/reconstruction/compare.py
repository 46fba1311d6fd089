"""Two models side by side: what is known of the pair, as a record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from neural_phylogeny.reconstruction.claim import Answer, claims, measured
from neural_phylogeny.reconstruction.collect import Collection
from neural_phylogeny.reconstruction.family_data import families_of
from neural_phylogeny.reconstruction.findings import Findings
from neural_phylogeny.reconstruction.reasons import reasons_for, verdict_would_change, weigh, what_would_change
from neural_phylogeny.reconstruction.relate import Relations
from neural_phylogeny.records import Comparison, Edge, Evidence, Reasons, RelatedPair, TensorComparison, Verdict
from neural_phylogeny.relations.existence import ENOUGH
from neural_phylogeny.statistics.cache import Group
from neural_phylogeny.statistics.results import Statistics
from neural_phylogeny.trees.methods import Method


def comparison(collection: Collection, method: Method, alpha: float, seed: int) -> Comparison:
    """Everything known of the two models of a collection; which came first, as the method says of a family of two."""
    group = collection.groups[0]
    relations = Relations.of(group.statistics, alpha, 1)
    family = collection.family(group, [0, 1])
    found = Findings.of(family.statistics, relations.existence)
    kin, conclusive = bool(found.kin[0, 1]), bool(found.existence.conclusive[0, 1])
    labels = (0, 0) if kin else (0, 1) if conclusive else (None, None)
    remarks = ["; ".join(filter(None, (relations.remark(k), relations.note(k)))) for k in (0, 1)]
    a, b = (collection.record(k, labels[k], remarks[k]) for k in (0, 1))
    names = (a.name, b.name)
    claim = _claim(family, found, names, method, seed) if kin and not found.copies else None
    verdict = _verdict(found, claim, names)
    p_value, evidence = found.p_value(0, 1), found.evidence(0, 1, names) if claim is None else claim.evidence
    known = (p_value, alpha, collection.share_read())
    reasons, changes = _reasons(verdict, claim, evidence, known)
    edge = claim if isinstance(claim, Edge) else None
    return Comparison(
        a=a,
        b=b,
        verdict=verdict,
        p_parent=edge.p_parent if edge else None,
        p_direction=edge.p_direction if edge else None,
        p_value=p_value,
        similarity=found.similarity(0, 1),
        coverage=float(found.coverage[0, 1]),
        share_read=collection.share_read(),
        evidence=evidence,
        reasons=reasons,
        what_would_change=changes,
        tensors=tuple(_tensor_comparisons(found.statistics)),
        skipped=collection.left_out(),
    )


def _claim(family: Group, found: Findings, names: tuple[str, str], method: Method, seed: int) -> Edge | RelatedPair:
    """What the method says of two related models, taken for a family of two."""
    forest = method.solve(families_of(found, [0, 1], np.zeros(2, dtype=np.int64), seed))
    answer = Answer(group=family, found=found, rows=[0, 1], forest=forest)
    edges, undirected = claims(names, [answer])
    fallback = RelatedPair(a=names[0], b=names[1], **measured(found, 0, 1), evidence=found.evidence(0, 1, names))
    found_claims: list[Edge | RelatedPair] = [*edges, *undirected, fallback]
    return found_claims[0]


def _verdict(found: Findings, claim: Edge | RelatedPair | None, names: tuple[str, str]) -> Verdict:
    if isinstance(claim, Edge):
        return "parent" if claim.parent == names[0] else "child"
    if claim is not None:
        return "related"
    if found.copies:
        return "copies"
    if found.existence.conclusive[0, 1]:
        return "unrelated"
    share = found.statistics.alignment.coverage_of_smaller()[0, 1]
    return "not enough in common" if share < ENOUGH else "not comparable"


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
        "unrelated": (("unrelated",), ("related",)),
        "copies": (("related",), ("unrelated",)),
    }.get(verdict, ((), ()))
    reasons = weigh(evidence, lambda e: e.favours in supporting, lambda e: e.favours in opposing)
    return reasons, verdict_would_change(verdict, *known)


def _tensor_comparisons(statistics: Statistics) -> Iterator[TensorComparison]:
    for tensor, arrays in statistics:
        gram = arrays["gram"]
        scale = np.sqrt(gram[0, 0] * gram[1, 1])
        cosine = float(gram[0, 1] / scale) if np.isfinite(scale) and scale > 0 else 0.0
        larger = max(source.size for source in tensor.sources)
        a, b = tensor.sources
        yield TensorComparison(
            name=a.name, name_in_b=b.name, role=str(tensor.role), cosine=cosine, coverage=tensor.size / larger
        )
