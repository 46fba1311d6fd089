"""``nphylo lab detector``."""

from __future__ import annotations

from pathlib import Path

import click

from neural_phylogeny.cli import output as sink
from neural_phylogeny.cli.exits import OK, talk
from neural_phylogeny.cli.options import output_options, quiet_option
from neural_phylogeny.lab.commands.paper_detector import command as paper_command

place = click.Path(file_okay=False, path_type=Path)
weights = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group("detector")
def command() -> None:
    """Train, judge and describe the learned detector.

    `nphylo tree --method detector` uses the one that ships with the package.

    \b
    Examples:
      nphylo lab detector info
      nphylo lab detector families --out waves/ --waves 400
      nphylo lab detector train waves/ --out mine.safetensors

    \b
    Exit codes:
      0  all is well
      2  wrong usage
      3  data are missing, or a detector cannot be read
    """


@command.command("families")
@click.option("--out", type=place, required=True, help="Where waves of families go, a file each.")
@click.option("--first", type=click.IntRange(0), default=0, show_default=True, help="Number of the first wave.")
@click.option("--waves", type=click.IntRange(1), default=40, show_default=True, help="How many, of 28 families each.")
@click.option(
    "--data",
    type=place,
    envvar="NPHYLO_DATA",
    show_envvar=True,
    help="Folder of data sets, NAME.npz; the digits of scikit-learn stand in without it.",
)
@click.option("--test-sets", is_flag=True, help="Tasks of the data sets that are never trained on.")
@click.option("--wide", is_flag=True, help="Networks of 20,000 to 300,000 parameters, 14 families a wave.")
@quiet_option
def make_families(
    out: Path, first: int, waves: int, data: Path | None, test_sets: bool, wide: bool, quiet: bool
) -> int:
    """Train families of tiny networks and keep what one pass measures of them.

    A wave is 28 families trained at once in about seven seconds of one core, from its number alone. Waves that are
    there already stay: the same command goes on where it was interrupted, and several may work on one folder if they
    make different waves.

    \b
    Example:
      nphylo lab detector families --out waves/ --waves 800

    \b
    Exit codes:
      0  all is well
      2  wrong usage
      3  data are missing or wrong
    """
    from neural_phylogeny.detector.measurements import Measurements
    from neural_phylogeny.lab.families.make import FAMILIES, WIDE_FAMILIES, make_waves
    from neural_phylogeny.lab.families.measured import statistics_of
    from neural_phylogeny.lab.families.pictures import TEST_SETS, TRAINING_SETS

    if data is None and not quiet:
        talk("no data folder (--data or NPHYLO_DATA): variants of scikit-learn's digits stand in for the data sets")
    made = 0
    with sink.progress_bar(quiet, "training") as progress:

        def told(path: Path, families: int) -> None:
            nonlocal made
            made += families
            if progress:
                progress(int(path.stem.rpartition("-")[2]) - first + 1, waves)

        make_waves(
            out,
            first,
            first + waves,
            lambda models: dict(Measurements.of(statistics_of(models)).arrays()),
            data=data,
            datasets=TEST_SETS if test_sets else TRAINING_SETS,
            n_families=WIDE_FAMILIES if wide else FAMILIES,
            wide=wide,
            told=told,
        )
    sink.write(f"{out}: {made} families made now, {len(list(out.glob('wave-*.npz')))} waves there", None)
    return OK


@command.command("train")
@click.argument("families", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The detector's file.")
@click.option(
    "--protocol",
    type=click.Choice(["families", "paper"]),
    default="families",
    show_default=True,
    help="`paper`: FAMILIES is DATA/SUITE of kept collections, and OUT gets a JSON of all runs; see `detector paper`.",
)
@click.option("--networks", type=click.IntRange(1), default=3, show_default=True, help="Of the ensemble.")
@click.option("--epochs", type=click.IntRange(1), default=16, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--start", type=weights, help="A detector to go on from: fine-tuning on families of your own.")
@quiet_option
@click.pass_context
def train_detector(
    context: click.Context,
    families: Path,
    out: Path,
    protocol: str,
    networks: int,
    epochs: int,
    seed: int,
    start: Path | None,
    quiet: bool,
) -> int:
    """Train a detector on waves of families.

    Every 25th wave is left out: the best epoch and the temperature of the probabilities are chosen on those. An
    interrupted training goes on from OUT.states/, epoch by epoch.

    \b
    Example:
      nphylo lab detector train waves/ --out mine.safetensors

    \b
    Exit codes:
      0  all is well
      2  wrong usage
      3  there are no waves, or too few
    """
    if protocol == "paper":
        place = families.resolve()
        code: int = context.invoke(paper_command, suite=place.name, data=place.parent, out=out, quiet=quiet)
        return code

    from neural_phylogeny.detector.network import TrainedDetector
    from neural_phylogeny.lab.training.examples import Losses, read_examples
    from neural_phylogeny.lab.training.fit import assessment_lines, fit, wave_files
    from neural_phylogeny.lab.training.train import TrainingRecipe

    begun = None if start is None else TrainedDetector.load(start)
    told = (lambda text: None) if quiet else talk
    recipe = TrainingRecipe(epochs=epochs, seed=seed)
    states = out.with_name(out.name + ".states")
    found = fit(families, networks, recipe, losses=Losses(), start=begun, states=states, told=told)
    digest = found.save(out)
    examples = read_examples(wave_files(families)[1], None)
    sink.write("\n".join([*assessment_lines(found, examples), f"{out}: SHA-256 {digest}"]), None)
    return OK


@command.command("evaluate")
@click.argument("families", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--detector", "path", type=weights, help="Its file; the shipped one without it.")
@click.option("--by", type=click.Choice(["regime", "kind", "head"]), default="regime", show_default=True)
def evaluate_detector(families: Path, path: Path | None, by: str) -> int:
    """Say how right a detector is on waves of families.

    \b
    Example:
      nphylo lab detector evaluate waves/ --by kind

    \b
    Exit codes:
      0  all is well
      2  wrong usage
      3  there are no waves, or the detector cannot be read
    """
    from neural_phylogeny.detector.network import TrainedDetector
    from neural_phylogeny.detector.shipped import detector
    from neural_phylogeny.errors import SavedFileError
    from neural_phylogeny.lab.training.examples import read_examples
    from neural_phylogeny.lab.training.fit import assessment_lines

    chosen = detector() if path is None else TrainedDetector.load(path)
    paths = sorted(families.glob("wave-*.npz"))
    if not paths:
        raise SavedFileError(f"{families}: expected waves of families here, wave-000000.npz and more")
    sink.write("\n".join(assessment_lines(chosen, read_examples(paths, None), by)), None)
    return OK


@command.command("info")
@click.argument("path", type=weights, required=False)
@output_options("text", "json")
def describe(path: Path | None, form: str, output: str | None) -> int:
    """Describe a detector: its network, how it was trained, its SHA-256.

    \b
    Example:
      nphylo lab detector info

    \b
    Exit codes:
      0  all is well
      2  wrong usage
      3  the file cannot be read as a detector
    """
    import hashlib
    from dataclasses import asdict

    from neural_phylogeny.detector.network import TrainedDetector
    from neural_phylogeny.detector.shipped import detector, weights_path
    from neural_phylogeny.reports.json import dumps

    found = detector() if path is None else TrainedDetector.load(path)
    file = path or weights_path()
    numbers = sum(array.size for network in found.networks for array in network.values())
    said = {
        "file": file.name,
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "networks": len(found.networks),
        "parameters": numbers,
        "features": len(found.features),
        "temperature": found.temperature,
        "network": asdict(found.config),
        "about": dict(found.about),
    }
    if form == "json":
        sink.write(dumps({"format": "neural-phylogeny-detector-info", "version": 1, **said}), output)
    else:
        sink.write("\n".join(f"{key:12s} {value}" for key, value in said.items()), output)
    return OK


command.add_command(paper_command)
