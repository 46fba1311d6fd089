"""Count what was fuzzed: ``python tests/fuzz/table.py [LOG...]``.

Adds logs of runs to ``executions.json`` and writes the table of docs/security.md. A log that was added is renamed, so
that it is not counted twice. ``--check`` writes nothing; 1 where the page is old.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

COUNTS = Path(__file__).with_name("executions.json")
PAGE = Path(__file__).parents[2] / "docs" / "security.md"
BEGIN, END = "<!-- executions -->\n", "<!-- end of executions -->\n"

Counts = dict[str, dict[str, dict[str, int]]]
"""By target and engine: executions, of them read, seconds."""


def added(counts: Counts, rows: list[dict[str, Any]]) -> Counts:
    """The counts with those of the lines of a log."""
    found: Counts = json.loads(json.dumps(counts))
    for row in rows:
        own = found.setdefault(row["target"], {}).setdefault(row["engine"], {"executions": 0, "read": 0, "seconds": 0})
        for key in own:
            own[key] += row[key]
    return found


def table(counts: Counts) -> str:
    """The table in Markdown, a row for each reader."""
    lines = ["| reader | by atheris | by the plain mutator | of all, read and not refused |", "|---|---|---|---|"]
    for name, engines in counts.items():
        guided, plain = (engines.get(engine, {}).get("executions", 0) for engine in ("atheris", "plain"))
        lines.append(f"| {name} | {guided:,} | {plain:,} | {sum(row['read'] for row in engines.values()):,} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write the counts and the page."""
    options = argparse.ArgumentParser()
    options.add_argument("logs", nargs="*", type=Path)
    options.add_argument("--check", action="store_true")
    chosen = options.parse_args()
    counts: Counts = json.loads(COUNTS.read_text())
    for log in chosen.logs:
        counts = added(counts, [json.loads(line) for line in log.read_text().splitlines()])
    page = PAGE.read_text()
    before, _, rest = page.partition(BEGIN)
    new = before + BEGIN + table(counts) + END + rest.partition(END)[2]
    if chosen.check:
        return int(new != page)
    COUNTS.write_text(json.dumps(counts, indent=1) + "\n")
    PAGE.write_text(new)
    for log in chosen.logs:
        log.rename(log.with_suffix(".added"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
