"""What each format says when the tool that users would use reads it: the edges, and the names of all models."""

import csv
import io
import json
import re
import warnings
from collections.abc import Callable
from io import StringIO
from typing import Any

import dendropy
import networkx as nx
import pydot
import pytest
from Bio import Phylo
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from spdx_python_model import v3_0_1 as spdx_model

Read = tuple[set[tuple[str, str]], set[str]]
"""Edges, parent and child, and names of models and missing ancestors."""

PLAIN_LABELS = {"suppress_internal_node_taxa": True, "suppress_leaf_node_taxa": True, "rooting": "force-rooted"}


def newick(text: str) -> Read:
    trees = dendropy.TreeList.get(data=text, schema="newick", **PLAIN_LABELS)
    return _of_trees(trees)


def nexus(text: str) -> Read:
    return _of_trees(dendropy.TreeList.get(data=text, schema="nexus", **PLAIN_LABELS))


def _of_trees(trees) -> Read:
    nodes = [node for tree in trees for node in tree.preorder_node_iter() if node.label is not None]
    edges = {(n.parent_node.label, n.label) for n in nodes if n.parent_node and n.parent_node.label is not None}
    return edges, {node.label for node in nodes}


def biopython(text: str, form: str) -> Read:
    edges: set[tuple[str, str]] = set()
    names: set[str] = set()
    trees: Any = Phylo
    for tree in trees.parse(StringIO(text), form):
        for clade in tree.find_clades():
            name = _without_quotes(clade.name)
            names |= {name} - {""}
            edges |= {(name, _without_quotes(below.name)) for below in clade.clades if name}
    return edges, names


def _without_quotes(label: str | None) -> str:
    """Biopython's reader of NEXUS keeps the quotes of a label."""
    label = label or ""
    return label[1:-1].replace("''", "'") if label[:1] == label[-1:] == "'" else label


def graphml(text: str) -> Read:
    return _of_graph(nx.read_graphml(io.BytesIO(text.encode())))


def node_link(text: str) -> Read:
    return _of_graph(nx.node_link_graph(json.loads(text), edges="edges"))


def _of_graph(graph) -> Read:
    return {edge for edge, known in graph.edges.items() if known["kind"] != "related"}, set(graph)


def dot(text: str) -> Read:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # pydot calls its parser by old names
        graphs: Any = pydot.graph_from_dot_data(text)
    (graph,) = graphs
    labels = {node.get_name(): _unquoted(node.get_label()) for node in graph.get_nodes() if node.get_label()}
    edges = {
        (labels[edge.get_source()], labels[edge.get_destination()])
        for edge in graph.get_edges()
        if edge.get_dir() != "none"
    }
    return edges, set(labels.values())


def _unquoted(label: str) -> str:
    return label[1:-1].replace('\\"', '"').replace("\\\\", "\\").replace("&amp;", "&")


def mermaid(text: str) -> Read:
    first, *lines = text.splitlines()
    assert first == "flowchart TD"
    node = re.compile(r'  (n\d+)\["((?:[A-Za-z0-9 .-]|#\d+;)*)"\]')
    edge = re.compile(r'  (n\d+) (-->|-\.->|---|-\.-)\|"(?:[A-Za-z0-9 .-]|#\d+;)*"\| (n\d+)')
    names, edges = {}, set()
    for line in lines:
        if found := node.fullmatch(line):
            names[found[1]] = re.sub(r"#(\d+);", lambda code: chr(int(code[1])), found[2])
        elif found := edge.fullmatch(line):
            if ">" in found[2]:
                edges.add((names[found[1]], names[found[3]]))
        else:
            assert re.fullmatch(r"  class(Def missing stroke-dasharray: 5 5| (n\d+,?)+ missing)", line), line
    return edges, set(names.values())


def json_lines(text: str) -> Read:
    assert text.isascii()
    records = [json.loads(line) for line in text.splitlines()]
    edges = {(one["parent"], one["child"]) for one in records if one["record"] == "edge"}
    return edges, {one["name"] for one in records if one["record"] in ("model", "missing")}


def edges_csv(text: str) -> Read:
    edges = {(_cell(row["parent"]), _cell(row["child"])) for row in csv.DictReader(StringIO(text))}
    return edges, set()


def models_csv(text: str) -> Read:
    return set(), {_cell(row["name"]) for row in csv.DictReader(StringIO(text))}


def _cell(text: str) -> str:
    assert text[:1] not in {"=", "+", "-", "@", "\t", "\r"}
    return text[1:] if re.match(r"'[=+@-]", text) else text


def edges_parquet(data: bytes) -> Read:
    return {(row["parent"], row["child"]) for row in _rows(data)}, set()


def models_parquet(data: bytes) -> Read:
    return set(), {row["name"] for row in _rows(data)}


def _rows(data: bytes) -> list[dict[str, Any]]:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed: no Parquet")
    rows: list[dict[str, Any]] = parquet.read_table(io.BytesIO(data)).to_pylist()
    return rows


def cyclonedx(text: str) -> Read:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    components = json.loads(text)["components"]
    edges = {
        (above["name"], one["name"]) for one in components for above in one.get("pedigree", {}).get("ancestors", [])
    }
    return edges, {one["name"] for one in components} | {parent for parent, _ in edges}


def spdx(text: str) -> Read:
    objects: Any = spdx_model.SHACLObjectSet()
    spdx_model.JSONLDDeserializer().read(io.BytesIO(text.encode()), objects)
    assert not objects.missing_ids
    found = [one for one in objects.foreach_type(spdx_model.Relationship) if _is(one.relationshipType, "descendantOf")]
    edges = {(parent.name, one.from_.name) for one in found for parent in one.to}
    return edges, {one.name for one in objects.foreach_type(spdx_model.software_Package)}


def _is(iri: object, name: str) -> bool:
    return str(iri).endswith(f"/{name}")


def card(text: str) -> Read:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed: cards are not read back")
    edges = set()
    for block in re.split(r"^---$", text, flags=re.MULTILINE)[1:]:
        child = block.strip().splitlines()[0].removeprefix("# ")
        parents = yaml.safe_load(block)["base_model"]
        edges |= {(parent, child) for parent in ([parents] if isinstance(parents, str) else parents)}
    return edges, set()


READERS: dict[str, Callable[..., Read]] = {
    "newick": newick,
    "nexus": nexus,
    "graphml": graphml,
    "node-link": node_link,
    "dot": dot,
    "mermaid": mermaid,
    "jsonl": json_lines,
    "csv": edges_csv,
    "csv-models": models_csv,
    "parquet": edges_parquet,
    "parquet-models": models_parquet,
    "cyclonedx": cyclonedx,
    "spdx": spdx,
    "card": card,
}

IN_OTHER_TESTS = {"text", "json", "html", "svg", "csv-pairs", "parquet-pairs"}
