"""A Phylogeny in Newick, the format that every program for trees reads."""

from __future__ import annotations

import math

from neural_phylogeny.records import Phylogeny
from neural_phylogeny.reports.forest import Node, drawings
from neural_phylogeny.reports.names import safe


def to_newick(phylogeny: Phylogeny) -> str:
    """One tree a line and family, ancestors as labelled inner nodes, branch lengths 1 - cosine.

    A family that undirected claims leave with several roots becomes one tree under a root without a name; models
    that could not be compared are left out. Copies beyond the first are left out too. Newick has no way to draw an
    undirected claim, so it hangs from the side that was reached first: read the result file where that matters.
    """
    lines = []
    for family, trees in drawings(phylogeny):
        if family is None:
            continue
        texts = [_written(tree) for tree in trees]
        lines.append(texts[0] if len(texts) == 1 else f"({','.join(texts)})")
    return "".join(f"{line};\n" for line in lines)


def _written(root: Node) -> str:
    """One tree, written without recursion: a chain of checkpoints may be thousands long."""
    written: dict[int, str] = {}
    stack = [root]
    while stack:
        node = stack[-1]
        waiting = [child for child in node.children if id(child) not in written]
        if waiting:
            stack += waiting
            continue
        stack.pop()
        inner = ",".join(written.pop(id(child)) for child in node.children)
        length = ""
        if node.link is not None:
            similarity = node.link.similarity
            length = f":{max(0.0, 1.0 - similarity):.6g}" if math.isfinite(similarity) else ""
        written[id(node)] = f"{f'({inner})' if inner else ''}{_quoted(node.name)}{length}"
    return written[id(root)]


def _quoted(name: str) -> str:
    """A label in single quotes, which are doubled inside: then every other character is allowed."""
    return "'" + safe(name).replace("'", "''") + "'"
