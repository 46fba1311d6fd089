"""The networkx graph: plain values, so that every writer of networkx can write it and the answer reads back."""

import io
import json
import warnings
from dataclasses import replace
from typing import Any

import networkx as nx
import pytest
from tests.reports.conftest import NASTY

from neural_phylogeny.records import Edge, ModelRecord, Phylogeny

SAFE = r"evil\x1b[31m\u202e[bold]x</code>"


def test_nodes_and_edges_carry_what_is_known(everything):
    graph = everything.to_networkx()
    assert isinstance(graph, nx.DiGraph)
    names = {model.name for model in everything.models}
    assert set(graph) == names - {NASTY} | {"lost", SAFE}
    assert graph.nodes["lost"] == {"missing": True, "family": 3}
    assert graph.nodes["tiny"]["remark"] == "not enough evidence"
    assert "family" not in graph.nodes["tiny"]
    assert graph.nodes["copy"]["copy_of"] == "ep4"
    assert "copy_of" not in graph.nodes["ep4"]
    assert set(graph.edges) == {(edge.parent, edge.child) for edge in everything.edges}
    assert graph.edges["base", "b"] == {
        "kind": "finetune",
        "p_direction": 0.6,
        "confidence": 0.6,
        "similarity": 0.9,
        "coverage": 0.45,
        "is_weak": False,
    }


def test_related_pairs_are_there_on_request_an_edge_each_way(everything):
    graph = everything.to_networkx(pairs=True)
    for edge in (("u1", "u2"), ("u2", "u1")):
        assert graph.edges[edge] == {"kind": "related", "p_value": 1e-30, "similarity": 0.98, "coverage": 1.0}
    assert graph.number_of_edges() == len(everything.edges) + 2 * len(everything.undirected)


def test_a_pair_beside_an_edge_does_not_replace_it(everything):
    edge = replace(everything.edges[1], p_direction=0.8)
    both = replace(everything, edges=(edge,), undirected=(replace(everything.undirected[0], a="base", b="a"),))
    assert both.to_networkx(pairs=True).edges["base", "a"]["kind"] == "finetune"


def test_names_that_print_alike_stay_apart():
    about: Any = {"path": "", "format": "npz", "parameters": 1, "family": 0}
    models = tuple(ModelRecord(name=name, **about) for name in ("a\x1b", r"a\x1b", r"a\x1b'"))
    edges = tuple(Edge(parent=models[0].name, child=model.name, kind="finetune") for model in models[1:])
    graph = Phylogeny(models=models, edges=edges).to_networkx()
    assert graph.number_of_nodes() == 3
    assert graph.number_of_edges() == 2


def test_an_empty_one():
    assert len(Phylogeny(models=()).to_networkx()) == 0


# Every writer of networkx, with the reader of its format. Formats whose fields are divided by spaces get tabs, as
# names may hold spaces; formats of undirected graphs get one, of numbers.


def through(write, read):
    def round_trip(graph, path):
        write(graph, path)
        return read(path)

    return round_trip


def tabbed(write, read):
    """The header of lists of neighbours is a comment, and a name may hold the usual mark of one."""

    def round_trip(graph, path):
        marks = {"delimiter": "\t"} | ({} if write is nx.write_edgelist else {"comments": "%%"})
        write(graph, path, **marks)
        return read(path, **{"comments": "%%"} | marks, create_using=nx.DiGraph)

    return round_trip


def as_json(data, read):
    return lambda graph, path: read(json.loads(json.dumps(data(graph), allow_nan=False)))


def numbered(write, read):
    """Formats of undirected graphs without names."""

    def round_trip(graph, path):
        write(nx.convert_node_labels_to_integers(graph).to_undirected(), path)
        return nx.relabel_nodes(read(path), dict(enumerate(graph)))

    return round_trip


WRITERS = {
    "write_graphml": through(nx.write_graphml, nx.read_graphml),
    "write_graphml_xml": through(nx.write_graphml_xml, nx.read_graphml),
    "write_gexf": through(nx.write_gexf, nx.read_gexf),
    "write_gml": through(nx.write_gml, nx.read_gml),
    "write_pajek": through(nx.write_pajek, nx.read_pajek),
    "write_adjlist": tabbed(nx.write_adjlist, nx.read_adjlist),
    "write_multiline_adjlist": tabbed(nx.write_multiline_adjlist, nx.read_multiline_adjlist),
    "write_edgelist": tabbed(nx.write_edgelist, nx.read_edgelist),
    "write_graph6": numbered(nx.write_graph6, nx.read_graph6),
    "write_sparse6": numbered(nx.write_sparse6, nx.read_sparse6),
    "node_link_data": as_json(
        lambda g: nx.node_link_data(g, edges="edges"), lambda data: nx.node_link_graph(data, edges="edges")
    ),
    "adjacency_data": as_json(nx.adjacency_data, nx.adjacency_graph),
    "cytoscape_data": as_json(nx.cytoscape_data, nx.cytoscape_graph),
}
NO_READER = {
    "write_latex": lambda g, p: nx.write_latex(g, p, pos=nx.circular_layout(g)),
    "write_network_text": lambda g, p: nx.write_network_text(g, p),
    "write_weighted_edgelist": lambda g, p: nx.write_weighted_edgelist(g, p, delimiter="\t"),
}


def test_no_writer_is_forgotten():
    same = {"write_graphml_lxml"}  # what write_graphml is where lxml is installed
    assert {name for name in dir(nx) if name.startswith("write_")} - same <= {*WRITERS, *NO_READER}


@pytest.mark.parametrize("writer", sorted(WRITERS))
@pytest.mark.parametrize("pairs", [False, True])
def test_every_writer_writes_it_and_its_reader_finds_the_same_edges(everything, tmp_path, writer, pairs):
    big = replace(everything.models[0], name="big model # 1", parameters=70_000_000_000)
    graph = replace(everything, models=(*everything.models, big)).to_networkx(pairs=pairs)
    with warnings.catch_warnings():
        if writer == "write_pajek":  # it says that it leaves out what is no text
            warnings.simplefilter("ignore")
        back = WRITERS[writer](graph, tmp_path / "graph")
    if writer == "write_pajek":  # its reader takes a backslash for an escape
        graph = nx.relabel_nodes(graph, {name: name.replace("\\", "") for name in graph})
    expected = {frozenset(edge) for edge in graph.edges} if not back.is_directed() else set(graph.edges)
    found = {frozenset(edge[:2]) if not back.is_directed() else tuple(edge[:2]) for edge in back.edges}
    assert found == expected
    if writer != "write_edgelist":  # a list of edges has no lone nodes
        assert set(back) == set(graph)


@pytest.mark.parametrize("writer", ["write_graphml", "write_graphml_xml", "write_gexf", "write_gml", "node_link_data"])
def test_numbers_and_words_read_back_the_same(everything, tmp_path, writer):
    graph = everything.to_networkx()
    back = WRITERS[writer](graph, tmp_path / "graph")
    for edge, known in graph.edges.items():
        assert {key: back.edges[edge][key] for key in known} == known
    for name, known in graph.nodes.items():
        found = {key: back.nodes[name][key] for key in known}
        if writer == "write_gml":  # it has no truth values
            found["missing"] = bool(found["missing"])
        assert found == known


@pytest.mark.parametrize("writer", sorted(NO_READER))
def test_the_formats_that_are_only_written(everything, tmp_path, writer):
    NO_READER[writer](everything.to_networkx(), tmp_path / "graph")
    assert (tmp_path / "graph").stat().st_size > 0


def test_what_it_holds_is_scalar(everything):
    graph = everything.to_networkx(pairs=True)
    held = [graph.graph, *(known for _, known in graph.nodes.items()), *(known for _, known in graph.edges.items())]
    values = [value for known in held for value in known.values()]
    assert {type(value) for value in values} <= {str, int, float, bool}
    assert "" not in values
    nx.write_graphml(graph, io.BytesIO())
