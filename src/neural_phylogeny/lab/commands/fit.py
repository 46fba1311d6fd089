"""``nphylo lab fit``."""

from __future__ import annotations

from pathlib import Path

import click

from neural_phylogeny.cli import output as sink
from neural_phylogeny.cli.exits import OK, talk
from neural_phylogeny.cli.options import quiet_option
from neural_phylogeny.lab.commands.options import DIGITS, data_sets_option, folder


@click.command("fit")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--work", type=folder, required=True, help="Batches of families go here; those that are there stay.")
@data_sets_option
@click.option("--out", type=folder, help="Folder for the parameter files; the installed ones are replaced without it.")
@click.option("--batches", type=click.IntRange(2), help="Of each prior; 74 tiny, 6 wide, 52 of strangers by default.")
@click.option("--dry", is_flag=True, help="Write no parameter file.")
@quiet_option
def command(
    names: tuple[str, ...], work: Path, data: Path | None, out: Path | None, batches: int | None, dry: bool, quiet: bool
) -> int:
    """Fit the parameter files that ship.

    NAME is fusion, the weights of the evidence beside the detector, or initialisation, the test for a common
    initialisation; all of them by default. Families that the detector was not trained on are made where they are
    missing, about seven seconds of a core for a batch of 28, and an interrupted run goes on where it stopped. Every
    second batch is left out; how the new numbers do on those, beside the numbers that ship, is printed.

    \b
    Examples:
      nphylo lab fit --work fits/
      nphylo lab fit fusion --work fits/ --dry

    \b
    Exit codes:
      0  all is well
      2  wrong usage
      3  data are missing or damaged
    """
    from neural_phylogeny.lab.fitting.parameters import write
    from neural_phylogeny.lab.fitting.run import NEEDS, SHARES, fit_all

    if data is None and not quiet:
        talk(DIGITS)
    counts = None if batches is None else dict.fromkeys(SHARES, batches)
    with sink.progress_bar(quiet, "making families") as progress:

        def made(prior: str, there: int, count: int) -> None:
            if progress:
                progress(there, count)

        found = fit_all(names or tuple(NEEDS), work, data, counts, made)
    pages = []
    for name, fitted in found.items():
        path = "not written" if dry else str(write(name, fitted, out))
        pages.append(f"## {name}: {path}\n\n{fitted.report}")
    sink.write("\n\n".join(pages), None)
    return OK
