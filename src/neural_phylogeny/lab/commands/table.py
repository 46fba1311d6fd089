"""``nphylo lab table``."""

from __future__ import annotations

from pathlib import Path

import click

from neural_phylogeny.cli import output as sink
from neural_phylogeny.cli.exits import OK, talk
from neural_phylogeny.cli.options import quiet_option
from neural_phylogeny.lab.commands.bench import cached_option
from neural_phylogeny.lab.commands.options import existing_folder, folder


@click.command("table")
@click.argument("name", required=False)
@click.option("--out", type=folder, help="NAME.md and its pictures go here; to the screen without it.")
@click.option("--replace", is_flag=True, help="Replace a page that has more rows than the new one.")
@cached_option
@click.option("--batches", type=existing_folder, help="Batches of the prior tiny.")
@click.option("--wide", type=existing_folder, help="Batches of the prior wide.")
@click.option("--strangers", type=existing_folder, help="Batches of the prior strangers.")
@click.option("--tests", type=existing_folder, help="Batches made with --test-sets.")
@click.option("--generators", type=existing_folder, help="A folder of batches for each generator.")
@click.option("--judge", type=existing_folder, help="Batches of the prior apart.")
@click.option("--sets", type=existing_folder, envvar="NPHYLO_DATA", show_envvar=True, help="Data sets, NAME.npz.")
@click.option("--checkpoints", type=existing_folder, help="Collections of checkpoints, joined into one.")
@click.option("--work", type=folder, help="Trainings are kept here, so that an interrupted table goes on.")
@click.option("--seeds", type=click.IntRange(1), default=8, show_default=True, help="Collections a cell, at most.")
@quiet_option
def command(name: str | None, out: Path | None, replace: bool, seeds: int, quiet: bool, **folders: Path | None) -> int:
    """Make a table of the documentation.

    Without NAME the tables are listed, with what each needs. A table that needs batches of families makes do without
    where it can, but does not replace a page that has more rows.

    \b
    Examples:
      nphylo lab table
      nphylo lab table reviewers
      nphylo lab table confidence --batches batches/ --wide wide/ --out docs/tables/

    \b
    Exit codes:
      0  all is well
      2  wrong usage
      3  data are missing or damaged, or the page there has more rows
    """
    from neural_phylogeny.lab.bench.tables.base import TABLES, Sources, find_table, write_page

    if name is None:
        sink.write("\n\n".join(f"{t.name}\n  {t.summary}\n  needs: {t.needs}" for t in TABLES.values()), None)
        return OK
    table = find_table(name)
    page = table.page(Sources(**folders, seeds=seeds, progress=(lambda line: None) if quiet else talk))
    if out is None:
        sink.write(page.text, None)
        return OK
    write_page(page, out / f"{name}.md", replace)
    sink.write(str(out / f"{name}.md"), None)
    return OK
