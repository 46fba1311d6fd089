"""The networkx graph."""

import networkx as nx

from neural_phylogeny.records import Phylogeny


def test_nodes_and_edges_carry_the_records(everything):
    graph = everything.graph
    assert isinstance(graph, nx.DiGraph)
    assert set(graph) == {model.name for model in everything.models} | {"lost"}
    assert graph.nodes["lost"] == {"missing": True, "family": 3}
    assert graph.nodes["tiny"]["remark"] == "not enough evidence"
    assert set(graph.edges) == {(edge.parent, edge.child) for edge in everything.edges}
    assert graph.edges["base", "b"]["coverage"] == 0.45
    assert graph.edges["base", "b"]["evidence"] == everything.edges[2].evidence
    assert graph.graph["undirected"] == everything.undirected
    assert graph.graph["copies"] == (("ep4", "copy"),)


def test_an_empty_one():
    assert len(Phylogeny(models=()).graph) == 0
