"""Adapters below their bases: edges that a merged model proves, or that names and shapes alone suggest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.reconstruction.adapters import ONE_RUN, Adapter
from neural_phylogeny.records import Edge, Evidence, MissingAncestor, RelatedPair
from neural_phylogeny.relations.adapters import separation
from neural_phylogeny.relations.exact import CERTAIN
from neural_phylogeny.relations.odds import probability
from neural_phylogeny.wording import percent

SURE = float(probability(CERTAIN))
"""How sure an adapter is to belong to a base when a merged model proves it."""

LENGTHS_SHOW = 0.5
"""How sure a base is by the lengths of its rows alone; not measured, and so no more than even."""

SUITS = 2.2
"""Standard errors by which a family must suit an adapter better than each other one: strangers differ by one."""

GAINS_SHOW = 0.5
"""How sure a base is by what its matrices read; not measured, and so no more than even."""

LENGTHS, GAINS = "dora-lengths", "adapter-directions"
ADAPTER, SHAPES, CLAIM = "merged-adapter", "adapter-shapes", "adapter-config"
"""Names of the evidence on an adapter."""


def hung(
    names: Sequence[str],
    adapters: Sequence[Adapter],
    labels: NDArray[np.int64],
    edges: Sequence[Edge],
    undirected: Sequence[RelatedPair],
) -> tuple[list[Edge], list[RelatedPair], dict[int, int]]:
    """The same claims with adapters below their bases; the last is the base of each adapter that has one here.

    Adapters that began with the same factors stay below each other only where what they add is alike. ``labels`` are
    the families: where shapes alone speak and models of several families have them, an adapter is related to none.
    """
    by_name = {names[one.model]: one for one in adapters}
    kept = [edge for edge in edges if _is_one_run(by_name, edge.parent, edge.child)]
    pairs = [pair for pair in undirected if _is_one_run(by_name, pair.a, pair.b)]
    has_parent = {edge.child for edge in kept}
    bases = {}
    for one in adapters:
        base = _base(names, one, labels, has_parent)
        if base is None:
            continue
        bases[one.model] = base
        if names[one.model] not in has_parent:
            kept.append(_edge(names, one, base, base in suited(one, labels)))
    return kept, pairs, bases


def without_adapters(
    hung_ones: set[str], missing: Sequence[MissingAncestor], edges: Sequence[Edge]
) -> tuple[list[MissingAncestor], list[Edge]]:
    """Missing ancestors and their edges, but for those of adapters that hang below a base."""
    kept = [edge for edge in edges if edge.child not in hung_ones]
    parents = {edge.parent for edge in kept}
    return [one for one in missing if one.name in parents], kept


def remark(names: Sequence[str], one: Adapter, labels: NDArray[np.int64], base: int | None) -> str:
    """What an adapter is, in a few words, and why it hangs below no model where it does not."""
    what = f"an adapter {f'of rank {one.rank}' if one.rank else 'of scales (IA3)'} on {one.n_matrices} matrices"
    claim = f"; {one.claim!r} is its base by its configuration, a claim that weights do not show" if one.claim else ""
    if base is None and one.candidates:
        n_families = len(_families(one, labels))
        return f"{what}; names and shapes fit {len(one.candidates)} models of {n_families} families here{claim}"
    if base is None:
        return f"{what} of a model that is not here: none has matrices of their names and shapes{claim}"
    if one.fit is not None:
        return what
    why = "the lengths of rows" if one.by_lengths == base else "names and shapes alone"
    if base in suited(one, labels):
        why = "what its matrices read"
    return f"{what}; placed below {names[base]} by {why}{claim}"


def _is_one_run(adapters: dict[str, Adapter], a: str | None, b: str) -> bool:
    """Whether a claim on two models stands: always, unless both are adapters that add different things."""
    ours, theirs = adapters.get(a or ""), adapters.get(b)
    if ours is None or theirs is None:
        return True
    return ours.likeness(theirs) >= ONE_RUN


def _families(one: Adapter, labels: NDArray[np.int64]) -> set[int]:
    """The families of the models that an adapter fits."""
    return set(labels[list(one.candidates)].tolist())


def _base(names: Sequence[str], one: Adapter, labels: NDArray[np.int64], has_parent: set[str]) -> int | None:
    """The model that an adapter hangs below: the proven one, the claimed one, or a root that it fits in one family."""
    if one.base is not None or not one.candidates:
        return one.base
    if one.by_lengths is not None:
        return one.by_lengths
    claimed = [model for model in one.candidates if _is_called(names[model], one.claim)]
    if len(claimed) == 1:
        return claimed[0]
    fitting = one.candidates
    if len(_families(one, labels)) > 1:
        fitting = suited(one, labels)
    roots = [model for model in fitting if names[model] not in has_parent]
    return next(iter([*roots, *fitting]), None)


def suited(one: Adapter, labels: NDArray[np.int64]) -> tuple[int, ...]:
    """The candidates of the family whose matrices read what the adapter reads and writes most; none where unclear."""
    best: dict[int, int] = {}
    for model, gains in one.gains.items():
        label = int(labels[model])
        if label not in best or gains.mean() > one.gains[best[label]].mean():
            best[label] = model
    ordered = sorted(best, key=lambda label: -float(one.gains[best[label]].mean()))
    if len(ordered) < 2:
        return ()
    first = one.gains[best[ordered[0]]]
    if min(separation(first, one.gains[best[label]]) for label in ordered[1:]) < SUITS:
        return ()
    return tuple(model for model in one.candidates if labels[model] == ordered[0])


def _is_called(name: str, claim: str) -> bool:
    """Whether a model has the name that a configuration gives, up to its folder, revision and suffix."""
    if not claim:
        return False
    stem = name.rsplit("@", 1)[0]
    ends = {part for whole in (name, stem) for part in (whole, whole.rsplit("/", 1)[-1], whole.rsplit(".", 1)[0])}
    return claim in ends or claim.rstrip("/").rsplit("/", 1)[-1] in ends


def _edge(names: Sequence[str], one: Adapter, base: int, is_suited: bool) -> Edge:
    parent, child = names[base], names[one.model]
    evidence = []
    n_fitting = len(one.candidates)
    p_parent = 1.0 / (n_fitting + 1)
    if one.fit is not None and one.merged is not None:
        p_parent = SURE
        factors = "factors" if one.rank else "scaling"
        statement = (
            f"{names[one.merged]} is {parent} with {one.fit.scale:.4g} times the {factors} of {child} added: "
            f"what is left is {percent(one.fit.left**0.5)} of the difference, as rounding leaves"
        )
        evidence.append(_favouring(parent, ADAPTER, one.fit.left, 1.0, statement))
    elif one.by_lengths == base:
        p_parent = max(p_parent, LENGTHS_SHOW)
        statement = (
            f"the lengths of rows that {child} learnt are nearest to those of {parent}, at half of the next error"
        )
        evidence.append(_favouring(parent, LENGTHS, 1.0, LENGTHS_SHOW, statement))
    elif is_suited:
        p_parent = max(p_parent, GAINS_SHOW)
        statement = (
            f"matrices of {parent} read most strongly what {child} reads and writes, clearly more so than those of any "
            "other family here that has the same shapes"
        )
        evidence.append(_favouring(parent, GAINS, SUITS, GAINS_SHOW, statement))
    statement = f"{parent} has the matrices of {child} in their shapes, as {n_fitting} of the models here have"
    evidence.append(_favouring(parent, SHAPES, float(n_fitting), min(p_parent, 0.5), statement))
    if one.claim and _is_called(parent, one.claim):
        statement = f"the configuration of {child} names {one.claim!r} as its base, which nothing in the weights shows"
        evidence.append(_favouring(parent, CLAIM, 1.0, 0.1, statement))
    return Edge(
        parent=parent,
        child=child,
        kind="adapter",
        p_parent=p_parent,
        p_direction=SURE,
        evidence=tuple(evidence),
    )


def _favouring(parent: str, feature: str, value: float, strength: float, statement: str) -> Evidence:
    return Evidence(
        feature=feature, value=value, favours="parent", strength=strength, statement=statement, model=parent
    )
