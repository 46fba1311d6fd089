"""A phylogeny as files that graph tools read: what networkx writes."""

from __future__ import annotations

import io
import json

from neural_phylogeny.records import Phylogeny
from neural_phylogeny.reports.graph import to_networkx


def to_graphml(phylogeny: Phylogeny) -> str:
    """The graph of ``to_networkx`` with its pairs as GraphML. Linear in the size of the result."""
    import networkx as nx

    written = io.BytesIO()
    nx.write_graphml_xml(to_networkx(phylogeny, pairs=True), written)
    return written.getvalue().decode("utf-8")


def to_node_link(phylogeny: Phylogeny) -> str:
    """The graph of ``to_networkx`` with its pairs as node-link JSON, ASCII only; the lists are nodes and edges."""
    import networkx as nx

    return json.dumps(nx.node_link_data(to_networkx(phylogeny, pairs=True), edges="edges"), indent=2, allow_nan=False)
