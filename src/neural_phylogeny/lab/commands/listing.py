"""What the laboratory ships and can list: recipes, priors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from neural_phylogeny.cli import output as sink
from neural_phylogeny.cli.exits import OK


def write_list(kind: str, rows: Sequence[dict[str, Any]], details: Sequence[str], form: str, output: str | None) -> int:
    """Write entries with a ``name`` and a ``summary`` as text, each with its details, or all fields as JSON.

    ``kind`` is their name in the plural.
    """
    if form == "json":
        from neural_phylogeny.reports.json import dumps

        sink.write(dumps({"format": f"neural-phylogeny-{kind}", "version": 1, kind: list(rows)}), output)
        return OK
    entries = [f"{row['name']}\n  {row['summary']}\n  {more}" for row, more in zip(rows, details, strict=True)]
    sink.write("\n\n".join(entries), output)
    return OK
