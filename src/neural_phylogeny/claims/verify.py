"""Are the claims of models about their parents true? The weights decide; a claim never adds to a verdict."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence

from neural_phylogeny.claims.answers import Answers
from neural_phylogeny.claims.declared import declared_by, folder_of
from neural_phylogeny.claims.derivation import AT_LEAST, best_path, derivation
from neural_phylogeny.claims.matching import meant
from neural_phylogeny.inputs import ModelRef
from neural_phylogeny.records import CheckedClaim, Declared, Derivation
from neural_phylogeny.sources.given import there

SAME = {
    "finetune": {"finetune"},
    "quantized": {"quantized", "cast"},
    "merge": {"merge"},
    "adapter": {"adapter", "finetune"},
}
"""Kinds of edges that fit a word of the hub; other words are not compared."""


def own_claims(judged: Answers, paths: Sequence[str]) -> tuple[list[Declared], list[str]]:
    """What the models at or below some paths say of their parents, and what of it could not be read."""
    refs = judged.refs
    folders = Counter(os.path.realpath(folder_of(ref)) for ref in refs if ref.path)
    found: list[Declared] = []
    problems: list[str] = []
    for ref in refs:
        if ref.path and is_below(ref.path, paths):
            claims, faults = declared_by(ref, folders[os.path.realpath(folder_of(ref))] == 1)
            found += claims
            problems += faults
    return found, problems


def is_below(path: str, folders: Sequence[str]) -> bool:
    """Whether a path is one of some paths or lies below one of them; a glob pattern counts as its folder."""
    real = os.path.realpath(path)
    folders = list(map(there, folders))
    tops = [os.path.realpath(top if os.path.exists(top) else os.path.dirname(top) or os.curdir) for top in folders]
    return any(real == top or real.startswith(os.path.join(top, "")) for top in tops)


def checked(judged: Answers, claims: Sequence[Declared], at_least: float = AT_LEAST) -> list[CheckedClaim]:
    """The verdict on each claim; those of a configuration that name the model itself are left out."""
    found = []
    for claim in claims:
        children = meant(claim.model, judged.refs)
        parents = meant(claim.parent, judged.refs)
        itself = [ref for ref in parents if ref in children]
        if itself and not claim.source.startswith("README"):
            continue
        found.append(_checked(judged, claim, children, parents, at_least))
    return found


def _checked(
    judged: Answers, claim: Declared, children: Sequence[ModelRef], parents: Sequence[ModelRef], at_least: float
) -> CheckedClaim:
    path = children[0].path if children else ""
    for refs, what, name in ((children, "the model", claim.model), (parents, "the parent", claim.parent)):
        if len(refs) != 1 and not _are_copies(judged, refs):
            several = f"{len(refs)} models at hand may be meant by {name}"
            reason = several if refs else f"{what} {name} is not at hand"
            return CheckedClaim(declared=claim, verdict="unproven", reason=reason, path=path)
    child, parent = children[0].name, parents[0].name
    if child == parent:
        reason = "it names itself as its parent"
        return CheckedClaim(declared=claim, verdict="unproven", found=parent, reason=reason, path=path)
    answer = derivation(judged, child, parent, at_least)
    agrees = _agreement(claim.relation, answer)
    known = {"declared": claim, "found": parent, "derivation": answer, "agrees": agrees, "path": path}
    first = answer.reasons[0] if answer.reasons else ""
    if answer.verdict == "derived":
        differs = f"; declared {claim.relation}, found {answer.kinds[-1]}" if agrees is False else ""
        return CheckedClaim(verdict="confirmed", reason=f"{first}{differs}", **known)  # type: ignore[arg-type]
    if answer.verdict == "not derived" and _may_be_merged(judged, claim, child, parent):
        reason = f"{first}; a merge may have further parents that its weights do not show"
        return CheckedClaim(verdict="unproven", reason=reason, **known)  # type: ignore[arg-type]
    if answer.verdict == "not derived":
        reason = f"{first}; {_nearest(judged, child)}"
        return CheckedClaim(verdict="contradicted", reason=reason, **known)  # type: ignore[arg-type]
    return CheckedClaim(verdict="unproven", reason=first, **known)  # type: ignore[arg-type]


def _may_be_merged(judged: Answers, claim: Declared, child: str, parent: str) -> bool:
    """Whether two relatives are declared as a merge and one of its parts: some recipes leave marks of one part only."""
    families = {model.name: model.family for model in judged.answer.models}
    is_relative = families[child] is not None and families[child] == families[parent]
    return claim.relation.lower() == "merge" and is_relative and not best_path(judged.answer, child, parent)


def _are_copies(judged: Answers, refs: Sequence[ModelRef]) -> bool:
    """Whether models are one: it does not matter which of them is meant."""
    return any({ref.name for ref in refs} <= set(group) for group in judged.answer.copies) and len(refs) > 0


def _agreement(relation: str, found: Derivation) -> bool | None:
    """Whether the last step fits the declared relation; None where there is nothing to compare."""
    fitting = SAME.get(relation.lower())
    if fitting is None or not found.kinds or found.kinds == ("copy",):
        return None
    return found.kinds[-1] in fitting


def _nearest(judged: Answers, child: str) -> str:
    """The nearest relative of a model, as a clause."""
    answer = judged.answer
    copies = next((group for group in answer.copies if child in group), ())
    other = next((name for name in copies if name != child), None)
    if other is not None:
        return f"it is a copy of {other}"
    parent = answer.parent_of(child)
    if parent is not None:
        missing = {ancestor.name for ancestor in answer.missing}
        return "its parent is not here" if parent in missing else f"its nearest relative here is {parent}"
    pairs = [
        (pair.similarity or 0.0, pair.a if pair.b == child else pair.b)
        for pair in answer.undirected
        if child in (pair.a, pair.b)
    ]
    children = [(edge.similarity or 0.0, edge.child) for edge in answer.edges if edge.parent == child]
    near = max([*pairs, *children], default=None)
    return "it has no relative here" if near is None else f"its nearest relative here is {near[1]}"
