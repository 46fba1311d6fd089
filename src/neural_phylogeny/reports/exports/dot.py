"""A phylogeny as a drawing for Graphviz."""

from __future__ import annotations

from neural_phylogeny.records import Phylogeny
from neural_phylogeny.reports.exports.drawn import Arrow, drawn


def to_dot(phylogeny: Phylogeny) -> str:
    r"""The result in the DOT language, parents above children. Linear in the size of the result.

    All parents are drawn. Missing ancestors are dashed, weak edges dashed, related pairs and copies without arrows.

    Examples
    --------
    >>> from neural_phylogeny.records import Edge, ModelRecord
    >>> models = tuple(ModelRecord(name=n, path=n, format="npz", parameters=10, family=0) for n in ("a", 'b"'))
    >>> print(to_dot(Phylogeny(models=models, edges=(Edge(parent="a", child='b"', kind="finetune"),))))
    digraph phylogeny {
      node [shape=box];
      n0 [label="a"];
      n1 [label="b\""];
      n0 -> n1 [label="finetune"];
    }
    """
    found = drawn(phylogeny)
    lines = ["digraph phylogeny {", "  node [shape=box];"]
    for k, (name, missing) in enumerate(zip(found.names, found.missing, strict=True)):
        lines.append(f"  n{k} [label={_quoted(name)}{', style=dashed' if missing else ''}];")
    return "\n".join([*lines, *(_arrow(arrow) for arrow in found.arrows), "}"])


def _arrow(arrow: Arrow) -> str:
    style = ", style=dashed" if arrow.weak or arrow.label == "related" else ""
    style += "" if arrow.directed else ", dir=none"
    return f"  n{arrow.tail} -> n{arrow.head} [label={_quoted(arrow.label)}{style}];"


def _quoted(text: str) -> str:
    r"""A label: Graphviz replaces ``\N`` and the like, and entities such as ``&lt;``."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;") + '"'
