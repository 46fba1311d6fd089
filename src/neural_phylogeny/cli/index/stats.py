"""``nphylo index stats``."""

from __future__ import annotations

import dataclasses
import json

import click

from neural_phylogeny.cli import exits
from neural_phylogeny.cli import output as sink
from neural_phylogeny.cli.options import output_options


@click.command("stats")
@click.argument("index", metavar="INDEX")
@output_options("text", "json")
def command(index: str, form: str, output: str | None) -> int:
    """Show how many models an index holds, and what it takes on the disk.

    \b
    Example:
      nphylo index stats hub.index

    \b
    Exit codes:
      0  success
      2  wrong usage
      3  the index could not be read
    """
    from neural_phylogeny.index.care import size_of
    from neural_phylogeny.index.store import Index
    from neural_phylogeny.wording import in_bytes

    with Index(index, is_read_only=True) as opened:
        found = size_of(opened)
    if form == "json":
        sink.write(json.dumps(dataclasses.asdict(found), indent=2), output)
        return exits.OK
    lines = [
        f"{found.models:,} models, {found.contents:,} of different content",
        f"fingerprints: {in_bytes(found.used_bytes)} in {found.segments:,} segments",
        f"catalogue: {in_bytes(found.catalogue_bytes)}",
        f"to be freed by nphylo index compact: {in_bytes(found.free_bytes)}",
    ]
    sink.write("\n".join(lines), output)
    return exits.OK
