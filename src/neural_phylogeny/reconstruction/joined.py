"""Answers by component, joined: what pipelines have in common beside their main component, in one line each."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from neural_phylogeny.reconstruction.collect import Collection
from neural_phylogeny.reconstruction.decide import phylogeny
from neural_phylogeny.reconstruction.pipelines import lines, word
from neural_phylogeny.records import Evidence, ModelRecord, Phylogeny, RelatedPair, SharedComponent
from neural_phylogeny.trees.methods import Method


def joined(collection: Collection, answer: Phylogeny, method: Method, alpha: float, seed: int) -> Phylogeny:
    """The answer on the main components of pipelines with what is known of their other components.

    Each component has a forest of its own; descent is that of the main one. Models of different families that have the
    same component are listed with it, and pipelines of one main component that differ in others are no copies.
    """
    if not collection.sides:
        return answer
    names = [model.name for model in answer.models]
    of_sides = {name: phylogeny(side.collection, method, alpha, seed) for name, side in collection.sides.items()}
    parents = {edge.child: edge.parent for edge in answer.edges}
    remarks = lines(names, collection.pipelines, parents, of_sides)
    copies, changed = _copies(answer, collection, of_sides)
    return replace(
        answer,
        models=tuple(_record(model, k, collection, remarks, of_sides) for k, model in enumerate(answer.models)),
        undirected=(*answer.undirected, *changed),
        components=(*answer.components, *_shared(answer, collection, of_sides)),
        copies=copies,
    )


def _record(
    model: ModelRecord, k: int, collection: Collection, remarks: dict[str, str], of_sides: dict[str, Phylogeny]
) -> ModelRecord:
    """A pipeline's record, with all of its components counted."""
    if k not in collection.pipelines:
        return model
    compared = (model.compared or 0.0) * int(collection.parameters[k])
    for name, side in collection.sides.items():
        if k in side.members:
            place = side.members.index(k)
            compared += (of_sides[name].models[place].compared or 0.0) * int(side.collection.parameters[place])
    return replace(
        model,
        compared=min(1.0, compared / max(collection.weights[k], 1)),
        remark="; ".join(filter(None, (model.remark, remarks.get(model.name, "")))),
    )


def _copies(
    answer: Phylogeny, collection: Collection, of_sides: dict[str, Phylogeny]
) -> tuple[tuple[tuple[str, ...], ...], list[RelatedPair]]:
    """Copies in all components, and pairs whose main component is the same while another is not."""
    mains = {answer.models[k].name: main for k, main in collection.pipelines.items()}
    found: list[tuple[str, ...]] = []
    changed: list[RelatedPair] = []
    for group in answer.copies:
        parts: list[list[str]] = []
        for name in group:
            home = next((part for part in parts if not _differing(part[0], name, of_sides)), None)
            if home is None:
                parts.append([name])
            else:
                home.append(name)
        found += [tuple(part) for part in parts if len(part) > 1]
        for a, b in pairwise([part[0] for part in parts]):
            others = ", ".join(word(name) for name in _differing(a, b, of_sides))
            statement = f"the {word(mains.get(a, ''))} of both is the same, to the last bit; not the same: {others}"
            evidence = Evidence(
                feature="same-component", value=1.0, favours="related", strength=1.0, statement=statement
            )
            changed.append(RelatedPair(a=a, b=b, similarity=1.0, evidence=(evidence,)))
    return tuple(found), changed


def _differing(a: str, b: str, of_sides: dict[str, Phylogeny]) -> list[str]:
    """The components that two pipelines have and that are not the same in both."""
    found = []
    for component, answer in of_sides.items():
        have = {model.name for model in answer.models}
        if {a, b} <= have and not any({a, b} <= set(group) for group in answer.copies):
            found.append(component)
    return found


def _shared(answer: Phylogeny, collection: Collection, of_sides: dict[str, Phylogeny]) -> list[SharedComponent]:
    """Models of different families that have the same component: as many pairs as join the families that have it."""
    family = {model.name: (model.family, model.name if model.family is None else "") for model in answer.models}
    place = {model.name: k for k, model in enumerate(answer.models)}
    found = []
    for component, of_side in of_sides.items():
        size = {model.name: model.parameters for model in of_side.models}
        for group in of_side.copies:
            firsts = list({family[name]: name for name in reversed(group)}.values())[::-1]
            for a, b in pairwise(firsts):
                found.append(
                    SharedComponent(
                        a=a,
                        b=b,
                        component=component,
                        component_in_b=component,
                        share_of_a=_share(size[a], collection, place[a]),
                        share_of_b=_share(size[b], collection, place[b]),
                    )
                )
    return found


def _share(size: int, collection: Collection, k: int) -> float:
    return size / max(collection.weights[k], 1)


def answered(collection: Collection, method: Method, alpha: float, seed: int, draws: int = 0) -> Phylogeny:
    """The answer for a collection, that of pipelines by component."""
    answer = phylogeny(collection, method, alpha, seed, draws=draws)
    return joined(collection, answer, method, alpha, seed)
