"""Two models side by side, for people."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from neural_phylogeny.records import Comparison, TensorComparison
from neural_phylogeny.reports.labels import DIM, NAME, size_of
from neural_phylogeny.reports.listing import others, shown
from neural_phylogeny.reports.names import safe
from neural_phylogeny.reports.reasons import render_changes, render_reasons
from neural_phylogeny.wording import p_value, percent, small_share


def render_comparison(comparison: Comparison, explain: bool = False, every: bool = False) -> RenderableType:
    """The verdict in a sentence, the evidence for it, then the tensors that differ most, or with ``every`` all.

    With ``explain`` the cheapest explanations of the one from the other, with their prices.
    """
    a, b = comparison.a, comparison.b
    parts: list[RenderableType] = [Text(verdict(comparison), style="bold")]
    if comparison.kind != "unknown":
        also = f", also {', '.join(comparison.also)}" if comparison.also else ""
        parts.append(Text(f"kind: {comparison.kind}{also}"))
    if explain and comparison.explanations:
        parts += [Text("explanations, in bits a weight, the cheapest first:"), *_explanations(comparison)]
    if comparison.similarity is not None:
        named = f" ({safe(comparison.part)})" if comparison.part else ""
        shared = f"similarity {comparison.similarity:.3f} on {percent(comparison.coverage)} of the weights{named}"
        parts.append(Text(shared))
    if comparison.share_read < 1.0:
        parts.append(Text(f"read: {small_share(comparison.share_read)} of the weights compared"))
    if comparison.matching:
        parts.append(Text(safe(comparison.matching)))
    parts.append(Text(""))
    for model in (a, b):
        parts.append(Text.assemble((safe(model.name), NAME), (f"  {size_of(model)}", DIM)))
        if model.remark:
            parts.append(Text(f"  note: {safe(model.remark)}", style=DIM))
    for block in (render_reasons(comparison.reasons), render_changes(comparison.what_would_change)):
        lines = list(block)
        parts += [Text(""), *lines] if lines else []
    if comparison.tensors:
        parts += [Text(""), *_table(comparison, every)]
    skipped = [Text(f"skipped: {safe(item.path)}  {safe(item.reason)}", style=DIM) for item in comparison.skipped]
    return Group(*parts, *([Text(""), *skipped] if skipped else []))


def _explanations(comparison: Comparison) -> list[Text]:
    return [
        Text(f"  {safe(one.kind)}  {one.bits:.3g}  {safe(one.statement)}", style=DIM) for one in comparison.explanations
    ]


def verdict(comparison: Comparison) -> str:
    """The answer as a sentence with its confidence."""
    a, b = safe(comparison.a.name), safe(comparison.b.name)
    known = (("parent", comparison.p_parent), ("direction", comparison.p_direction))
    numbers = ", ".join(f"{what} {percent(share)}" for what, share in known if share is not None)
    sure = f" ({numbers})" if numbers else ""
    test = "" if comparison.p_value is None else f" ({p_value(comparison.p_value)})"
    made = "may have been made" if comparison.is_weak else "was made"
    return {
        "parent": f"{b} {made} from {a}{sure}",
        "child": f"{a} {made} from {b}{sure}",
        "related": f"{a} and {b} are related{test}; their weights do not show which came first",
        "undecided": _undecided(comparison, a, b),
        "shares a component": _component(comparison, a, b),
        "unrelated": f"{a} and {b} are unrelated, as far as their weights show",
        "copies": f"{a} and {b} have the same weights"
        if comparison.share_read == 1.0
        else f"{a} and {b} are equal in all that was read, {small_share(comparison.share_read)} of the weights",
        "not enough in common": f"{a} and {b} do not have enough in common to be judged",
        "not comparable": f"{a} and {b} cannot be compared",
    }.get(comparison.verdict, f"{a} and {b}: {safe(comparison.verdict)}")


def _component(comparison: Comparison, a: str, b: str) -> str:
    shared = comparison.component
    if shared is not None and shared.contained:
        part, whole = safe(shared.a), safe(shared.b)
        return f"{whole} contains {part} as its component {safe(shared.component_in_b)}"
    name = f"the component {safe(shared.component)}" if shared is not None and shared.component else "a component"
    return f"{a} and {b} share {name} and are otherwise unrelated, as far as their weights show"


def _undecided(comparison: Comparison, a: str, b: str) -> str:
    if comparison.undecided == "common initialisation":
        return f"{a} and {b} have the same random initialisation and were trained independently"
    return f"{a} and {b} have the same random initialisation, or a missing ancestor; their weights do not show which"


def _table(comparison: Comparison, every: bool) -> list[RenderableType]:
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("tensor", "name in the other", "role"):
        table.add_column(title, overflow="fold")
    for title in ("cosine", "compared"):
        table.add_column(title, justify="right", no_wrap=True)
    rows = shown(comparison.tensors, _cells, lambda tensor: -1.0 if tensor.cosine is None else -tensor.cosine, every)
    for _, cells in rows:
        table.add_row(*map(Text, cells))
    more = others(len(comparison.tensors), rows, "none of which differs more")
    return [table, *map(Text, more)]


def _cells(tensor: TensorComparison) -> tuple[str, ...]:
    other = "" if tensor.name_in_b == tensor.name else safe(tensor.name_in_b)
    other = f"{other or '='} ({safe(tensor.layout)})" if tensor.layout else other
    cosine = "-" if tensor.cosine is None else f"{tensor.cosine:.4f}"
    return safe(tensor.name), other, safe(tensor.role), cosine, percent(tensor.coverage)
