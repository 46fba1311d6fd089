"""``nphylo lab calibrate``."""

from __future__ import annotations

from pathlib import Path

import click

from neural_phylogeny.cli import output as sink
from neural_phylogeny.cli.exits import OK, talk
from neural_phylogeny.cli.options import quiet_option
from neural_phylogeny.lab.commands.options import existing_folder, folder


@click.command("calibrate")
@click.argument("generators", type=existing_folder)
@click.option("--judge", type=existing_folder, help="Batches of the prior apart; all of them count.")
@click.option("--groups", type=click.IntRange(1), help="At most so many groups of each generator; all without it.")
@click.option("--out", type=folder, help="calibration.md and its pictures go here; to the screen without it.")
@click.option("--replace", is_flag=True, help="Replace a page that has more rows than the new one.")
@quiet_option
def command(
    generators: Path, judge: Path | None, groups: int | None, out: Path | None, replace: bool, quiet: bool
) -> int:
    """Measure the calibration of every probability.

    GENERATORS holds a folder of batches for each generator of families, as `nphylo lab families make` writes them;
    batches that the detector was not trained on are used. P(parent), P(direction), P(root) and the p-values of the
    relatedness test, by generator, size of the family, size of the step and kind of network, with reliability plots.
    About half a second of a core for each group.

    \b
    Examples:
      nphylo lab calibrate generators/ --groups 10
      nphylo lab calibrate generators/ --judge apart/ --out docs/tables/

    \b
    Exit codes:
      0  all is well
      2  wrong usage
      3  data are missing or damaged, or the page there has more rows
    """
    from neural_phylogeny.lab.bench.tables.base import write_page
    from neural_phylogeny.lab.calibration.claims import read
    from neural_phylogeny.lab.calibration.page import page, summary

    folders = {path.name: path for path in sorted(generators.iterdir()) if any(path.glob("batch-*.npz"))}
    if judge is not None:
        folders["apart (the judge)"] = judge
    claims, tests = read(folders, groups, (lambda line: None) if quiet else talk)
    options = "".join([" --judge apart/" * (judge is not None), f" --groups {groups}" if groups else ""])
    found = page(claims, tests, f"nphylo lab calibrate generators/{options}")
    if out is None:
        sink.write(found.text, None)
        return OK
    write_page(found, out / "calibration.md", replace)
    sink.write(f"{out / 'calibration.md'}\n{summary(claims)}", None)
    return OK
