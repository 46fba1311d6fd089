"""What is in checkpoints, as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from neural_phylogeny.reports.families import few
from neural_phylogeny.reports.names import safe


def render_inspection(models: Sequence[Mapping[str, Any]], skipped: Sequence[Mapping[str, Any]]) -> RenderableType:
    """One table a model, with its components and notes above; paths that were left out at the end."""
    parts: list[RenderableType] = []
    for model in models:
        title = f"{safe(model['name'])}  {safe(model['format'])}  {model['parameters']:,} parameters"
        parts.append(Text(title, style="bold"))
        if model["components"]:
            chosen, *others = (safe(name) or "(top level)" for name in model["components"])
            parts.append(Text(f"  component {chosen}; also in the file: {', '.join(others)}"))
        parts += [Text(f"  {safe(note)}", style="dim") for note in model["notes"]]
        table = Table("tensor", "shape", "dtype", "role", box=None, header_style="bold", padding=(0, 2))
        for tensor in model["tensors"]:
            shape = " x ".join(map(str, tensor["shape"])) or "scalar"
            table.add_row(*map(Text, (safe(tensor["name"]), shape, tensor["dtype"], tensor["role"])))
        parts += [table, Text("")]
    left_out = few([(item["path"], item["reason"]) for item in skipped])
    parts += [Text(f"left out: {safe(path)}: {safe(reason)}") for path, reason in left_out]
    return Group(*parts)
