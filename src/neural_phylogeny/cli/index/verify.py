"""``nphylo index verify``."""

from __future__ import annotations

import click

from neural_phylogeny.cli import exits
from neural_phylogeny.cli import output as sink
from neural_phylogeny.cli.options import quiet_option


@click.command("verify")
@click.argument("index", metavar="INDEX")
@quiet_option
def command(index: str, quiet: bool) -> int:
    """Check every fingerprint of an index against its hashes, and the catalogue against them.

    Reads all of it. What a killed process left unfinished is not part of the index, and no damage.

    \b
    Example:
      nphylo index verify hub.index

    \b
    Exit codes:
      0  all is well
      1  something is damaged; each line says what
      2  wrong usage
      3  the index could not be opened
    """
    from neural_phylogeny.index.care import damage
    from neural_phylogeny.index.store import Index

    with Index(index, is_read_only=True) as opened, sink.progress_bar(quiet):
        found = list(damage(opened))
        total = len(opened)
    sink.write("".join(f"{exits.safe_lines(line)}\n" for line in found), None)
    if not quiet and not found:
        exits.talk(f"{index}: {total:,} models, all is well")
    return exits.NOTHING_COMPARED if found else exits.OK
