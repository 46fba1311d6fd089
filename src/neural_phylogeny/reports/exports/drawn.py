"""What a drawing shows of a result: nodes, arrows and undirected links, by number."""

from __future__ import annotations

from dataclasses import dataclass

from neural_phylogeny.records import Edge, Phylogeny
from neural_phylogeny.reports.graph import node_names
from neural_phylogeny.wording import percent


@dataclass(frozen=True, kw_only=True)
class Arrow:
    """An edge of a drawing between two numbered nodes; ``directed`` is false for related pairs and copies."""

    tail: int
    head: int
    label: str
    directed: bool = True
    weak: bool = False


@dataclass(frozen=True)
class Drawn:
    """Nodes by number: printable names, and whether each is a missing ancestor; arrows between them."""

    names: list[str]
    missing: list[bool]
    arrows: list[Arrow]


def drawn(phylogeny: Phylogeny) -> Drawn:
    """The nodes and arrows of a result. Linear in its size."""
    names = node_names(phylogeny)
    number = {name: k for k, name in enumerate(names)}
    lost = {ancestor.name for ancestor in phylogeny.missing}
    arrows = [
        Arrow(tail=number[edge.parent], head=number[edge.child], label=edge_label(edge), weak=edge.is_weak)
        for edge in phylogeny.edges
    ]
    arrows += [
        Arrow(tail=number[pair.a], head=number[pair.b], label="related", directed=False)
        for pair in phylogeny.undirected
    ]
    arrows += [
        Arrow(tail=number[group[0]], head=number[name], label="copy", directed=False)
        for group in phylogeny.copies
        for name in group[1:]
    ]
    return Drawn(list(names.values()), [name in lost for name in names], arrows)


def edge_label(edge: Edge) -> str:
    """Kind and confidence, as ``finetune 97 %``; a question mark where it is less likely than not."""
    sure = "" if edge.confidence is None else f" {percent(edge.confidence)}"
    return f"{edge.kind}{sure}{' ?' if edge.is_weak else ''}"
