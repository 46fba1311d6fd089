"""``nphylo index compact``."""

from __future__ import annotations

import click

from neural_phylogeny.cli import exits
from neural_phylogeny.cli import output as sink
from neural_phylogeny.cli.options import quiet_option


@click.command("compact")
@click.argument("index", metavar="INDEX")
@quiet_option
def command(index: str, quiet: bool) -> int:
    """Free the space of removed models and of what killed processes left.

    Needs room for what is in use beside what is there. Others may search and add meanwhile.

    \b
    Example:
      nphylo index compact hub.index

    \b
    Exit codes:
      0  success
      2  wrong usage
      3  the index could not be read or written
    """
    from neural_phylogeny.index.care import compact
    from neural_phylogeny.index.store import Index
    from neural_phylogeny.wording import in_bytes

    with Index(index) as opened, sink.progress_bar(quiet):
        freed = compact(opened)
    if not quiet:
        exits.talk(f"{index}: {in_bytes(max(0, freed))} freed")
    return exits.OK
