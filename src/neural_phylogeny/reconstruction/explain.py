"""Why a model has its place in a result: its claims with the evidence for and against each, as a record."""

from __future__ import annotations

from neural_phylogeny.errors import UnknownChoiceError
from neural_phylogeny.reconstruction.reasons import orphan_would_change, reasons_for, what_would_change
from neural_phylogeny.records import (
    Edge,
    ExplainedClaim,
    Explanation,
    MissingAncestor,
    ModelRecord,
    Phylogeny,
    RelatedPair,
)
from neural_phylogeny.wording import percent, small_share

MISSING = "not in the collection"
"""The remark in the record of a missing ancestor."""


def explain(phylogeny: Phylogeny, name: str) -> Explanation:
    """The claims on one model or missing ancestor, what cannot be known of it, and what was made from it.

    Near-linear in the size of the result.

    Raises
    ------
    UnknownChoiceError
        When the result has neither such a model nor such an ancestor.

    Examples
    --------
    >>> from neural_phylogeny.records import ModelRecord
    >>> about = {"format": "npz", "parameters": 10, "family": 0}
    >>> models = tuple(ModelRecord(name=name, path=name, **about) for name in ("base", "child"))
    >>> edge = Edge(parent="base", child="child", kind="finetune", p_direction=0.9, similarity=0.75)
    >>> found = explain(Phylogeny(models=models, edges=(edge,)), "child")
    >>> [(claim.relation, claim.other, claim.confidence) for claim in found.claims], found.children
    ([('child', 'base', 0.9)], ())
    """
    models = {model.name: model for model in phylogeny.models}
    lost = {ancestor.name: ancestor for ancestor in phylogeny.missing}
    if name not in models and name in lost:
        return _explained_ancestor(phylogeny, lost[name])
    if name not in models:
        raise UnknownChoiceError("model", name, [*models, *lost])
    representative = next((group for group in phylogeny.copies if name in group), (name,))[0]
    size = _family_size(phylogeny, models[name])
    missing = set(lost)
    claims = [_edge(edge, size, missing) for edge in phylogeny.edges if edge.child == representative]
    claims += [_pair(pair, representative, size) for pair in phylogeny.undirected if representative in (pair.a, pair.b)]
    warnings = (
        *_copies(phylogeny, name, representative),
        *_shared(phylogeny, representative),
        *_siblings(phylogeny, representative, missing),
        *_root(phylogeny, representative),
        *_remark(models[name]),
        *_sampled(phylogeny),
    )
    return Explanation(
        model=models[name],
        representative=representative,
        claims=tuple(claims),
        warnings=warnings,
        children=phylogeny.children_of(name),
    )


def _explained_ancestor(phylogeny: Phylogeny, ancestor: MissingAncestor) -> Explanation:
    """Why an ancestor is claimed of which there is no file; its record has no path, no format and no parameters."""
    edges = [edge for edge in phylogeny.edges if edge.parent == ancestor.name]
    known = [f"{edge.child} {percent(edge.p_parent)}" for edge in edges if edge.p_parent is not None]
    children = tuple(edge.child for edge in edges)
    likely = f" Probability that the parent of each is missing: {', '.join(known)}." if known else ""
    record = ModelRecord(name=ancestor.name, path="", format="", parameters=0, family=ancestor.family, remark=MISSING)
    size, missing = _family_size(phylogeny, record), {other.name for other in phylogeny.missing}
    return Explanation(
        model=record,
        representative=ancestor.name,
        claims=tuple(_edge(edge, size, missing) for edge in phylogeny.edges if edge.child == ancestor.name),
        warnings=(
            f"{ancestor.name} is not in the collection. {', '.join(children)} have more in common than any model here "
            f"accounts for: a model, or the initialisation that they share.{likely} The weights do not show which of "
            "the two it is; a file of it, in the collection, would.",
        ),
        children=children,
    )


def _family_size(phylogeny: Phylogeny, model: ModelRecord) -> int:
    """Number of models and missing ancestors of a model's family; copies count as one."""
    if model.family is None:
        return 1
    copies = {name for group in phylogeny.copies for name in group[1:]}
    members = [other.name for other in phylogeny.models if other.family == model.family and other.name not in copies]
    return len(members) + sum(ancestor.family == model.family for ancestor in phylogeny.missing)


def _edge(edge: Edge, size: int, missing: set[str]) -> ExplainedClaim:
    is_orphan = edge.parent in missing
    return ExplainedClaim(
        relation="child of a missing ancestor" if is_orphan else "child",
        other=edge.parent,
        p_parent=edge.p_parent,
        p_direction=edge.p_direction,
        p_value=edge.p_value,
        similarity=edge.similarity,
        coverage=edge.coverage,
        support=edge.support,
        reasons=reasons_for(edge),
        what_would_change=orphan_would_change(edge) if is_orphan else what_would_change(edge, size),
    )


def _pair(pair: RelatedPair, name: str, size: int) -> ExplainedClaim:
    return ExplainedClaim(
        relation="related",
        other=pair.b if pair.a == name else pair.a,
        p_value=pair.p_value,
        similarity=pair.similarity,
        coverage=pair.coverage,
        reasons=reasons_for(pair),
        what_would_change=what_would_change(pair, size),
    )


def _copies(phylogeny: Phylogeny, name: str, representative: str) -> list[str]:
    group = next((group for group in phylogeny.copies if name in group), ())
    others = ", ".join(other for other in group if other != name)
    if not group:
        return []
    same = "has the same weights as" if phylogeny.share_read == 1.0 else "is equal in all that was read to"
    if name != representative:
        return [f"{name} {same} {others}; the claims name {representative}."]
    return [f"{name} {same} {others}; weights cannot show which of them came first."]


def _remark(model: ModelRecord) -> list[str]:
    return [f"On {model.name}: {model.remark}."] if model.remark and model.family is not None else []


def _sampled(phylogeny: Phylogeny) -> list[str]:
    read = phylogeny.share_read
    return [] if read == 1.0 else [f"{small_share(read)} of the weights were read; the others may change the answer."]


def _shared(phylogeny: Phylogeny, name: str) -> list[str]:
    """With whom a model shares a component, which is not descent."""
    family = set(phylogeny.family_of(name))
    found = []
    for one in phylogeny.components:
        if one.contained and name in (one.a, one.b):
            changed = ", trained on since" * one.changed
            found.append(f"{one.b} contains {one.a} as its component {one.component_in_b}{changed}.")
        elif not one.contained and family & {one.a, one.b}:
            found.append(
                f"{one.a} and {one.b} share the component {one.component or 'of equal weights'} and "
                f"{'have most else from other models' if one.changed else 'are otherwise unrelated'}: "
                "nothing follows for their descent."
            )
    return found


def _siblings(phylogeny: Phylogeny, name: str, missing: set[str]) -> list[str]:
    above = {edge.parent for edge in phylogeny.edges if edge.child == name and edge.parent in missing}
    siblings = [edge.child for edge in phylogeny.edges if edge.parent in above and edge.child != name]
    if not siblings:
        return []
    return [
        f"{name} and {', '.join(siblings)} appear to have the same missing parent: a model, or an initialisation that "
        "they share."
    ]


def _root(phylogeny: Phylogeny, name: str) -> list[str]:
    """Why a model without a parent has none."""
    model = next(model for model in phylogeny.models if model.name == name)
    if any(edge.child == name for edge in phylogeny.edges):
        return []
    if any(name in group.models for group in phylogeny.undecided):
        return [f"{name} has the {model.remark}."]
    if model.family is None:
        return [f"{name} was not compared: {model.remark or 'no reason is recorded'}."]
    children = [edge for edge in phylogeny.edges if edge.parent == name]
    if not children:
        pairs = any(name in (pair.a, pair.b) for pair in phylogeny.undirected)
        return [] if pairs else [f"{name} is related to no other model here, as far as the weights show."]
    known = [(edge.p_direction, edge.child) for edge in children if edge.p_direction is not None]
    least = ""
    if known:
        p, nearest = min(known)
        least = (
            f"The least certain child is {nearest}, with a direction of {percent(p)}; with the reverse direction it "
            f"would be the parent of {name}. "
        )
    return [
        f"{name} is a root: no model here was found to be its parent, because its relatives are more likely its "
        f"descendants. {least}A parent that is not here cannot be excluded."
    ]
