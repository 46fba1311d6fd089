"""A phylogeny as one JSON record a line."""

from __future__ import annotations

import json
from typing import Any

from neural_phylogeny.records import Phylogeny
from neural_phylogeny.reports.json import FORMAT, VERSION, plain


def to_json_lines(phylogeny: Phylogeny) -> str:
    """Every part of the result file as a line: the header, then models, edges, pairs and the rest, each named.

    ``record`` names what a line holds; the other keys are those of the result file. ASCII only. Linear in the size of
    the result.

    Examples
    --------
    >>> print(to_json_lines(Phylogeny(copies=(("a", "b"),))))
    {"record": "result", "format": "neural-phylogeny", "version": 2, "provenance": {}}
    {"record": "copies", "models": ["a", "b"]}
    """
    header = {"format": FORMAT, "version": VERSION, "provenance": phylogeny.provenance}
    lines = [_line("result", header)]
    for record, items in (
        ("model", phylogeny.models),
        ("edge", phylogeny.edges),
        ("pair", phylogeny.undirected),
        ("missing", phylogeny.missing),
        ("undecided", phylogeny.undecided),
        ("component", phylogeny.components),
        ("copies", tuple({"models": group} for group in phylogeny.copies)),
        ("skipped", phylogeny.skipped),
    ):
        lines += [_line(record, item) for item in items]
    return "\n".join(lines)


def _line(record: str, item: Any) -> str:
    return json.dumps({"record": record, **plain(item)}, allow_nan=False)
