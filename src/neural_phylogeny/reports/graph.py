"""A Phylogeny as a networkx graph."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from neural_phylogeny.records import Phylogeny

if TYPE_CHECKING:
    import networkx as nx


def to_networkx(phylogeny: Phylogeny) -> nx.DiGraph[str]:
    """Models and hidden ancestors as nodes, directed claims as edges, with the records' fields as attributes."""
    import networkx as nx

    graph: nx.DiGraph[str] = nx.DiGraph()
    for model in phylogeny.models:
        graph.add_node(model.name, **_fields(model, "name"))
    for hidden in phylogeny.hidden:
        graph.add_node(hidden.name, hidden=True, family=hidden.family)
    for edge in phylogeny.edges:
        graph.add_edge(edge.parent, edge.child, **_fields(edge, "parent", "child"))
    return graph


def _fields(record: Any, *without: str) -> dict[str, Any]:
    return {key: value for key, value in asdict(record).items() if key not in without}
