"""The one way in which the laboratory writes a Markdown table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose first column is text and whose other columns are aligned to the right; no line break at the end.

    Examples
    --------
    >>> print(table(["method", "right"], [["auto", "0.99"]]))
    | method | right |
    | --- | ---: |
    | auto | 0.99 |
    """
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def number(value: float | int) -> str:
    """A count as it is, anything else with three digits behind the point."""
    return str(value) if isinstance(value, int) else f"{value:.3f}"
