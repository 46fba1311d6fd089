"""Slots: tensors of several layouts that are read together, as every two layouts correspond in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from neural_phylogeny.inputs import TensorInfo, View
from neural_phylogeny.tensors.correspondence import BY_NAME, Correspondence, Match
from neural_phylogeny.tensors.layouts import Layout

Links = dict[tuple[int, int], str]
"""Pairs of layouts, the lower first, and what pairs their tensors."""


@dataclass(frozen=True, slots=True)
class Source:
    """A tensor of a layout as it is read: its canonical name, shape, output axis and view."""

    key: str
    shape: tuple[int, ...]
    output_axis: int
    view: View | None = None

    @classmethod
    def of(cls, key: str, tensor: TensorInfo) -> Source:
        """From a tensor as it is stored or viewed."""
        return cls(key, tensor.shape, tensor.output_axis, tensor.view)


@dataclass
class Slot:
    """One tensor of each of several layouts, ``sources`` by layout; ``links`` are the pairs of layouts that compare it.

    All pairs do where ``links`` is None. ``own`` are the layouts whose models are compared in it among themselves; all
    but those that are compared elsewhere.
    """

    name: str
    sources: dict[int, Source]
    links: Links | None
    own: set[int] = field(default_factory=set)
    is_apart: bool = False

    @property
    def by(self) -> str:
        """What pairs its tensors: equal names, or what most of its pairs rest on."""
        rest = [by for by in (self.links or {}).values() if by != BY_NAME]
        return max(rest, key=rest.count) if rest else BY_NAME


Matched = Mapping[tuple[int, int], Correspondence]


def slots(layouts: Sequence[Layout], matched: Matched) -> list[Slot]:
    """Gather corresponding tensors, every two of them in one slot: in stored order, those of the first layout first.

    A slot has at most one tensor of each layout; a correspondence that does not fit into one gets a slot of its own. A
    tensor that is read in several ways is in a slot for each. Linear in the number of tensors where all layouts
    correspond by name, else in that of corresponding pairs.
    """
    if all(found.matches is None for found in matched.values()):
        return _by_name(layouts)
    gathered = _Gathered(layouts)
    for a, b, match in _in_order(layouts, matched):
        gathered.link((a, Source.of(match.key, match.first)), (b, Source.of(match.other, match.second)), match.by)
    return gathered.slots()


def family_slots(layouts: Sequence[Layout], matched: Matched) -> list[Slot]:
    """The same for a family: every tensor is read in one way by all, as the first correspondences have it.

    What a fused tensor is cut into for one relative, it is cut into for all.
    """
    if all(found.matches is None for found in matched.values()):
        return _by_name(layouts)
    if all(m.first.view is None and m.second.view is None for found in matched.values() for m in found.matches or ()):
        return slots(layouts, matched)
    plain = _Gathered(layouts)
    for a, b, match in _in_order(layouts, matched):
        plain.hold(a, Source.of(match.key, layouts[a].every[match.key]))
        plain.hold(b, Source.of(match.other, layouts[b].every[match.other]))
        if match.first.view is None and match.second.view is None:
            plain.link((a, Source.of(match.key, match.first)), (b, Source.of(match.other, match.second)), match.by)
    groups = [slot for slot in plain.slots() if not slot.is_apart]
    group_of = {(kind, source.key): g for g, slot in enumerate(groups) for kind, source in slot.sources.items()}
    ways: list[dict[View | None, Source]] = [{} for _ in groups]
    joined: list[tuple[tuple[int, View | None], tuple[int, View | None], str]] = []
    for a, b, match in _in_order(layouts, matched):
        one, other = group_of[a, match.key], group_of[b, match.other]
        if (match.first.view is None and match.second.view is None) or one == other:
            continue
        if _accepts(ways[one], match.first.view) and _accepts(ways[other], match.second.view):
            ways[one].setdefault(match.first.view, Source.of(match.key, match.first))
            ways[other].setdefault(match.second.view, Source.of(match.other, match.second))
            joined.append(((one, match.first.view), (other, match.second.view), match.by))
    return _read_alike(groups, ways, joined)


def _read_alike(
    groups: Sequence[Slot],
    ways: Sequence[Mapping[View | None, Source]],
    joined: Sequence[tuple[tuple[int, View | None], tuple[int, View | None], str]],
) -> list[Slot]:
    """The groups in the ways in which they are read, joined where no layout would be in a slot twice."""
    found: dict[tuple[int, View | None], Slot] = {}
    for g, group in enumerate(groups):
        read: Mapping[View | None, Source | None] = ways[g] or {None: None}
        for view, way in read.items():
            sources = group.sources
            if way is not None:
                sources = {
                    kind: Source(source.key, way.shape, way.output_axis, view)
                    for kind, source in group.sources.items()
                    if view is None or view.fold is None or source.key == way.key
                }
            found[g, view] = Slot(group.name, sources, dict(group.links or {}), set(sources))
    nodes = {id(slot): [node] for node, slot in found.items()}
    for one, other, by in joined:
        left, right = found[one], found[other]
        if left is right or left.sources.keys() & right.sources.keys():
            continue
        found |= dict.fromkeys(nodes[id(right)], left)
        nodes[id(left)] += nodes[id(right)]
        _merge(left, right)
        assert left.links is not None
        left.links[min(left.sources), max(right.sources)] = by
    return list({id(slot): slot for slot in found.values()}.values())


def _accepts(ways: Mapping[View | None, Source], view: View | None) -> bool:
    """Whether a tensor that is read in some ways can be read in another one, too: as a further part of it."""
    if not ways or view in ways:
        return True
    if view is None or not view.stop:
        return False
    return all(
        way is not None
        and way.stop
        and (way.split, way.axes, way.sliced) == (view.split, view.axes, view.sliced)
        and (way.stop <= view.start or view.stop <= way.start)
        for way in ways
    )


def _by_name(layouts: Sequence[Layout]) -> list[Slot]:
    found: dict[str, Slot] = {}
    for kind, layout in enumerate(layouts):
        for key, tensor in layout.tensors.items():
            slot = found.setdefault(key, Slot(key, {}, None))
            slot.sources[kind] = Source.of(key, tensor)
            slot.own.add(kind)
    return list(found.values())


def _in_order(layouts: Sequence[Layout], matched: Matched) -> Iterator[tuple[int, int, Match]]:
    """All pairings, those of the layouts first that have most in common."""
    for (a, b), found in sorted(matched.items(), key=lambda item: (-item[1].found, item[0])):
        for match in found.pairs(layouts[a], layouts[b]):
            yield a, b, match


class _Gathered:
    """Slots while they grow, from one for each tensor of each layout."""

    def __init__(self, layouts: Sequence[Layout]) -> None:
        self._of: dict[tuple[int, Source], Slot] = {
            (kind, source): Slot(key, {kind: source}, {}, {kind})
            for kind, layout in enumerate(layouts)
            for key, tensor in layout.tensors.items()
            for source in (Source.of(key, tensor),)
        }
        self._apart: list[Slot] = []

    def hold(self, kind: int, source: Source) -> None:
        """Give a tensor a slot: the mean of experts is none of the layout's own."""
        self._of.setdefault((kind, source), Slot(source.key, {kind: source}, {}))

    def link(self, one: tuple[int, Source], other: tuple[int, Source], by: str) -> None:
        """Compare two tensors, each as it is read: in one slot, or in one of their own."""
        left, right = (self._of.setdefault(n, Slot(n[1].key, {n[0]: n[1]}, {})) for n in (one, other))
        pair = (min(one[0], other[0]), max(one[0], other[0]))
        if left is not right and left.sources.keys() & right.sources.keys():
            self._apart.append(Slot(one[1].key, dict([one, other]), {pair: by}, is_apart=True))
            return
        if left is not right:
            left, right = sorted((left, right), key=lambda slot: min(slot.sources))
            _merge(left, right)
            self._of |= dict.fromkeys(right.sources.items(), left)
        assert left.links is not None
        left.links[pair] = by

    def slots(self) -> list[Slot]:
        """Each once."""
        return [*{id(slot): slot for slot in self._of.values()}.values(), *self._apart]


def _merge(slot: Slot, other: Slot) -> None:
    slot.sources |= other.sources
    slot.own |= other.own
    if slot.links is not None and other.links is not None:
        slot.links |= other.links
