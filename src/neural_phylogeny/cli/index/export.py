"""``nphylo index export``."""

from __future__ import annotations

import click

from neural_phylogeny.cli import exits
from neural_phylogeny.cli import output as sink
from neural_phylogeny.cli.options import checked_output


@click.command("export")
@click.argument("index", metavar="INDEX")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    callback=checked_output,
    help="Write Parquet to a file named *.parquet (extra parquet), JSON lines to any other; by default to stdout.",
)
def command(index: str, output: str | None) -> int:
    """List the models of an index: name, path, format, parameters, digest of the fingerprint, when it was added.

    \b
    Example:
      nphylo index export hub.index -o models.parquet

    \b
    Exit codes:
      0  success
      2  wrong usage
      3  the index could not be read, or the file could not be written
    """
    from neural_phylogeny.index.export import as_json_lines, as_parquet
    from neural_phylogeny.index.store import Index

    with Index(index, is_read_only=True) as opened:
        entries = opened.entries()
    is_parquet = output is not None and output.endswith(".parquet")
    sink.write(as_parquet(entries) if is_parquet else as_json_lines(entries), output)
    return exits.OK
