"""A phylogeny as a networkx graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from neural_phylogeny.records import Edge, Phylogeny, RelatedPair
from neural_phylogeny.reports.names import safe

if TYPE_CHECKING:
    import networkx as nx

NUMBERS = (
    "p_parent",
    "p_direction",
    "confidence",
    "p_value",
    "similarity",
    "coverage",
    "support",
    "concordance",
    "p_if_present",
    "is_weak",
)
"""Numbers of a claim that a graph holds, where they are known; ``is_weak`` is true where it is less likely than not."""


def to_networkx(phylogeny: Phylogeny, *, pairs: bool = False) -> nx.DiGraph[str]:
    """The directed claims as a graph, parent to child, that every writer of networkx can write.

    Nodes are named as the models, with characters that cannot be printed escaped. All attributes are scalar; what is
    not known has none. Those of nodes: ``missing``, ``copy_of`` and the fields of a ``ModelRecord``; those of edges:
    ``kind``, ``part`` and the numbers of an ``Edge``. Evidence is left out. Linear in the size of the result.

    Parameters
    ----------
    pairs : bool
        Add each related pair without a direction as two edges of kind ``"related"``, one each way.

    Examples
    --------
    >>> from neural_phylogeny.records import Edge, ModelRecord
    >>> about = {"format": "npz", "parameters": 10, "family": 0}
    >>> models = tuple(ModelRecord(name=name, path=name, **about) for name in "ab")
    >>> edge = Edge(parent="a", child="b", kind="finetune", p_direction=0.9, similarity=0.98)
    >>> graph = to_networkx(Phylogeny(models=models, edges=(edge,)))
    >>> graph.edges["a", "b"]["similarity"]
    0.98
    """
    import networkx as nx

    graph: nx.DiGraph[str] = nx.DiGraph()
    nodes = node_names(phylogeny)
    copy_of = {name: group[0] for group in phylogeny.copies for name in group[1:]}
    for model in phylogeny.models:
        about = {
            "missing": False,
            "family": model.family,
            "path": safe(model.path),
            "format": safe(model.format),
            "parameters": model.parameters,
            "compared": model.compared,
            "remark": safe(model.remark),
            "copy_of": nodes.get(copy_of.get(model.name, "")),
            "copy_kind": model.copy_kind,
        }
        graph.add_node(nodes[model.name], **_known(about))
    for ancestor in phylogeny.missing:
        graph.add_node(nodes[ancestor.name], missing=True, family=ancestor.family)
    for edge in phylogeny.edges:
        graph.add_edge(nodes[edge.parent], nodes[edge.child], **_numbers(edge, edge.kind))
    for pair in phylogeny.undirected if pairs else ():
        a, b = nodes[pair.a], nodes[pair.b]
        if not graph.has_edge(a, b) and not graph.has_edge(b, a):
            graph.add_edge(a, b, **_numbers(pair, "related"))
            graph.add_edge(b, a, **_numbers(pair, "related"))
    return graph


def node_names(phylogeny: Phylogeny) -> dict[str, str]:
    """By name of a model or missing ancestor, that of its node: escaped where no file format could hold it."""
    named = [model.name for model in phylogeny.models] + [ancestor.name for ancestor in phylogeny.missing]
    linked = [name for edge in phylogeny.edges for name in (edge.parent, edge.child)]
    linked += [name for pair in phylogeny.undirected for name in (pair.a, pair.b)]
    found: dict[str, str] = {}
    taken = {name for name in (*named, *linked) if safe(name) == name}
    for name in dict.fromkeys((*named, *linked)):
        node = safe(name)
        while node != name and node in taken:
            node += "'"
        taken.add(node)
        found[name] = node
    return found


def _numbers(claim: Edge | RelatedPair, kind: str) -> dict[str, Any]:
    return _known(
        {"kind": safe(kind), "part": safe(claim.part)} | {number: getattr(claim, number, None) for number in NUMBERS}
    )


def _known(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is not known: no file format has a word for it."""
    return {key: value for key, value in fields.items() if value is not None and value != ""}
