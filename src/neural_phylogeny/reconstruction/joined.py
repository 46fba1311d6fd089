"""Answers by component, joined: what pipelines have in common beside their main component, in one line each."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from neural_phylogeny.reconstruction.collect import Collection
from neural_phylogeny.reconstruction.decide import phylogeny
from neural_phylogeny.reconstruction.examine import Examined
from neural_phylogeny.reconstruction.pipelines import lines, word
from neural_phylogeny.records import Edge, Evidence, ModelRecord, Phylogeny, RelatedPair, SharedComponent
from neural_phylogeny.trees.methods import Method

EXACT = ("cast", "quantized", "pruned")
"""Kinds that exact facts prove, and their direction with them."""

SURE = 0.99
"""Evidence from this strength on is what proves such a kind."""


def joined(collection: Collection, answer: Phylogeny, method: Method, alpha: float, seed: int) -> Phylogeny:
    """The answer on the main components of pipelines with what is known of their other components.

    Each component has a forest of its own; descent is that of the main one. Models of different families that have the
    same component are listed with it, and pipelines of one main component that differ in others are not copies.
    """
    if not collection.sides:
        return answer
    names = [model.name for model in answer.models]
    of_sides = {name: phylogeny(side.collection, method, alpha, seed) for name, side in collection.sides.items()}
    parents = {edge.child: edge.parent for edge in answer.edges}
    remarks = lines(names, collection.pipelines, parents, of_sides)
    copies, changed = _copies(answer, collection, of_sides)
    certain = _certain(of_sides)
    edges, pairs = _directed(answer, changed, certain)
    return replace(
        answer,
        edges=edges,
        models=tuple(_record(model, k, collection, remarks, of_sides) for k, model in enumerate(answer.models)),
        undirected=pairs,
        components=(*answer.components, *_shared(answer, collection, of_sides)),
        copies=copies,
    )


def _certain(of_sides: dict[str, Phylogeny]) -> dict[tuple[str, str], Edge]:
    """Parents and children by exact facts about a component beside the main one: it is the parent's, only rounded."""
    edges = [edge for answer in of_sides.values() for edge in answer.edges if edge.kind in EXACT]
    found = {(edge.parent, edge.child): edge for edge in edges}
    return {pair: edge for pair, edge in found.items() if pair[::-1] not in found}


def _directed(
    answer: Phylogeny, changed: list[RelatedPair], certain: dict[tuple[str, str], Edge]
) -> tuple[tuple[Edge, ...], tuple[RelatedPair, ...]]:
    """The claims of the main component with the directions that other components prove.

    One certain part decides the direction of the model, unless the main component is certain of another. A pipeline
    whose main component is a copy of a child's has the child's parent where another component proves that.
    """
    edges, above = list[Edge](), {edge.child: edge for edge in answer.edges}
    for edge in answer.edges:
        pair = edge.parent, edge.child
        if pair[::-1] in certain and edge.kind not in EXACT and edge.parent not in above:
            edge = replace(edge, parent=pair[1], child=pair[0], p_parent=None, p_direction=None)
        proof = certain.get((edge.parent, edge.child))
        edges.append(edge if proof is None else _proven(edge, proof))
    pairs: list[RelatedPair] = []
    for one in (*answer.undirected, *changed):
        proof = certain.get((one.a, one.b)) or certain.get((one.b, one.a))
        twin = next((above[a] for a, b in ((one.a, one.b), (one.b, one.a)) if _has_parent(a, b, above, certain)), None)
        child = one.b if twin is not None and twin.child == one.a else one.a
        if proof is not None and proof.child not in above:
            made = Edge(parent=proof.parent, child=proof.child, kind="finetune", similarity=one.similarity)
            edges.append(_proven(made, proof))
        elif one in changed and twin is not None:
            edges.append(_proven(replace(twin, child=child), certain[twin.parent, child]))
        else:
            pairs.append(one)
    return tuple(edges), tuple(pairs)


def _has_parent(a: str, b: str, above: dict[str, Edge], certain: dict[tuple[str, str], Edge]) -> bool:
    """Whether a has a parent here that is certainly that of b, too, and b has none."""
    return a in above and b not in above and (above[a].parent, b) in certain


def _proven(edge: Edge, proof: Edge) -> Edge:
    """An edge with the direction of a proof, and what proves it."""
    p_direction = max(edge.p_direction or 0.0, proof.p_direction or 0.0)
    facts = tuple(e for e in proof.evidence if e.favours == "parent" and e.strength > SURE)
    return replace(edge, p_direction=p_direction, evidence=(*edge.evidence, *facts))


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


def answered(
    collection: Collection,
    method: Method,
    alpha: float,
    seed: int,
    examined: Examined | None = None,
    draws: int = 0,
) -> Phylogeny:
    """The answer for a collection, that of pipelines by component; ``examined`` where that was done already."""
    answer = phylogeny(collection, method, alpha, seed, examined, draws)
    return joined(collection, answer, method, alpha, seed)
