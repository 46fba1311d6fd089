"""``nphylo index remove``."""

from __future__ import annotations

import click

from neural_phylogeny.cli import exits
from neural_phylogeny.cli.options import quiet_option


@click.command("remove")
@click.argument("index", metavar="INDEX")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@quiet_option
def command(index: str, names: tuple[str, ...], quiet: bool) -> int:
    """Remove models from an index by name; `compact` frees their space.

    \b
    Example:
      nphylo index remove hub.index org/name

    \b
    Exit codes:
      0  all were removed
      1  one of the names was not there; the others were removed
      2  wrong usage
      3  the index could not be written
    """
    from neural_phylogeny.index.store import Index

    with Index(index) as opened:
        removed = opened.remove(names)
    for name in names:
        if name not in removed:
            exits.talk(f"{index} has no model {name}")
    if not quiet:
        exits.talk(f"{index}: {len(removed):,} removed")
    return exits.OK if len(removed) == len(set(names)) else exits.NOTHING_COMPARED
