"""The families of a phylogeny, ready to be drawn: who hangs under whom, and what a tree cannot show."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

from neural_phylogeny.graphs import Groups
from neural_phylogeny.records import Edge, ModelRecord, Phylogeny, RelatedPair


@dataclass
class Family:
    """Related models as a drawing needs them. Copies stand with the model that represents them.

    Attributes
    ----------
    names : list of str
        Models without their copies, and missing ancestors, in the order of the result.
    roots : list of str
        Those without a parent.
    children : dict
        The edges from each parent to the children that have it as main parent; together they form a forest.
    further : dict
        By child, the edges from its other parents.
    pairs : list of RelatedPair
        Related without a direction.
    copies : dict
        By the model that stands for them, the names of its copies.
    """

    names: list[str] = field(default_factory=list)
    roots: list[str] = field(default_factory=list)
    children: dict[str, list[Edge]] = field(default_factory=lambda: defaultdict(list))
    further: dict[str, list[Edge]] = field(default_factory=lambda: defaultdict(list))
    pairs: list[RelatedPair] = field(default_factory=list)
    copies: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Number of models and missing ancestors, copies included."""
        return len(self.names) + sum(map(len, self.copies.values()))


def copies_of(phylogeny: Phylogeny) -> dict[str, tuple[str, ...]]:
    """By the model that stands for them, the names of its copies."""
    return {group[0]: tuple(group[1:]) for group in phylogeny.copies if group}


def families(phylogeny: Phylogeny) -> list[Family]:
    """All families, the largest first; models that could not be compared are in none.

    A hand-made result whose edges form a circle is drawn too: the edge that closes it counts as a further parent.
    Near-linear in the size of the result.
    """
    joined = [(edge.parent, edge.child) for edge in phylogeny.edges] + [(p.a, p.b) for p in phylogeny.undirected]
    linked = {name for pair in joined for name in pair}
    copies = copies_of(phylogeny)
    represented = {name for group in copies.values() for name in group} - linked
    labelled = {model.name: model.family for model in phylogeny.models if model.name not in represented}
    labelled |= {ancestor.name: ancestor.family for ancestor in phylogeny.missing}
    groups = Groups()
    for name, label in labelled.items():
        if label is not None:
            groups.join(("family", label), name)
    for a, b in joined:
        groups.join(a, b)
    found: dict[Hashable, Family] = defaultdict(Family)
    for name, label in labelled.items():
        if label is not None or name in linked:
            family = found[groups.leader(name)]
            family.names.append(name)
            if name in copies:
                family.copies[name] = copies[name]
    trees, has_parent = Groups(), set()
    for edge in phylogeny.edges:
        family = found[groups.leader(edge.child)]
        if edge.child not in has_parent and trees.join(edge.parent, edge.child):
            has_parent.add(edge.child)
            family.children[edge.parent].append(edge)
        else:
            family.further[edge.child].append(edge)
    for pair in phylogeny.undirected:
        found[groups.leader(pair.a)].pairs.append(pair)
    for family in found.values():
        family.roots = [name for name in family.names if name not in has_parent]
    return sorted(found.values(), key=lambda family: -family.size)


def not_compared(phylogeny: Phylogeny) -> list[ModelRecord]:
    """Models that are in no family and in no undecided group."""
    undecided = {name for group in phylogeny.undecided for name in group.models}
    return [model for model in _placeless(phylogeny) if model.name not in undecided]


def undecided(phylogeny: Phylogeny) -> list[ModelRecord]:
    """Models that are in no family but share an initialisation, or perhaps an ancestor, with others."""
    named = {name for group in phylogeny.undecided for name in group.models}
    return [model for model in _placeless(phylogeny) if model.name in named]


def _placeless(phylogeny: Phylogeny) -> list[ModelRecord]:
    drawn = families(phylogeny)
    placed = {name for family in drawn for name in family.names}
    placed |= {copy for family in drawn for copies in family.copies.values() for copy in copies}
    return [model for model in phylogeny.models if model.name not in placed]


def count(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun: ``1 model``, ``2 models``, ``2 families``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def summary(phylogeny: Phylogeny) -> str:
    """The result in one line, as ``12 models, 2 families, 9 edges (8 directed)``."""
    drawn = families(phylogeny)
    n_related = sum(1 for family in drawn if is_related(family))
    directed, undirected = len(phylogeny.edges), len(phylogeny.undirected)
    edges = count(directed + undirected, "edge")
    parts = [
        count(len(phylogeny.models), "model"),
        count(n_related, "family", "families"),
        f"{edges} ({directed:,} directed)" if undirected else edges,
    ]
    n_copies = sum(max(0, len(group) - 1) for group in phylogeny.copies)
    extras = ((n_copies, "copy", "copies"), (len(phylogeny.missing), "missing ancestor", ""))
    parts += [count(number, noun, plural) for number, noun, plural in extras if number]
    weak = sum(edge.is_weak for edge in phylogeny.edges)
    missing = [(weak, "below even odds"), (len(undecided(phylogeny)), "undecided")]
    missing += [(len(drawn) - n_related, "unrelated"), (len(not_compared(phylogeny)), "not compared")]
    missing.append((len(phylogeny.skipped), "skipped"))
    return ", ".join(parts + [f"{number:,} {what}" for number, what in missing if number])


def is_related(family: Family) -> bool:
    """Whether a family holds more than one model."""
    return family.size > 1


MOST_SKIPPED = 50
"""Inputs that were left out and are named one by one on a screen; a result in JSON has all."""


def few(rows: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """The first of (path, reason) rows, and how many more there are.

    Examples
    --------
    >>> few([("a", "is empty")] * 60)[-1]
    ('...', 'and 10 more, which --format json names')
    """
    more = len(rows) - MOST_SKIPPED
    return [*rows[:MOST_SKIPPED], *([("...", f"and {more:,} more, which --format json names")] if more > 0 else [])]
