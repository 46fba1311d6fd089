"""``nphylo methods``."""

from __future__ import annotations

import click

from neural_phylogeny.cli import output as sink
from neural_phylogeny.cli.exits import OK
from neural_phylogeny.cli.options import output_options, quiet_option


@click.command("methods")
@output_options("text", "json")
@quiet_option
def command(form: str, output: str | None, quiet: bool) -> int:
    """List the methods of `nphylo tree`.

    Each with its description, reference, cost and required extra.

    \b
    Example:
      nphylo methods

    \b
    Exit codes:
      0  success
      2  wrong usage
    """
    from neural_phylogeny.reconstruction.api import METHODS

    keys = ("name", "summary", "reference", "cost", "extra")
    rows = [{key: getattr(method, key) for key in keys} for method in METHODS.values()]
    if form == "json":
        from neural_phylogeny.reports.json import dumps

        sink.write(dumps({"format": "neural-phylogeny-methods", "version": 1, "methods": rows}), output)
        return OK
    blocks = []
    for row in rows:
        needs = f"\n  needs pip install 'neural-phylogeny[{row['extra']}]'" if row["extra"] else ""
        blocks.append(f"{row['name']}\n  {row['summary']}\n  {row['reference']}; {row['cost']}{needs}")
    sink.write("\n\n".join(blocks), output)
    return OK
