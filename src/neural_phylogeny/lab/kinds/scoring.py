"""How right an answer on a collection of kinds is: relatives, parents, directions, kinds, parents of merges."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

from neural_phylogeny.lab.kinds.collections import TWIN, UNDIRECTED, KindsCollection, Relation
from neural_phylogeny.records import Edge, Phylogeny, RelatedPair


@dataclass(frozen=True)
class Scored:
    """One true relation and what the answer says of it; ``exact`` of one that has no direction is that it is there."""

    relation: Relation
    architecture: str
    kin: bool
    exact: bool
    direction: bool | None
    kind: str
    also: tuple[str, ...]
    parents: tuple[int, int, int]
    """Right, claimed and true parents of a merge."""

    @property
    def true_kind(self) -> str:
        """The kind by the truth."""
        return self.relation.kind

    @property
    def right_kind(self) -> bool:
        """Whether the main kind is that of the truth."""
        return self.kind == self.relation.kind


@dataclass
class Score:
    """All relations of some collections, and the pairs of strangers that were called related."""

    scored: list[Scored] = field(default_factory=list)
    strangers: int = 0
    false_kin: list[tuple[str, str, str]] = field(default_factory=list)
    one_seed: list[bool] = field(default_factory=list)
    """Of each pair that shares an initialisation alone, whether a claim of descent joins it."""

    def share(self, what: str, chosen: Iterable[Scored] | None = None) -> float | None:
        """Mean of ``kin``, ``exact``, ``direction`` or ``right_kind`` over relations for which it is known."""
        values = [getattr(one, what) for one in (self.scored if chosen is None else chosen)]
        known = [value for value in values if value is not None]
        return sum(known) / len(known) if known else None

    def kind_f1(self) -> dict[str, float]:
        """F1 of each kind of the truth."""
        found = {}
        for kind in sorted({one.relation.kind for one in self.scored}):
            right = sum(one.kind == kind == one.relation.kind for one in self.scored)
            every = sum(one.kind == kind for one in self.scored) + sum(one.relation.kind == kind for one in self.scored)
            found[kind] = 2 * right / every
        return found

    @property
    def macro_f1(self) -> float:
        """Mean of the F1 of all kinds."""
        found = self.kind_f1()
        return sum(found.values()) / max(len(found), 1)

    @property
    def merge_f1(self) -> float | None:
        """F1 of the parents of merges, all together."""
        right, claimed, true = (
            sum(one.parents[k] for one in self.scored if one.relation.kind == "merge") for k in range(3)
        )
        return 2 * right / (claimed + true) if claimed + true else None

    def add(self, collection: KindsCollection, answer: Phylogeny) -> None:
        """Score one more answer."""
        unit = _units(collection)
        family = {model.name: model.family for model in answer.models}
        copied = {name: k for k, group in enumerate(answer.copies) for name in group}
        converted = {model.name for model in answer.models if model.copy_kind == "converted"}
        claims = _claims(answer)
        for relation in collection.relations:
            one = _scored(relation, collection.architecture, unit, family, copied, claims)
            is_converted = one.kind == "copy" and relation.child in converted
            self.scored.append(replace(one, kind="converted") if is_converted else one)
        group = _joined(collection)
        every: list[Edge | RelatedPair] = [*answer.edges, *answer.undirected]
        ends = [set(_ends(claim)) for claim in every]
        for a, b in combinations(collection.models, 2):
            if group[a] == group[b]:
                continue
            if TWIN in (a, b) and "base" in (group[a], group[b]):
                self.one_seed.append({a, b} in ends)
            else:
                self.strangers += 1
                if family.get(a) is not None and family.get(a) == family.get(b):
                    self.false_kin.append((collection.name, a, b))


def _units(collection: KindsCollection) -> dict[str, str]:
    """Models that are the same but for a disguise count as one."""
    found = {name: name for name in collection.models}
    for relation in collection.relations:
        if relation.kind in UNDIRECTED:
            found[relation.child] = found[relation.parents[0]]
    return found


def _joined(collection: KindsCollection) -> dict[str, str]:
    found = {name: name for name in collection.models}
    for relation in collection.relations:
        for parent in relation.parents:
            old, new = found[relation.child], found[parent]
            found = {name: new if group == old else group for name, group in found.items()}
    return found


def _claims(answer: Phylogeny) -> dict[str, list[Edge | RelatedPair]]:
    found: dict[str, list[Edge | RelatedPair]] = defaultdict(list)
    for edge in answer.edges:
        found[edge.child].append(edge)
        found[edge.parent].append(edge)
    for pair in answer.undirected:
        found[pair.a].append(pair)
        found[pair.b].append(pair)
    return found


def _scored(
    relation: Relation,
    architecture: str,
    unit: dict[str, str],
    family: dict[str, int | None],
    copied: dict[str, int],
    claims: dict[str, list[Edge | RelatedPair]],
) -> Scored:
    child = relation.child
    true = {unit[name] for name in relation.parents}
    is_copy = any(child in copied and copied.get(name) == copied[child] for name in unit if unit[name] in true)
    kin = is_copy or any(family.get(child) is not None and family.get(child) == family.get(p) for p in relation.parents)
    own = [c for c in claims[child] if not isinstance(c, Edge) or c.child == child]
    below = [c for c in claims[child] if isinstance(c, Edge) and c.parent == child]
    joining = [c for c in own if {unit.get(name, name) for name in _ends(c)} & true]
    kind, also = "none", ()
    chosen: Sequence[Edge | RelatedPair] = joining or own
    if chosen:
        kind, also = getattr(chosen[0], "kind", "none"), getattr(chosen[0], "also", ())
    elif is_copy:
        kind = "copy"
    parents = [unit.get(c.parent, c.parent) for c in own if isinstance(c, Edge)]
    if relation.kind in UNDIRECTED:
        return Scored(relation, architecture, kin, is_copy or bool(joining), None, kind, also, (0, 0, 0))
    reversed_one = any(unit.get(c.child, c.child) in true for c in below)
    right = bool(parents) and parents[0] in true
    direction = True if right else False if reversed_one or joining else None
    counts = (len(set(parents) & true), len(set(parents)), len(true)) if relation.kind == "merge" else (0, 0, 0)
    return Scored(relation, architecture, kin, right, direction, kind, also, counts)


def _ends(claim: Edge | RelatedPair) -> tuple[str, str]:
    return (claim.parent, claim.child) if isinstance(claim, Edge) else (claim.a, claim.b)
