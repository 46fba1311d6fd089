"""Two models side by side, for people."""

from __future__ import annotations

import math

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from neural_phylogeny.records import Comparison
from neural_phylogeny.reports.labels import DIM, NAME, size_of, small_share
from neural_phylogeny.reports.names import safe
from neural_phylogeny.reports.reasons import LEAD, render_changes, render_reasons
from neural_phylogeny.wording import percent


def render_comparison(comparison: Comparison) -> RenderableType:
    """The verdict in a sentence, the evidence for it, then every tensor. Linear in the number of tensors."""
    a, b = comparison.a, comparison.b
    parts: list[RenderableType] = [Text(verdict(comparison), style="bold")]
    if not math.isnan(comparison.similarity):
        shared = f"similarity {comparison.similarity:.3f} on {percent(comparison.coverage)} of the weights"
        parts.append(Text(shared))
    if comparison.share_read < 1.0:
        parts.append(Text(f"read: {small_share(comparison.share_read)} of the weights compared"))
    parts.append(Text(""))
    for model in (a, b):
        parts.append(Text.assemble((safe(model.name), NAME), (f"  {size_of(model)}", DIM)))
        if model.remark:
            parts.append(Text(f"  note: {safe(model.remark)}", style=DIM))
    for block in (render_reasons(comparison.reasons), render_changes(comparison.what_would_change)):
        lines = list(block)
        parts += [Text(""), *lines] if lines else []
    if comparison.tensors:
        parts += [Text(""), _table(comparison)]
    skipped = [Text(f"skipped: {safe(item.path)}  {safe(item.reason)}", style=DIM) for item in comparison.skipped]
    return Group(*parts, *([Text(""), *skipped] if skipped else []))


def verdict(comparison: Comparison) -> str:
    """The answer as a sentence with its confidence."""
    a, b = safe(comparison.a.name), safe(comparison.b.name)
    known = not math.isnan(comparison.confidence)
    parent = f"parent {percent(comparison.confidence)}, " if known and not math.isnan(comparison.direction) else ""
    sure = comparison.confidence if math.isnan(comparison.direction) else comparison.direction
    direction = f" ({parent}direction {percent(sure)})" if known else ""
    kin = f" (kin {percent(comparison.confidence)})" if known else ""
    made = "may have been made" if comparison.confidence < LEAD else "was made"
    return {
        "parent": f"{b} {made} from {a}{direction}",
        "child": f"{a} {made} from {b}{direction}",
        "related": f"{a} and {b} are related{kin}; their weights do not say which came first",
        "unrelated": f"{a} and {b} are unrelated, as far as their weights tell",
        "copies": f"{a} and {b} hold the same weights"
        if comparison.share_read == 1.0
        else f"{a} and {b} are equal in all that was read, {small_share(comparison.share_read)} of the weights",
        "not comparable": f"{a} and {b} cannot be compared",
    }.get(comparison.verdict, f"{a} and {b}: {safe(comparison.verdict)}")


def _table(comparison: Comparison) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("tensor", "name in the other", "role"):
        table.add_column(title, overflow="fold")
    for title in ("cosine", "compared"):
        table.add_column(title, justify="right", no_wrap=True)
    for tensor in comparison.tensors:
        other = "" if tensor.name_in_b == tensor.name else safe(tensor.name_in_b)
        cosine = "-" if math.isnan(tensor.cosine) else f"{tensor.cosine:.4f}"
        cells = (safe(tensor.name), other, safe(tensor.role), cosine, percent(tensor.coverage))
        table.add_row(*map(Text, cells))
    return table
