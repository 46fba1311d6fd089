"""What is in checkpoints, as tables."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from neural_phylogeny.reports.families import few
from neural_phylogeny.reports.listing import others, shown
from neural_phylogeny.reports.names import safe


def render_inspection(
    models: Sequence[Mapping[str, Any]], skipped: Sequence[Mapping[str, Any]], every: bool = False
) -> RenderableType:
    """One table a model, with its components and notes above; paths that were left out at the end.

    A table has the largest tensors, or with ``every`` all of them.
    """
    parts: list[RenderableType] = []
    for model in models:
        title = f"{safe(model['name'])}  {safe(model['format'])}  {model['parameters']:,} parameters"
        parts.append(Text(title, style="bold"))
        if model["components"]:
            chosen, *unused = (safe(name) or "(top level)" for name in model["components"])
            parts.append(Text(f"  component {chosen}; also in the file: {', '.join(unused)}"))
        parts += [Text(f"  {safe(note)}", style="dim") for note in model["notes"]]
        table = Table("tensor", "shape", "dtype", "role", box=None, header_style="bold", padding=(0, 2))
        rows = shown(model["tensors"], _cells, lambda tensor: math.prod(tensor["shape"]), every)
        for _, cells in rows:
            table.add_row(*map(Text, cells))
        parts += [table, *map(Text, others(len(model["tensors"]), rows, "none of them larger")), Text("")]
    left_out = few([(item["path"], item["reason"]) for item in skipped])
    parts += [Text(f"left out: {safe(path)}: {safe(reason)}") for path, reason in left_out]
    return Group(*parts)


def _cells(tensor: Mapping[str, Any]) -> tuple[str, ...]:
    shape = " x ".join(map(str, tensor["shape"])) or "scalar"
    return safe(tensor["name"]), shape, tensor["dtype"], tensor["role"]
