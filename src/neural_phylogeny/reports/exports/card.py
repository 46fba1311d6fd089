"""A phylogeny as metadata of model cards."""

from __future__ import annotations

import json
import re

from neural_phylogeny.records import Edge, Phylogeny
from neural_phylogeny.reports.names import safe

HUB_WORDS = {"finetune": "finetune", "adapter": "adapter", "merge": "merge", "quantized": "quantized"}
"""By kind of edge, the word of the hub; other kinds have none."""

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
_RESERVED = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}


def to_card(phylogeny: Phylogeny) -> str:
    """``base_model`` and ``base_model_relation`` of each model that has a parent here, a YAML document each.

    Edges below even odds and missing ancestors are left out, and so are relations for which the hub has no word. Names
    are those of the result: put the name on the hub in their place. Linear in the size of the result.

    Examples
    --------
    >>> print(to_card(Phylogeny(edges=(Edge(parent="a.bin", child="b.bin", kind="finetune", p_parent=0.97),))))
    ---
    # b.bin
    base_model: a.bin
    base_model_relation: finetune
    """
    blocks = []
    for child, edges in card_edges(phylogeny).items():
        fields = card_fields(edges)
        blocks.append("\n".join(["---", f"# {safe(child)}", *(line for lines in fields.values() for line in lines)]))
    return "\n".join(blocks)


def card_edges(phylogeny: Phylogeny) -> dict[str, list[Edge]]:
    """By child, the edges that a card may state, in the order of the result."""
    missing = {ancestor.name for ancestor in phylogeny.missing}
    found: dict[str, list[Edge]] = {}
    for edge in phylogeny.edges:
        if not edge.is_weak and edge.parent not in missing:
            found.setdefault(edge.child, []).append(edge)
    return found


def card_fields(edges: list[Edge]) -> dict[str, list[str]]:
    """The lines of each field of a card by its key: the parents of one model, and the relation if it has a word.

    Examples
    --------
    >>> card_fields([Edge(parent=name, child="m", kind="merge") for name in ("a", "b: c")])
    {'base_model': ['base_model:', '- a', '- "b: c"'], 'base_model_relation': ['base_model_relation: merge']}
    """
    parents = [scalar(edge.parent) for edge in edges]
    one = len(parents) == 1
    fields = {"base_model": [f"base_model: {parents[0]}"] if one else ["base_model:", *(f"- {p}" for p in parents)]}
    words = {HUB_WORDS.get(edge.kind) for edge in edges}
    if len(words) == 1 and (word := words.pop()) is not None:
        fields["base_model_relation"] = [f"base_model_relation: {word}"]
    return fields


def scalar(text: str) -> str:
    """A text as a YAML scalar: plain where nothing can be misread, else in the quotes of JSON, ASCII only."""
    shown = safe(text)
    return shown if _PLAIN.fullmatch(shown) and shown.lower() not in _RESERVED else json.dumps(shown)
