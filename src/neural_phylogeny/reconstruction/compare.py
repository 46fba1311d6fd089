"""Two models side by side: what is known of the pair, as a record."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from neural_phylogeny.reconstruction.claim import Answer, claims
from neural_phylogeny.reconstruction.collect import Collection
from neural_phylogeny.reconstruction.examine import Findings
from neural_phylogeny.records import Comparison, Edge, Evidence, Kinship, Reasons, TensorComparison
from neural_phylogeny.statistics.results import Statistics
from neural_phylogeny.trees.methods import Method
from neural_phylogeny.wording import reasons_for, verdict_would_change, weigh, what_would_change


def comparison(collection: Collection, method: Method, alpha: float, seed: int) -> Comparison:
    """Everything known of the two models of a collection; which came first, as the method says of a family of two."""
    found = Findings.of(collection.groups[0].statistics, alpha, 1)
    kin, conclusive = bool(found.kin[0, 1]), bool(found.existence.conclusive[0, 1])
    labels = (0, 0) if kin else (0, 1) if conclusive else (None, None)
    a, b = (collection.record(k, labels[k], found.remark(k)) for k in (0, 1))
    names = (a.name, b.name)
    kinship, direction = found.kinship(0, 1), math.nan
    shared = found.similarity(0, 1), float(found.coverage[0, 1])
    verdict, confidence, evidence = "related", kinship, found.evidence(0, 1, names)
    claim: Edge | Kinship | None = None
    if found.copies:
        verdict, confidence = "copies", 1.0 if collection.share_read() == 1.0 else math.nan
    elif not kin:
        verdict = "unrelated" if conclusive else "not comparable"
    else:
        forest = method.solve(found.families([0, 1], np.zeros(2, dtype=np.int64), seed))
        edges, undirected = claims(names, [Answer(collection.groups[0], found, [0, 1], forest)])
        claimed: list[Edge | Kinship] = [*edges, *undirected, Kinship(*names, kinship, *shared, evidence)]
        claim = claimed[0]
        evidence = claim.evidence
        if isinstance(claim, Edge):
            verdict = "parent" if claim.parent == a.name else "child"
            confidence, direction = claim.confidence, claim.direction
    told, read = (tuple(_tensor_comparisons(found.statistics)), collection.left_out()), collection.share_read()
    reasons, changes = _reasons(verdict, claim, evidence, (kinship, alpha, read))
    return Comparison(a, b, verdict, confidence, *shared, evidence, *told, kinship, direction, read, reasons, changes)


def _reasons(
    verdict: str, claim: Edge | Kinship | None, evidence: Sequence[Evidence], known: tuple[float, float, float]
) -> tuple[Reasons, tuple[str, ...]]:
    """The evidence sorted by what it says of the verdict, and what would change it; two models are a family of two.

    ``known`` are the kinship, the level of the test and the share of the weights that was read.
    """
    if claim is not None:
        return reasons_for(claim), what_would_change(claim, 2)
    favoured = {"unrelated": "strangers", "copies": "kin"}.get(verdict)
    supporting, opposing = ({favoured}, {"kin", "strangers"} - {favoured}) if favoured else ((), ())
    return weigh(evidence, supporting, opposing), verdict_would_change(verdict, *known)


def _tensor_comparisons(statistics: Statistics) -> Iterator[TensorComparison]:
    for tensor, arrays in statistics:
        gram = arrays["gram"]
        scale = np.sqrt(gram[0, 0] * gram[1, 1])
        cosine = float(gram[0, 1] / scale) if np.isfinite(scale) and scale > 0 else 0.0
        larger = max(source.size for source in tensor.sources)
        a, b = tensor.sources
        yield TensorComparison(a.name, b.name, str(tensor.role), cosine, tensor.size / larger)
