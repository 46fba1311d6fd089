"""A phylogeny as a drawing for Markdown pages."""

from __future__ import annotations

from neural_phylogeny.records import Phylogeny
from neural_phylogeny.reports.exports.drawn import Arrow, drawn

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .-")


def to_mermaid(phylogeny: Phylogeny) -> str:
    """The result as a Mermaid flowchart, parents above children. Linear in the size of the result.

    All parents are drawn. Missing ancestors have a dashed border; weak edges are dotted, and so are related pairs,
    which have no arrow.

    Examples
    --------
    >>> from neural_phylogeny.records import Edge, ModelRecord
    >>> models = tuple(ModelRecord(name=n, path=n, format="npz", parameters=10, family=0) for n in ("a", "b_2"))
    >>> print(to_mermaid(Phylogeny(models=models, edges=(Edge(parent="a", child="b_2", kind="finetune"),))))
    flowchart TD
      n0["a"]
      n1["b#95;2"]
      n0 -->|"finetune"| n1
    """
    found = drawn(phylogeny)
    lines = ["flowchart TD"]
    lines += [f'  n{k}["{_escaped(name)}"]' for k, name in enumerate(found.names)]
    lines += [_arrow(arrow) for arrow in found.arrows]
    if any(found.missing):
        named = ",".join(f"n{k}" for k, missing in enumerate(found.missing) if missing)
        lines += ["  classDef missing stroke-dasharray: 5 5", f"  class {named} missing"]
    return "\n".join(lines)


def _arrow(arrow: Arrow) -> str:
    link = "-->" if arrow.directed else "---"
    if arrow.weak or arrow.label == "related":
        link = "-.->" if arrow.directed else "-.-"
    return f'  n{arrow.tail} {link}|"{_escaped(arrow.label)}"| n{arrow.head}'


def _escaped(text: str) -> str:
    """Everything but letters, digits and blanks as a numbered character: Mermaid labels hold HTML and Markdown."""
    return "".join(letter if letter in _PLAIN else f"#{ord(letter)};" for letter in text)
