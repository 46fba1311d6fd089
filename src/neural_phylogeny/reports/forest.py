"""How the claims of a result hang together, for the reports that draw trees."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from neural_phylogeny.records import Edge, Kinship, Phylogeny


@dataclass
class Node:
    """A model in a drawing: the claim that hangs it up (None at a root), and what hangs from it.

    ``link`` is an undirected claim where the tree goes on through one.
    """

    name: str
    link: Edge | Kinship | None = None
    children: list[Node] = field(default_factory=list)


def drawings(phylogeny: Phylogeny) -> Iterator[tuple[int | None, list[Node]]]:
    """(family, trees) in order of family; models without one come last, under None.

    Directed edges go down; an undirected pair is hung up on whichever side was reached first. Copies that stand
    in no edge are left to the caller. A model with several parents hangs from the first.
    """
    doubles = {name for group in phylogeny.copies for name in group[1:]}
    families: dict[int | None, list[str]] = {}
    for model in phylogeny.models:
        if model.name not in doubles:
            families.setdefault(model.family, []).append(model.name)
    for hidden in phylogeny.hidden:
        families.setdefault(hidden.family, []).append(hidden.name)
    for family in sorted(families, key=lambda f: (f is None, f)):
        yield family, _trees(families[family], phylogeny)


def _trees(names: list[str], phylogeny: Phylogeny) -> list[Node]:
    down: dict[str, list[Edge | Kinship]] = {}
    parents: dict[str, str] = {}
    for edge in phylogeny.edges:
        if edge.child not in parents:
            parents[edge.child] = edge.parent
            down.setdefault(edge.parent, []).append(edge)
    beside: dict[str, list[Kinship]] = {}
    for pair in phylogeny.undirected:
        beside.setdefault(pair.a, []).append(pair)
        beside.setdefault(pair.b, []).append(pair)
    placed: set[str] = set()
    trees = []
    for name in sorted(names, key=lambda n: n in parents):  # stable: roots first, in the order of the models
        if name in placed:
            continue
        root = Node(name)
        placed.add(name)
        stack = [root]
        while stack:
            node = stack.pop()
            for link in (*down.get(node.name, ()), *beside.get(node.name, ())):
                other = _other_end(link, node.name)
                if other not in placed:
                    placed.add(other)
                    node.children.append(Node(other, link))
            stack += node.children
        trees.append(root)
    return trees


def _other_end(link: Edge | Kinship, name: str) -> str:
    if isinstance(link, Edge):
        return link.child
    return link.b if link.a == name else link.a
