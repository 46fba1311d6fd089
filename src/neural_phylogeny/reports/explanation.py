"""Why one model stands where it does: its claims with what speaks for and against each, as a record."""

from __future__ import annotations

import math

from neural_phylogeny.errors import UnknownChoiceError
from neural_phylogeny.records import Edge, ExplainedClaim, Explanation, Kinship, ModelRecord, Phylogeny
from neural_phylogeny.reports.families import families
from neural_phylogeny.reports.labels import share_read, small_share
from neural_phylogeny.wording import orphan_would_change, percent, reasons_for, what_would_change


def explain(phylogeny: Phylogeny, name: str) -> Explanation:
    """The claims on one model of a result, what cannot be known of it, and what was made from it.

    Near-linear in the size of the result.

    Raises
    ------
    UnknownChoiceError
        When the result has no such model.

    Examples
    --------
    >>> from neural_phylogeny.records import ModelRecord
    >>> models = tuple(ModelRecord(name, name, "npz", 10, 0) for name in ("base", "child"))
    >>> found = explain(Phylogeny(models, (Edge("base", "child", "finetune", 0.9, 0.75, 1.0),)), "child")
    >>> [(claim.relation, claim.other, claim.confidence) for claim in found.claims], found.children
    ([('child', 'base', 0.9)], ())
    """
    models = {model.name: model for model in phylogeny.models}
    if name not in models:
        raise UnknownChoiceError("model", name, list(models))
    told_of = next((group for group in phylogeny.copies if name in group), (name,))[0]
    size = next((len(family.names) for family in families(phylogeny) if told_of in family.names), 1)
    hidden = {ancestor.name for ancestor in phylogeny.hidden}
    claims = [_edge(edge, size, hidden) for edge in phylogeny.edges if edge.child == told_of]
    claims += [_pair(pair, told_of, size) for pair in phylogeny.undirected if told_of in (pair.a, pair.b)]
    children = tuple(edge.child for edge in phylogeny.edges if edge.parent == told_of)
    warnings = [*_copies(phylogeny, name, told_of), *_siblings(phylogeny, told_of, hidden), *_root(phylogeny, told_of)]
    return Explanation(
        models[name], told_of, tuple(claims), (*warnings, *_remark(models[name]), *_sampled(phylogeny)), children
    )


def _edge(edge: Edge, size: int, hidden: set[str]) -> ExplainedClaim:
    is_orphan = edge.parent in hidden
    return ExplainedClaim(
        "child of a hidden ancestor" if is_orphan else "child",
        edge.parent,
        edge.confidence,
        edge.kinship,
        edge.direction,
        edge.support,
        edge.similarity,
        edge.coverage,
        reasons_for(edge),
        orphan_would_change(edge) if is_orphan else what_would_change(edge, size),
    )


def _pair(pair: Kinship, name: str, size: int) -> ExplainedClaim:
    other = pair.b if pair.a == name else pair.a
    sure = (pair.confidence, pair.confidence, math.nan, math.nan, pair.similarity, pair.coverage)
    return ExplainedClaim("related", other, *sure, reasons_for(pair), what_would_change(pair, size))


def _copies(phylogeny: Phylogeny, name: str, told_of: str) -> list[str]:
    group = next((group for group in phylogeny.copies if name in group), ())
    others = ", ".join(other for other in group if other != name)
    if not group:
        return []
    same = "holds the same weights as" if share_read(phylogeny) == 1.0 else "is equal in all that was read to"
    if name != told_of:
        return [f"{name} {same} {others}; what is said here is said of {told_of}."]
    return [f"{name} {same} {others}; which of them was there first, weights cannot tell."]


def _remark(model: ModelRecord) -> list[str]:
    return [f"On {model.name}: {model.remark}."] if model.remark and model.family is not None else []


def _sampled(phylogeny: Phylogeny) -> list[str]:
    read = share_read(phylogeny)
    return [] if read == 1.0 else [f"{small_share(read)} of the weights were read; all of them could tell more."]


def _siblings(phylogeny: Phylogeny, name: str, hidden: set[str]) -> list[str]:
    above = {edge.parent for edge in phylogeny.edges if edge.child == name and edge.parent in hidden}
    siblings = [edge.child for edge in phylogeny.edges if edge.parent in above and edge.child != name]
    if not siblings:
        return []
    return [
        f"The parent of {name} is taken to be missing, and that of {', '.join(siblings)} to be the same: a model, or "
        "an initialisation that they share."
    ]


def _root(phylogeny: Phylogeny, name: str) -> list[str]:
    """Why a model without a parent has none."""
    model = next(model for model in phylogeny.models if model.name == name)
    if any(edge.child == name for edge in phylogeny.edges):
        return []
    if model.family is None:
        return [f"{name} was not compared: {model.remark or 'no reason is recorded'}."]
    children = [edge for edge in phylogeny.edges if edge.parent == name]
    if not children:
        pairs = any(name in (pair.a, pair.b) for pair in phylogeny.undirected)
        return [] if pairs else [f"{name} is related to no other model here, as far as the weights tell."]
    sure = [(edge.confidence if math.isnan(edge.direction) else edge.direction, edge.child) for edge in children]
    least, nearest = min(sure)
    return [
        f"{name} is a root: no model here was found to be its parent, as its relatives are likelier its descendants. "
        f"The least sure child is {nearest}, with a direction of {percent(least)}; turned around, it would be the "
        f"parent of {name}. A parent that is not here cannot be excluded."
    ]
