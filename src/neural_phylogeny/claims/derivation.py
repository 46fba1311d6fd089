"""Was this model derived from that one? A verdict on a pair of a reconstructed collection.

False accusation is the expensive error. "Derived" takes a path of edges whose probabilities multiply to at least the
required level, and for every step a proof by arithmetic or the finding that the two have more in common than their
initialisation. "Not derived" is claimed only where the weights exclude it; all else is undetermined.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import replace

from neural_phylogeny.claims.answers import Answers
from neural_phylogeny.records import Derivation, DerivationVerdict, Edge, Phylogeny
from neural_phylogeny.wording import p_value, percent

AT_LEAST = 0.95
"""The level of ``nphylo derived``."""

LOWEST = 0.9
"""At lower levels strangers of one initialisation seed were called derived, see docs/tables/derived.md."""

PROOFS = {"merge", "pruned", "cast", "quantized"}
"""Kinds that arithmetic proves: training does not lead there."""

EXACT_FEATURES = {"equal-matrix", "shared-values", "rounded-layer"}
"""Evidence that independent trainings do not produce."""


def derivation(judged: Answers, child: str, parent: str, at_least: float = AT_LEAST) -> Derivation:
    """Whether ``child`` was derived from ``parent``, two models of the collection. Linear in the number of edges.

    Siblings of a model that is not in the collection can look like parent and child: the more of the family is read,
    the fewer.
    """
    answer = judged.answer
    a, b = _representative(answer, parent), _representative(answer, child)
    p_of_test = judged.p_value(a, b) if a != b else None
    blank = Derivation(child=child, parent=parent, verdict="undetermined", p_value=p_of_test)
    if a == b:
        read = "" if answer.share_read == 1.0 else " that were read"
        reason = f"all compared weights{read} are equal; which of the two was first, the weights do not show"
        path = (parent, child)
        return replace(blank, verdict="derived", kinds=("copy",), path=path, exact=True, reasons=(reason,))
    edges = best_path(answer, a, b)
    nearest = next((edge.parent for edge in answer.edges if edge.child == b), None)
    if edges:
        return _along(judged, edges, at_least, blank)
    verdict, reasons = _without_path(judged, a, b, at_least)
    return replace(blank, verdict=verdict, nearest=nearest, reasons=reasons)


def best_path(answer: Phylogeny, parent: str, child: str) -> list[Edge]:
    """The most probable chain of edges from parent to child, empty where there is none; the unknown counts as even."""
    above: dict[str, list[Edge]] = {}
    for edge in answer.edges:
        above.setdefault(edge.child, []).append(edge)
    queue: list[tuple[float, int, str, tuple[Edge, ...]]] = [(0.0, 0, child, ())]
    done: set[str] = set()
    count = 0
    while queue:
        cost, _, name, below = heapq.heappop(queue)
        if name == parent:
            return list(below)
        if name in done:
            continue
        done.add(name)
        for edge in above.get(name, ()):
            count += 1
            step = -math.log(max(_probability(edge), 1e-300))
            heapq.heappush(queue, (cost + step, count, edge.parent, (edge, *below)))
    return []


def product(edges: list[Edge]) -> float:
    """Probability of a chain of edges, if they are independent."""
    return math.prod(map(_probability, edges))


def is_exact(edge: Edge) -> bool:
    """Whether arithmetic proves that the two models of an edge did not arise independently."""
    return (edge.kind in PROOFS and "finetune" not in edge.also) or any(
        each.feature in EXACT_FEATURES for each in edge.evidence
    )


def _along(judged: Answers, edges: list[Edge], at_least: float, blank: Derivation) -> Derivation:
    """The verdict where a path of edges leads from the parent to the child."""
    p = product(edges)
    chain = f"{' -> '.join([edges[0].parent, *(edge.child for edge in edges)])}, probability {percent(p)}"
    doubtful = next(
        (edge for edge in edges if not is_exact(edge) and not judged.has_trained_ancestor(edge.parent, edge.child)),
        None,
    )
    verdict: DerivationVerdict = "undetermined"
    if p < at_least:
        reasons = [f"{chain}: below the required {percent(at_least)}"]
    elif doubtful is not None:
        reasons = [
            f"{doubtful.parent} and {doubtful.child} may have no more than their random initialisation in common; "
            "that takes exact evidence, such as an identical layer, and there is none"
        ]
    else:
        verdict, reasons = "derived", [chain]
    directions = [edge.p_direction for edge in edges if edge.p_direction is not None]
    evidence = tuple(each for edge in edges for each in edge.evidence)
    reasons += [each.statement for each in sorted(evidence, key=lambda each: -each.strength)[:STATED]]
    return replace(
        blank,
        verdict=verdict,
        probability=p,
        p_direction=min(directions, default=None),
        kinds=tuple(edge.kind for edge in edges),
        path=(edges[0].parent, *(edge.child for edge in edges)),
        exact=all(map(is_exact, edges)),
        nearest=edges[-1].parent,
        reasons=tuple(dict.fromkeys(reasons)),
        evidence=evidence,
    )


STATED = 3
"""Number of measurements that the reasons name."""


def _without_path(
    judged: Answers, parent: str, child: str, at_least: float
) -> tuple[DerivationVerdict, tuple[str, ...]]:
    """The verdict where no path of edges leads from the parent to the child, with its reasons."""
    answer = judged.answer
    if back := best_path(answer, child, parent):
        p = product(back)
        if p >= at_least:
            return "not derived", (f"the other way round: {parent} was made from {child}, probability {percent(p)}",)
        return "undetermined", (f"the weights rather say that {parent} was made from {child} ({percent(p)})",)
    if any({pair.a, pair.b} == {parent, child} for pair in answer.undirected):
        return "undetermined", ("the two are related, but the weights do not show which came first",)
    for group in answer.undecided:
        if {parent, child} <= set(group.models):
            return "undetermined", (f"the two share a random initialisation ({group.reason}); that is no descent",)
    for shared in answer.components:
        if {shared.a, shared.b} == {parent, child}:
            rest = "most other weights are a third model's" if shared.changed else "all else is unrelated"
            return "undetermined", (f"the two have the component {shared.component!r} in common, {rest}",)
    families = {model.name: model.family for model in answer.models}
    if families[parent] is not None and families[parent] == families[child]:
        return _among_relatives(answer, parent, child, at_least)
    if not judged.is_conclusive(parent, child):
        return "undetermined", ("too little of the two can be compared for an answer",)
    p_of_test = judged.p_value(parent, child)
    test = "" if p_of_test is None else f" ({p_value(p_of_test)} for unrelated models)"
    return "not derived", (f"the weights show no relation of the two{test}",)


def _among_relatives(
    answer: Phylogeny, parent: str, child: str, at_least: float
) -> tuple[DerivationVerdict, tuple[str, ...]]:
    """The verdict on two relatives of which neither descends from the other, as far as the edges say.

    It is excluded where the way from the child up to an ancestor of both is sure: the candidate is not on it.
    """
    above = {edge.parent for edge in answer.edges}
    common = [name for name in sorted(above) if best_path(answer, name, parent) and best_path(answer, name, child)]
    chains = [best_path(answer, name, child) for name in common]
    best = max(chains, key=product, default=[])
    if best and product(best) >= at_least:
        chain = " -> ".join([best[0].parent, *(edge.child for edge in best)])
        return "not derived", (
            f"{child} has another parent, {best[-1].parent}: {chain}, probability {percent(product(best))}, "
            f"and {parent} descends from {best[0].parent} too",
        )
    return "undetermined", ("the two are relatives, and the weights do not exclude that one was made from the other",)


def _probability(edge: Edge) -> float:
    return 0.5 if edge.confidence is None else edge.confidence


def _representative(answer: Phylogeny, name: str) -> str:
    return next((group[0] for group in answer.copies if name in group), name)
