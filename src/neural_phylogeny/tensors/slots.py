"""Slots: tensors of several layouts that are read together, as every two layouts correspond in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from neural_phylogeny.tensors.correspondence import Correspondence
from neural_phylogeny.tensors.layouts import Layout

Node = tuple[int, str]
"""A layout, by its position, and one of its tensors."""


@dataclass
class Slot:
    """One tensor of each of several layouts: ``keys`` by layout, and ``links``, the pairs of layouts that compare it.

    All pairs do where ``links`` is None. ``is_apart`` where the slot is of two layouts that are compared elsewhere with
    themselves.
    """

    name: str
    keys: dict[int, str]
    links: set[tuple[int, int]] | None
    is_apart: bool = False


def slots(layouts: Sequence[Layout], matched: Mapping[tuple[int, int], Correspondence]) -> list[Slot]:
    """Gather corresponding tensors, every two of them in one slot: in stored order, those of the first layout first.

    A slot has at most one tensor of each layout; a correspondence that does not fit into one gets a slot of its own.
    Linear in the number of tensors where all layouts correspond by name, else in that of corresponding pairs.
    """
    if all(found.renamed is None for found in matched.values()):
        by_name: dict[str, Slot] = {}
        for kind, layout in enumerate(layouts):
            for key in layout.tensors:
                by_name.setdefault(key, Slot(key, {}, None)).keys[kind] = key
        return list(by_name.values())
    of_node: dict[Node, Slot] = {
        (kind, key): Slot(key, {kind: key}, set()) for kind, layout in enumerate(layouts) for key in layout.tensors
    }
    apart: list[Slot] = []
    for (a, b), found in sorted(matched.items(), key=lambda item: (-item[1].found, item[0])):
        for key, other in found.pairs(layouts[a], layouts[b]).items():
            left, right = of_node[a, key], of_node[b, other]
            if left is not right and left.keys.keys() & right.keys.keys():
                apart.append(Slot(key, {a: key, b: other}, {(a, b)}, is_apart=True))
                continue
            if left is not right:
                left, right = sorted((left, right), key=lambda slot: min(slot.keys))
                _merge(left, right)
                of_node |= {node: left for node in right.keys.items()}
            assert left.links is not None
            left.links.add((a, b))
    return [*{id(slot): slot for slot in of_node.values()}.values(), *apart]


def _merge(slot: Slot, other: Slot) -> None:
    slot.keys |= other.keys
    if slot.links is not None and other.links is not None:
        slot.links |= other.links
