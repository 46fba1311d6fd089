"""The models of a result matched to the ground truth: copies count as one unit, and both trees are on units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import PurePath

import networkx as nx

from neural_phylogeny.errors import SavedFileError
from neural_phylogeny.evaluation.truth import Truth, match_names
from neural_phylogeny.records import Phylogeny

Unit = int
"""Models that count as one: exact copies by the truth, or by the result where the truth does not name them."""

UnitPair = tuple[Unit, Unit]


@dataclass(frozen=True)
class Matching:
    """Which models count as one unit, and the two family trees on units.

    Attributes
    ----------
    unit : dict
        The unit of every name: ``truth:NAME`` in the truth file, ``model:NAME`` and ``missing:NAME`` in the result.
    names : dict
        The name to show for each unit.
    present, unread : set
        Units with a model in the result; units that could not be read, for which every answer is wrong. A unit in
        neither is an ancestor outside the collection.
    family : dict
        The family of each unit in the result; units that could not be compared are left out.
    claimed, true : nx.DiGraph
        Parent to child, by the result and by the truth.
    main_parent : dict
        The first parent in the result.
    undecided : nx.DiGraph
        ``claimed`` plus the undirected pairs, and the false copies of the result, in both directions.
    related : nx.Graph
        Every pair that the truth calls related, siblings included.
    """

    unit: dict[str, Unit]
    names: dict[Unit, str]
    present: set[Unit]
    unread: set[Unit]
    family: dict[Unit, int]
    claimed: nx.DiGraph[Unit]
    true: nx.DiGraph[Unit]
    main_parent: dict[Unit, Unit]
    undecided: nx.DiGraph[Unit]
    related: nx.Graph[Unit]

    @property
    def models(self) -> list[Unit]:
        """Units of the collection, read or not."""
        return sorted(self.present | self.unread)

    def of_truth(self, name: str) -> Unit:
        """The unit of a name of the truth file."""
        return self.unit[f"truth:{name}"]

    def of_model(self, name: str) -> Unit:
        """The unit of a model of the result."""
        return self.unit[f"model:{name}"]

    def edges(self, truth: Truth, *, documented: bool) -> list[UnitPair]:
        """Known edges of one certainty inside the collection; edges between copies by the truth are left out."""
        copied = {frozenset(pair) for pair in truth.copies}
        inside = self.present | self.unread
        found: dict[UnitPair, bool] = {}
        for edge in truth.edges:
            pair = self.of_truth(edge.parent), self.of_truth(edge.child)
            if frozenset((edge.parent, edge.child)) not in copied and inside.issuperset(pair):
                found[pair] = found.get(pair, False) or edge.documented
        return [pair for pair, is_documented in found.items() if is_documented == documented]

    def known_parents(self, truth: Truth) -> dict[Unit, set[Unit]]:
        """Parents of each unit, in the collection or not, by documented edges or, in a complete truth, by all."""
        found: dict[Unit, set[Unit]] = {}
        for edge in truth.edges:
            if edge.documented or truth.complete:
                found.setdefault(self.of_truth(edge.child), set()).add(self.of_truth(edge.parent))
        return found

    def true_parents(self, child: Unit) -> set[Unit]:
        """Parents in the collection; none for a root and for the child of a missing ancestor."""
        return {parent for parent in self.true.predecessors(child) if parent in self.present | self.unread}

    def named_parent(self, child: Unit) -> Unit | None:
        """The main parent in the result; a missing ancestor counts as none."""
        parent = self.main_parent.get(child)
        return parent if parent in self.present else None

    def parent_is_right(self, model: Unit) -> bool:
        """Whether the named parent, or its absence, is right; always wrong for a model that could not be read."""
        parents, named = self.true_parents(model), self.named_parent(model)
        return model in self.present and (named in parents if parents else named is None)

    def undirected_relatives(self, unit: Unit) -> set[Unit]:
        """Units to which the result calls a unit related without a direction."""
        return {other for other in self.undecided.predecessors(unit) if self.undecided.has_edge(unit, other)}

    def same_family(self, a: Unit, b: Unit) -> bool:
        """Whether the result calls two units related."""
        return a == b or (a in self.family and self.family.get(b) == self.family[a])

    def direction(self, parent: Unit, child: Unit) -> float:
        """1 if the parent is an ancestor of the child in the result, 0.5 if undirected claims leave it open, else 0."""
        if parent == child:
            return 0.5
        if nx.has_path(self.claimed, parent, child):
            return 1.0
        return 0.5 if nx.has_path(self.undecided, parent, child) else 0.0


def match(phylogeny: Phylogeny, truth: Truth) -> Matching:
    """Match a result to the ground truth.

    Raises
    ------
    SavedFileError
        When the truth names nothing that is in the result, or a name that may mean several models.
    """
    same, present, unread = _identities(phylogeny, truth)
    unit = {key: number for number, keys in enumerate(nx.connected_components(same)) for key in keys}
    claimed: nx.DiGraph[Unit] = nx.DiGraph()
    true: nx.DiGraph[Unit] = nx.DiGraph()
    claimed.add_nodes_from(unit.values())
    true.add_nodes_from(unit.values())

    def unit_of(name: str) -> Unit:
        return unit[f"model:{name}"] if f"model:{name}" in unit else unit[f"missing:{name}"]

    main_parent: dict[Unit, Unit] = {}
    for edge in phylogeny.edges:
        parent, child = unit_of(edge.parent), unit_of(edge.child)
        if parent != child:
            claimed.add_edge(parent, child)
            main_parent.setdefault(child, parent)
    undecided = claimed.copy()
    open_pairs = [(pair.a, pair.b) for pair in phylogeny.undirected]
    open_pairs += [pair for group in phylogeny.copies for pair in pairwise(group)]
    undecided.add_edges_from((unit_of(a), unit_of(b)) for pair in open_pairs for a, b in (pair, pair[::-1]))
    undecided.remove_edges_from(list(nx.selfloop_edges(undecided)))
    for known in truth.edges:
        parent, child = unit[f"truth:{known.parent}"], unit[f"truth:{known.child}"]
        if parent != child:
            true.add_edge(parent, child)
    related = true.to_undirected()
    related.add_edges_from((unit[f"truth:{pair.a}"], unit[f"truth:{pair.b}"]) for pair in truth.siblings)
    names: dict[Unit, str] = {}
    for key in same:
        names.setdefault(unit[key], key.partition(":")[2])
    return Matching(
        unit=unit,
        names=names,
        present={unit[key] for key in present},
        unread={unit[key] for key in unread} - {unit[key] for key in present},
        family={unit[f"model:{m.name}"]: m.family for m in phylogeny.models if m.family is not None},
        claimed=claimed,
        true=true,
        main_parent=main_parent,
        undecided=undecided,
        related=related,
    )


def _identities(phylogeny: Phylogeny, truth: Truth) -> tuple[nx.Graph[str], list[str], list[str]]:
    """Which names mean the same model, as a graph; the names present; the names that were given but not read."""
    matched = match_names(truth, phylogeny)
    if truth.names() and not matched:
        raise SavedFileError(
            f"none of the {len(truth.names())} models of the truth file is among the {len(phylogeny.models)} of the "
            "result. Score a result with the truth of the same folder."
        )
    same: nx.Graph[str] = nx.Graph()
    present = [f"model:{model.name}" for model in phylogeny.models]
    same.add_nodes_from(present)
    same.add_nodes_from(f"missing:{one.name}" for one in phylogeny.missing)
    same.add_nodes_from(f"truth:{name}" for name in truth.names())
    same.add_edges_from((f"truth:{name}", f"model:{model}") for name, model in matched.items())
    same.add_edges_from((f"truth:{source}", f"truth:{copy}") for source, copy in truth.copies)
    known = {model: f"truth:{name}" for name, model in matched.items()}
    for group in phylogeny.copies:
        same.add_edges_from(_copies_unknown_to_the_truth(group, known))
    skipped = {PurePath(skipped.path).name for skipped in phylogeny.skipped}
    unread = [f"truth:{name}" for name in truth.names() if name not in matched and PurePath(name).name in skipped]
    return same, present, unread


def _copies_unknown_to_the_truth(group: Sequence[str], known: Mapping[str, str]) -> list[tuple[str, str]]:
    """Pairs of a copy group that count as one unit: a model outside the truth joins the first one that it names.

    Two models that the truth names stay apart. Otherwise a result that calls all models copies would make every wrong
    edge right.
    """
    first = next((name for name in group if name in known), group[0])
    return [(f"model:{first}", f"model:{name}") for name in group if name not in known and name != first]
