"""What a result has wrong, by name: every contradiction of the truth in one list, each with its kind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations

import networkx as nx

from neural_phylogeny.evaluation.matching import Matching, Unit, UnitPair
from neural_phylogeny.evaluation.truth import Truth, match_names
from neural_phylogeny.records import Phylogeny


class Kind(StrEnum):
    """Kinds of mistakes."""

    NOT_READ = "not read"
    REVERSED = "reversed edge"
    SIBLINGS = "siblings drawn as parent and child"
    WRONG_PARENT = "wrong parent"
    MISSED_EDGE = "missed edge"
    UNDECIDED = "undecided direction"
    MISSED_COPIES = "missed copies"
    FALSE_COPIES = "false copies"
    SEPARATED = "related models separated"
    JOINED = "unrelated models joined"


@dataclass(frozen=True, slots=True)
class Mistake:
    """A contradiction of the truth: its kind, the models, and both sides in words; ``a -> b``: a is the parent."""

    kind: Kind
    models: tuple[str, ...]
    statement: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.statement}"


def mistakes_of(
    matching: Matching, phylogeny: Phylogeny, truth: Truth, joined: Iterable[UnitPair]
) -> tuple[Mistake, ...]:
    """Every mistake of a result. Quadratic in the number of models.

    Judged are documented claims and, where the truth is complete, all that it says and all that it does not say.

    Parameters
    ----------
    joined : iterable of (unit, unit)
        Unrelated pairs that the result calls related.
    """
    return tuple(_Search(matching, phylogeny, truth).all(joined))


class _Search:
    """One result against one truth."""

    def __init__(self, matching: Matching, phylogeny: Phylogeny, truth: Truth) -> None:
        self.matching, self.phylogeny, self.truth = matching, phylogeny, truth
        self.edges = set(matching.edges(truth, documented=True))
        self.judged = dict.fromkeys(child for _, child in sorted(self.edges))
        if truth.complete:
            self.edges |= set(matching.edges(truth, documented=False))
            self.judged |= dict.fromkeys(matching.models)
        self.parents = matching.known_parents(truth)
        self.listed_siblings = {
            frozenset((matching.of_truth(pair.a), matching.of_truth(pair.b)))
            for pair in truth.siblings
            if pair.documented or truth.complete
        }
        self.copied = {
            frozenset((matching.of_model(a), matching.of_model(b)))
            for group in phylogeny.copies
            for a, b in combinations(group, 2)
        }

    def all(self, joined: Iterable[UnitPair]) -> Iterator[Mistake]:
        yield from self._reversed()
        for model in self.judged:
            yield from self._parent(model)
        yield from self._siblings()
        yield from self._missed_copies()
        pairs = sorted(tuple(sorted(pair)) for pair in joined)
        yield from self._false_copies(set(map(frozenset, pairs)))
        for a, b in pairs:
            yield self._mistake(Kind.JOINED, (a, b), f"{self._name(a)} and {self._name(b)}")

    def _name(self, unit: Unit) -> str:
        return self.matching.names[unit]

    def _edge(self, *path: Unit) -> str:
        return " -> ".join(map(self._name, path))

    def _mistake(self, kind: Kind, units: Iterable[Unit], statement: str) -> Mistake:
        return Mistake(kind, tuple(map(self._name, units)), statement)

    def _reversed(self) -> Iterator[Mistake]:
        """Claimed edges from a true descendant to its ancestor."""
        known: nx.DiGraph[Unit] = nx.DiGraph(sorted(self.edges))
        for parent, child in sorted(self.matching.claimed.edges):
            if parent in known and child in known and nx.has_path(known, child, parent):
                path = nx.shortest_path(known, child, parent)
                statement = f"{self._edge(parent, child)}; truth: {self._edge(*path)}"
                yield self._mistake(Kind.REVERSED, (parent, child), statement)

    def _parent(self, model: Unit) -> Iterator[Mistake]:
        """A wrong parent of a model, unless a reversed edge or false copies say it already."""
        matching = self.matching
        if matching.parent_is_right(model):
            return
        parents, named = sorted(matching.true_parents(model)), matching.named_parent(model)
        expected = " or ".join(self._edge(parent, model) for parent in parents)
        instead = f"; truth: {expected}" if expected else ""
        if model in matching.unread:
            yield self._mistake(Kind.NOT_READ, (model,), self._name(model) + instead)
        elif named is not None:
            if not nx.has_path(matching.true, model, named):
                is_sibling = self._are_siblings(named, model)
                kind = Kind.SIBLINGS if is_sibling else Kind.WRONG_PARENT
                why = instead or ("" if is_sibling else f", which has no parent{self._here(model)}")
                yield self._mistake(kind, (named, model), self._edge(named, model) + why)
        elif not any(
            matching.claimed.has_edge(model, parent) or frozenset((parent, model)) in self.copied for parent in parents
        ):
            open_parents = [parent for parent in parents if parent in matching.undirected_relatives(model)]
            if open_parents:
                found = " or ".join(f"{self._name(parent)} ~ {self._name(model)}" for parent in open_parents)
                yield self._mistake(Kind.UNDECIDED, (open_parents[0], model), found + instead)
            else:
                found = self._without_parent(parents[0], model)
                yield self._mistake(Kind.MISSED_EDGE, (parents[0], model), found + instead)

    def _here(self, model: Unit) -> str:
        return " here" if self.matching.true.in_degree(model) else ""

    def _without_parent(self, parent: Unit, child: Unit) -> str:
        """What the result says of a pair whose edge it lacks."""
        both = f"{self._name(parent)} and {self._name(child)}"
        if {parent, child} - self.matching.present:
            return f"{self._name(child)} has no parent"
        if {parent, child} - set(self.matching.family):
            return f"{both} were not compared"
        if not self.matching.same_family(parent, child):
            return f"{both} are unrelated"
        claimed = self.matching.claimed
        missing = set(claimed.predecessors(parent)) & set(claimed.predecessors(child)) - self.matching.present
        return f"{both} are siblings" if missing else f"{self._name(child)} has no parent"

    def _are_siblings(self, a: Unit, b: Unit) -> bool:
        """Whether the truth lists two models as siblings, or knows one parent of both."""
        if frozenset((a, b)) in self.listed_siblings:
            return True
        if not self.parents.get(a, set()) & self.parents.get(b, set()):
            return False
        true = self.matching.true
        return not nx.has_path(true, a, b) and not nx.has_path(true, b, a)

    def _siblings(self) -> Iterator[Mistake]:
        """Siblings with an edge between them that no model's wrong parent is about, and siblings of two families."""
        matching = self.matching
        for a, b in combinations(sorted(matching.present), 2):
            if not self._are_siblings(a, b):
                continue
            for parent, child in ((a, b), (b, a)):
                is_named = child in self.judged and matching.named_parent(child) == parent
                if matching.claimed.has_edge(parent, child) and not is_named:
                    yield self._mistake(Kind.SIBLINGS, (parent, child), self._edge(parent, child))
            if not matching.same_family(a, b) and not matching.true_parents(a) & matching.true_parents(b):
                yield self._mistake(Kind.SEPARATED, (a, b), f"{self._name(a)} and {self._name(b)}, which are siblings")

    def _missed_copies(self) -> Iterator[Mistake]:
        """Copies by the truth that the result does not call copies."""
        matched = match_names(self.truth, self.phylogeny)
        groups = [set(group) for group in self.phylogeny.copies]
        edges = {(edge.parent, edge.child) for edge in self.phylogeny.edges}
        open_pairs = {frozenset((pair.a, pair.b)) for pair in self.phylogeny.undirected}
        family = {model.name: model.family for model in self.phylogeny.models}
        for names in self.truth.copies:
            if not set(names) <= set(matched):
                continue
            a, b = (matched[name] for name in names)
            if any({a, b} <= group for group in groups):
                continue
            if (a, b) in edges or (b, a) in edges:
                found = f"{a} -> {b}" if (a, b) in edges else f"{b} -> {a}"
            elif frozenset((a, b)) in open_pairs:
                found = f"{a} ~ {b}"
            elif family[a] is None or family[b] is None:
                found = f"{a} and {b} were not compared"
            else:
                found = f"{a} and {b} are {'related' if family[a] == family[b] else 'unrelated'}"
            yield Mistake(Kind.MISSED_COPIES, (a, b), f"{found}; truth: {a} = {b}")

    def _false_copies(self, unrelated: set[frozenset[Unit]]) -> Iterator[Mistake]:
        """Copies by the result that the truth knows to be two models."""
        named = {self.matching.of_truth(name) for name in self.truth.names()}
        for pair in sorted(map(sorted, self.copied)):
            if len(pair) < 2 or not named.issuperset(pair):
                continue
            a, b = pair
            copies = f"{self._name(a)} = {self._name(b)}"
            if (a, b) in self.edges or (b, a) in self.edges:
                edge = (a, b) if (a, b) in self.edges else (b, a)
                yield self._mistake(Kind.FALSE_COPIES, pair, f"{copies}; truth: {self._edge(*edge)}")
            elif self._are_siblings(a, b):
                yield self._mistake(Kind.FALSE_COPIES, pair, f"{copies}, which are siblings")
            elif frozenset(pair) in unrelated:
                yield self._mistake(Kind.FALSE_COPIES, pair, f"{copies}, which are unrelated")
            elif self.truth.complete:
                yield self._mistake(Kind.FALSE_COPIES, pair, f"{copies}, which are two models")
