"""A Phylogeny for people: a tree in the terminal, as plain text, as HTML."""

from __future__ import annotations

import math
from collections.abc import Iterable
from io import StringIO

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from neural_phylogeny.records import Comparison, Edge, Evidence, Kinship, ModelRecord, Phylogeny, Skipped
from neural_phylogeny.reports.forest import Node, drawings
from neural_phylogeny.reports.names import safe

WIDTH = 160
"""Columns of plain text and HTML; a terminal uses its own."""

LEGEND = (
    "cos: cosine of the compared weights · direction: odds of this direction, not calibrated"
    " · ~ related, direction undecided · = the same weights"
)


def render(phylogeny: Phylogeny, *, evidence: bool = False) -> RenderableType:
    """The whole answer: a summary, a tree for each family, then what stands alone or was left out.

    Names are data: they are escaped and never read as markup. Linear in the number of models.
    """
    parts: list[RenderableType] = [Text(_summary(phylogeny), style="bold"), Text("")]
    copies = {group[0]: group[1:] for group in phylogeny.copies}
    alone: list[str] = []
    for family, trees in drawings(phylogeny):
        if family is None:
            continue
        if len(trees) == 1 and not trees[0].children and trees[0].name not in copies:
            alone.append(trees[0].name)
            continue
        parts += [_tree(tree, copies, evidence) for tree in trees]
        parts.append(Text(""))
    parts += _listed("Related to no other", [Text(safe(name)) for name in alone])
    parts += _listed("Not comparable", [_remark(m) for m in phylogeny.models if m.family is None])
    parts += _listed("With a remark", [_remark(m) for m in phylogeny.models if m.family is not None and m.remark])
    parts += _listed("Left out", [_skipped(skipped) for skipped in phylogeny.skipped])
    claims: list[Edge | Kinship] = [*phylogeny.edges, *phylogeny.undirected]
    if any(math.isfinite(claim.similarity) for claim in claims):
        parts.append(Text(LEGEND, style="dim"))
    return Group(*parts)


def to_text(phylogeny: Phylogeny, *, evidence: bool = False) -> str:
    """The same as plain text, without colours."""
    return plain(render(phylogeny, evidence=evidence))


def to_html(phylogeny: Phylogeny) -> str:
    """The same as an HTML fragment, for notebooks; names are escaped."""
    console = Console(record=True, file=StringIO(), width=WIDTH, force_jupyter=False)
    console.print(render(phylogeny), soft_wrap=True)
    return console.export_html(
        inline_styles=True, code_format='<pre style="font-family:monospace;line-height:1.25">{code}</pre>'
    )


def plain(renderable: RenderableType) -> str:
    """Any of these drawings as plain text."""
    console = Console(file=StringIO(), width=WIDTH, no_color=True, color_system=None, force_terminal=False)
    with console.capture() as captured:
        console.print(renderable, soft_wrap=True)
    return "\n".join(line.rstrip() for line in captured.get().splitlines()) + "\n"


def render_comparison(comparison: Comparison) -> RenderableType:
    """Two models side by side: the verdict, the evidence, the tensors."""
    a, b = safe(comparison.a.name), safe(comparison.b.name)
    sentence = {
        "parent": f"{a} is the parent of {b}",
        "child": f"{b} is the parent of {a}",
        "related": f"{a} and {b} are related; the weights do not say who came first",
        "unrelated": f"{a} and {b} are not related, as far as their weights tell",
        "copies": f"{a} and {b} hold the same weights",
        "not comparable": f"{a} and {b} cannot be compared",
    }[comparison.verdict]
    shares = f"cos {comparison.similarity:.3f}, {comparison.coverage:.0%} of the parameters compared"
    parts: list[RenderableType] = [
        Text(f"{sentence} ({_percent(comparison.confidence)})" if comparison.verdict != "copies" else sentence, "bold"),
        Text(shares),
        Text(""),
        *(_evidence(item) for item in comparison.evidence),
    ]
    parts += _listed("With a remark", [_remark(model) for model in (comparison.a, comparison.b) if model.remark])
    if comparison.tensors:
        table = Table("tensor", "in the other", "role", "cosine", "compared", box=None, header_style="bold")
        for tensor in comparison.tensors:
            other = "" if tensor.name_in_b == tensor.name else safe(tensor.name_in_b)
            row = (safe(tensor.name), other, tensor.role, f"{tensor.cosine:.4f}", f"{tensor.coverage:.0%}")
            table.add_row(*(Text(cell) for cell in row))
        parts += [Text(""), table]
    return Group(*parts)


def _summary(phylogeny: Phylogeny) -> str:
    families = {model.family for model in phylogeny.models if model.family is not None}
    counts = [
        (len(phylogeny.models), "model", "models"),
        (len(families), "family", "families"),
        (len(phylogeny.edges), "edge", "edges"),
        (len(phylogeny.undirected), "undecided pair", "undecided pairs"),
        (len(phylogeny.skipped), "path left out", "paths left out"),
    ]
    return " · ".join(f"{n} {one if n == 1 else many}" for n, one, many in counts if n or one in ("model", "edge"))


def _tree(root: Node, copies: dict[str, tuple[str, ...]], evidence: bool) -> Tree:
    drawn = Tree(_label(root, copies, evidence), guide_style="dim")
    stack = [(root, drawn)]
    while stack:
        node, branch = stack.pop()
        stack += [(child, branch.add(_label(child, copies, evidence))) for child in node.children]
    return drawn


def _label(node: Node, copies: dict[str, tuple[str, ...]], evidence: bool) -> RenderableType:
    undecided = isinstance(node.link, Kinship)
    label = Text("~ " if undecided else "").append(safe(node.name), style="bold" if node.link is None else "")
    for double in copies.get(node.name, ()):
        label.append(f"  = {safe(double)}", style="cyan")
    if node.link is None:
        return label
    if math.isfinite(node.link.similarity):
        label.append(f"  cos {node.link.similarity:.3f}", style="green")
    if isinstance(node.link, Edge):
        if math.isfinite(node.link.confidence):
            label.append(f"  direction {_percent(node.link.confidence)}", style="yellow")
        label.append(f"  {node.link.kind}", style="dim")
    else:
        label.append("  direction undecided", style="yellow")
    if node.link.coverage < 0.995:
        label.append(f"  {node.link.coverage:.0%} compared", style="dim")
    return Group(label, *(_evidence(item) for item in node.link.evidence)) if evidence else label


def _evidence(item: Evidence) -> Text:
    return Text(f"  {item.witness}: {safe(item.statement)}", style="dim")


def _listed(title: str, lines: Iterable[Text]) -> list[RenderableType]:
    lines = list(lines)
    return (
        [Text(f"{title}:", style="bold"), *(Text("  ").append_text(line) for line in lines), Text("")] if lines else []
    )


def _remark(model: ModelRecord) -> Text:
    return Text(safe(model.name)).append(f"  {safe(model.remark)}", style="dim")


def _skipped(skipped: Skipped) -> Text:
    return Text(safe(skipped.path)).append(f"  {safe(skipped.reason)}", style="red")


def _percent(probability: float) -> str:
    """A probability in whole percent, but never as a certainty it is not."""
    return "> 99 %" if 0.99 < probability < 1.0 else f"{probability:.0%}".replace("%", " %")
