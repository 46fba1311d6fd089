"""``nphylo lab train``."""

from __future__ import annotations

from pathlib import Path

import click

from neural_phylogeny.cli import output as sink
from neural_phylogeny.cli.exits import OK, talk
from neural_phylogeny.cli.options import output_options, quiet_option
from neural_phylogeny.lab.commands.bench import cached_option
from neural_phylogeny.lab.commands.options import device_option, existing_file, existing_folder


@click.group("train")
def command() -> None:
    """Train, assess and describe detectors.

    `nphylo tree --method detector` uses the one that ships with the package.

    \b
    Examples:
      nphylo lab train info
      nphylo lab train detector batches/ --out mine.safetensors

    \b
    Exit codes:
      0  all is well
      2  wrong usage
      3  data are missing, or a detector cannot be read
    """


@command.command("detector")
@click.argument("batches", type=existing_folder, nargs=-1, required=True)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The detector's file.")
@click.option("--networks", type=click.IntRange(1), default=3, show_default=True, help="Of the ensemble.")
@click.option("--epochs", type=click.IntRange(1), default=16, show_default=True)
@click.option("--rate", type=click.FloatRange(0.0, min_open=True), help="1.5e-3, and 6e-4 when it goes on.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--start", type=existing_file, help="A detector to go on from;")
@click.option("--shipped", is_flag=True, help="Go on from the detector that ships.")
@click.option("--without", multiple=True, metavar="NAME", help="A generator to be judged on, not to train on.")
@click.option("--most", type=click.IntRange(0), default=0, help="Groups of each generator, at most; 0 for all.")
@device_option
@quiet_option
def train_detector(
    batches: tuple[Path, ...],
    out: Path,
    networks: int,
    epochs: int,
    rate: float | None,
    seed: int,
    start: Path | None,
    shipped: bool,
    without: tuple[str, ...],
    most: int,
    device: str,
    quiet: bool,
) -> int:
    """Train a detector on batches of families, a folder for each generator.

    Every 25th batch is left out: the best epoch and the temperature of the probabilities are chosen on those, each
    generator counting alike. An interrupted training goes on from OUT.states/, epoch by epoch.

    \b
    Examples:
      nphylo lab train detector batches/ --out mine.safetensors
      nphylo lab train detector tiny/ stars/ vision/ --without vision --shipped --epochs 4 --out mine.safetensors

    \b
    Exit codes:
      0  all is well
      2  wrong usage
      3  there are no batches, or too few
    """
    from dataclasses import replace

    from neural_phylogeny.detector.network import TrainedDetector
    from neural_phylogeny.detector.shipped import detector
    from neural_phylogeny.lab.training.ensemble import assessment_lines, by_generator, divided, train_ensemble
    from neural_phylogeny.lab.training.examples import Losses
    from neural_phylogeny.lab.training.train import TrainingRecipe

    recipe = TrainingRecipe(epochs=epochs, seed=seed, rate=rate or 1.5e-3)
    begun = detector() if shipped else None if start is None else TrainedDetector.load(start)
    found = train_ensemble(
        batches,
        networks,
        recipe if begun is None else replace(recipe, rate=rate or 6e-4, average=0.998),
        losses=Losses(),
        start=begun,
        without=without,
        most=most,
        states=out.with_name(out.name + ".states"),
        report=(lambda text: None) if quiet else talk,
        device=device,
    )
    digest = found.save(out)
    lines = []
    for name, examples in by_generator(divided(batches)[1]).items():
        lines += [f"{name}:", *assessment_lines(found, examples)]
    sink.write("\n".join([*lines, f"{out}: SHA-256 {digest}"]), None)
    return OK


@command.command("paper")
@click.argument("suite", metavar="SUITE")
@cached_option
@click.option("--seeds", type=click.IntRange(1), default=2, show_default=True, help="Collections a cell, at most.")
@click.option("--runs", type=click.IntRange(1), default=5, show_default=True, help="Splits of each collection.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="A JSON file of all runs.")
@quiet_option
def paper(suite: str, data: Path | None, seeds: int, runs: int, out: Path | None, quiet: bool) -> int:
    """Train and test by the paper's protocol, on cached collections.

    For each collection and run a detector is trained on seven in ten of the children, with their parents known,
    stopped by one in ten, and tested on the others. Prints a Markdown table, a row a cell.

    \b
    Example:
      nphylo lab train paper paper --seeds 2 --runs 5

    \b
    Exit codes:
      0  all is well
      2  wrong usage
      3  data are missing or damaged
    """
    import json

    from neural_phylogeny.files.atomic import replacing
    from neural_phylogeny.lab.bench.suites import cached_collections, data_folder, find_suite
    from neural_phylogeny.lab.training.protocol import protocol_table, run_protocol

    collections = cached_collections(find_suite(suite), data_folder(data), seeds)
    with sink.progress_bar(quiet, "training") as progress:
        found = run_protocol(collections, runs, progress)
    if out is not None:
        with replacing(out) as file:
            file.write(json.dumps({"suite": suite, "runs": [one.as_dict() for one in found]}, indent=1).encode())
    sink.write(protocol_table(found), None)
    return OK


@command.command("assess")
@click.argument("batches", type=existing_folder)
@click.option("--detector", "path", type=existing_file, help="Its file; the shipped one without it.")
@click.option("--by", type=click.Choice(["topology", "kind", "head"]), default="topology", show_default=True)
def assess_detector(batches: Path, path: Path | None, by: str) -> int:
    """Assess a detector on batches of families, all of them.

    Prints a line for all groups and one for each topology, kind of network or treatment of the head.

    \b
    Example:
      nphylo lab train assess batches/ --by kind

    \b
    Exit codes:
      0  all is well
      2  wrong usage
      3  there are no batches, or the detector cannot be read
    """
    from neural_phylogeny.detector.network import TrainedDetector
    from neural_phylogeny.detector.shipped import detector
    from neural_phylogeny.lab.families.batches import batch_paths
    from neural_phylogeny.lab.training.ensemble import assessment_lines
    from neural_phylogeny.lab.training.examples import read_examples

    chosen = detector() if path is None else TrainedDetector.load(path)
    sink.write("\n".join(assessment_lines(chosen, read_examples(batch_paths(batches), None), by)), None)
    return OK


@command.command("info")
@click.argument("path", type=existing_file, required=False)
@output_options("text", "json")
def describe(path: Path | None, form: str, output: str | None) -> int:
    """Describe a detector: its network, how it was trained, its SHA-256.

    \b
    Example:
      nphylo lab train info

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
    content = {
        "file": file.name,
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "networks": len(found.networks),
        "parameters": sum(array.size for network in found.networks for array in network.values()),
        "features": len(found.features),
        "temperature": found.temperature,
        "network": asdict(found.config),
        "about": dict(found.about),
    }
    if form == "json":
        sink.write(dumps({"format": "neural-phylogeny-detector-info", "version": 1, **content}), output)
    else:
        sink.write("\n".join(f"{key:12s} {value}" for key, value in content.items()), output)
    return OK
