"""``nphylo lab families``."""

from __future__ import annotations

from pathlib import Path

import click

from neural_phylogeny.cli import output as sink
from neural_phylogeny.cli.exits import OK, talk
from neural_phylogeny.cli.options import output_options, quiet_option
from neural_phylogeny.lab.commands.listing import write_list
from neural_phylogeny.lab.commands.options import DIGITS, data_sets_option, device_option, existing_folder, folder


@click.group("families")
def command() -> None:
    """Make batches of synthetic families, for training, fitting and calibrating.

    \b
    Examples:
      nphylo lab families list
      nphylo lab families make tiny --out batches/ --count 800

    \b
    Exit codes:
      0  all is well
      2  wrong usage
      3  data are missing or damaged
    """


@command.command("list")
@output_options("text", "json")
def list_priors(form: str, output: str | None) -> int:
    """List the priors.

    A prior is a TOML file that says what families look like; a path to one of your own works wherever a name does.

    \b
    Example:
      nphylo lab families list

    \b
    Exit codes:
      0  all is well
      2  wrong usage
    """
    from neural_phylogeny.lab.families.prior import known_priors, read_prior

    priors = [read_prior(name) for name in known_priors()]
    rows = [
        {"name": p.name, "summary": p.summary, "version": p.version, "digest": p.digest, "families": p.families}
        for p in priors
    ]
    return write_list("priors", rows, [f"{p.families} families a batch" for p in priors], form, output)


@command.command("make")
@click.argument("prior", metavar="PRIOR")
@click.option("--out", type=folder, required=True, help="Where batches go, a file each.")
@click.option("--first", type=click.IntRange(0), default=0, show_default=True, help="Number of the first batch.")
@click.option("--count", type=click.IntRange(1), default=40, show_default=True, help="How many batches.")
@click.option("--every", type=click.IntRange(1), default=1, show_default=True, help="From one number to the next.")
@click.option("--weights", type=folder, help="Weights are kept here, for `measure`; about 10 MB a batch.")
@data_sets_option
@device_option
@click.option("--test-sets", is_flag=True, help="Tasks of the data sets that are never trained on.")
@quiet_option
def make_families(
    prior: str,
    out: Path,
    first: int,
    count: int,
    every: int,
    weights: Path | None,
    data: Path | None,
    device: str,
    test_sets: bool,
    quiet: bool,
) -> int:
    """Train the families of a prior and store the statistics of a pass over each.

    A batch of the prior `tiny` is 28 families trained at once in about seven seconds of one core, from its number
    alone; its file has about 0.3 MB. Batches that are there already stay: the same command goes on where it was
    interrupted, and several may work on one folder if they make different numbers.

    \b
    Example:
      nphylo lab families make tiny --out batches/ --count 800

    \b
    Exit codes:
      0  all is well
      2  wrong usage
      3  data are missing or wrong, or the folder holds batches of another prior
    """
    from neural_phylogeny.lab.families.batches import batch_number, batch_paths
    from neural_phylogeny.lab.families.make import make_batches
    from neural_phylogeny.lab.families.pictures import TEST_SETS, TRAINING_SETS
    from neural_phylogeny.lab.families.prior import read_prior

    chosen = read_prior(prior)
    if data is None and not quiet:
        talk(DIGITS)
    new = 0
    with sink.progress_bar(quiet, "training") as progress:

        def made(path: Path, families: int) -> None:
            nonlocal new
            new += families
            if progress:
                progress((batch_number(path) - first) // every + 1, count)

        sets = TEST_SETS if test_sets else TRAINING_SETS
        numbers = range(first, first + every * count, every)
        make_batches(out, numbers, chosen, data=data, datasets=sets, weights=weights, device=device, made=made)
    sink.write(f"{out}: {new} families made now, {len(batch_paths(out))} batches there", None)
    return OK


@command.command("measure")
@click.argument("weights", type=existing_folder)
@click.option("--out", type=folder, required=True, help="Where batches go, a file each.")
def measure_again(weights: Path, out: Path) -> int:
    """Measure families whose weights were kept, by the pass of this version.

    For when the pass reads more than it did when they were made. Batches that are there already stay.

    \b
    Example:
      nphylo lab families measure weights/ --out batches/

    \b
    Exit codes:
      0  all is well
      2  wrong usage
      3  weights are damaged
    """
    from neural_phylogeny.lab.families.make import measure_weights

    sink.write(f"{out}: {measure_weights(weights, out)} families measured now", None)
    return OK


@command.command("info")
@click.argument("batches", type=existing_folder)
@click.option("--by", type=click.Choice(["topology", "kind", "head", "alterations"]), default="topology")
def describe(batches: Path, by: str) -> int:
    """Count the families of a folder of batches.

    Prints a Markdown table: families, models, share of models without a parent here, of those with a missing one.

    \b
    Example:
      nphylo lab families info batches/ --by kind

    \b
    Exit codes:
      0  all is well
      2  wrong usage
      3  there are no batches, or one is damaged
    """
    from neural_phylogeny.lab.families.batches import batch_paths, read_batches
    from neural_phylogeny.lab.families.describe import counts_by

    sink.write(counts_by(read_batches(batch_paths(batches)), by), None)
    return OK
