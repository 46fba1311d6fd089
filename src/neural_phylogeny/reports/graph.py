"""A phylogeny as a networkx graph."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from neural_phylogeny.records import Phylogeny

if TYPE_CHECKING:
    import networkx as nx


def to_networkx(phylogeny: Phylogeny) -> nx.DiGraph[str]:
    """The directed claims as a graph, parent to child.

    Nodes are named as the models and carry their fields and ``missing`` (whether it is an ancestor that is not in the
    collection); edges carry theirs, ``evidence`` as records. What a directed graph cannot hold stands in
    ``graph["undirected"]`` (records) and ``graph["copies"]`` (tuples of names). Linear in the size of the result.

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

    graph: nx.DiGraph[str] = nx.DiGraph(undirected=phylogeny.undirected, copies=phylogeny.copies)
    for model in phylogeny.models:
        graph.add_node(model.name, missing=False, **_fields(model, "name"))
    for ancestor in phylogeny.missing:
        graph.add_node(ancestor.name, missing=True, family=ancestor.family)
    for edge in phylogeny.edges:
        graph.add_edge(edge.parent, edge.child, **_fields(edge, "parent", "child"), evidence=edge.evidence)
    return graph


def _fields(record: Any, *left_out: str) -> dict[str, Any]:
    return {key: value for key, value in asdict(record).items() if key not in (*left_out, "evidence")}
