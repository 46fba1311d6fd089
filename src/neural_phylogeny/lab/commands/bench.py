"""``nphylo lab bench``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from neural_phylogeny.cli import output as sink
from neural_phylogeny.cli.exits import OK, talk
from neural_phylogeny.cli.options import quiet_option
from neural_phylogeny.lab.commands.options import DIGITS, existing_folder, folder

if TYPE_CHECKING:
    from neural_phylogeny.lab.bench.runs import Result

RESULTS = Path("results")
DEFAULT_METHODS = "all"

cached_option = click.option(
    "--data", type=folder, help="Cached collections, SUITE/CELL/SEED.npz; those of the repository without it."
)


@click.group("bench")
def command() -> None:
    """Score every method alike on families with known truth.

    `cache` measures collections once, `run` applies methods to the cached statistics, `report` makes the tables.

    \b
    Examples:
      nphylo lab bench run --quick
      nphylo lab bench run paper mixed --methods auto,mother
      nphylo lab bench report --out tables/

    \b
    Exit codes:
      0  all is well
      2  wrong usage
      3  data are missing or damaged
    """


@command.command("cache")
@click.argument("suite", metavar="SUITE")
@click.argument("collections", type=existing_folder, metavar="FOLDER")
@click.option("--out", type=folder, help="Where the files go; into the data of the repository without it.")
@quiet_option
def cache_collections(suite: str, collections: Path, out: Path | None, quiet: bool) -> int:
    """Measure collections once and store the statistics.

    FOLDER holds CELL/SEED/truth.json with the checkpoints beside it, as `nphylo lab zoo make` writes them, or
    GROUP/truth.json. Only cells of the suite's recipes are taken; what is there already is left as it is.

    \b
    Example:
      nphylo lab bench cache paper families/

    \b
    Exit codes:
      0  all is well
      2  wrong usage
      3  no collections there
    """
    from neural_phylogeny.lab.bench.cached import cache, find_collections
    from neural_phylogeny.lab.bench.suites import cells_of, data_folder, find_suite

    chosen = find_suite(suite)
    wanted = cells_of(chosen)
    target = data_folder(out) / suite
    found = [entry for entry in find_collections(collections) if wanted is None or entry[0] in wanted]
    new = 0
    with sink.progress_bar(quiet, "measuring") as progress:
        for done, (cell, seed, place) in enumerate(found):
            if progress:
                progress(done, len(found))
            new += cache(place, target / cell / f"{seed}.npz")
    sink.write(f"{target}: {len(found)} collections, {new} of them measured now", None)
    return OK


@command.command("run")
@click.argument("suites", nargs=-1, metavar="[SUITE]...")
@click.option(
    "--methods", default=DEFAULT_METHODS, show_default=True, metavar="A,B", help="As `nphylo methods` lists them."
)
@click.option("--seeds", type=click.IntRange(1), default=8, show_default=True, help="Collections a cell, at most.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of methods that draw.")
@cached_option
@click.option("--out", type=folder, default=RESULTS, show_default=True, help="SUITE/METHOD.json go here.")
@click.option("--quick", is_flag=True, help="Train small families first and run on them: the whole chain in a minute.")
@quiet_option
def run(
    suites: tuple[str, ...], methods: str, seeds: int, seed: int, data: Path | None, out: Path, quick: bool, quiet: bool
) -> int:
    """Run methods on the cached collections of suites.

    Suites: paper, mixed, generations, strangers, wild, decoder, encoder, vision, diffusion, formats, sweeps,
    quick. Writes one JSON file for each suite and method, and a line for each to stdout.

    \b
    Examples:
      nphylo lab bench run paper --seeds 8 --out results/
      nphylo lab bench run --quick

    \b
    Exit codes:
      0  all is well
      2  wrong usage
      3  data are missing or damaged
    """
    from neural_phylogeny.errors import UnknownChoiceError
    from neural_phylogeny.lab.bench.runs import run_suite, write_results
    from neural_phylogeny.lab.bench.suites import cached_collections, data_folder, find_suite
    from neural_phylogeny.reconstruction.api import METHODS

    if not suites and not quick:
        raise click.UsageError("name a suite, or give --quick")
    names = list(METHODS) if methods == DEFAULT_METHODS else methods.split(",")
    for name in names:
        if name not in METHODS:
            raise UnknownChoiceError("method", name, METHODS)
    chosen = [find_suite(name) for name in ([*suites, "quick"] if quick else suites)]
    if quick:
        data = _trained(out, min(seeds, 2), quiet) if set(suites) <= {"quick"} else data
    for suite in chosen:
        collections = cached_collections(suite, data_folder(data), seeds)
        with sink.progress_bar(quiet, suite.name) as progress:
            results = run_suite(collections, names, seed, progress)
        for name, found in results.items():
            write_results(out, suite.name, METHODS[name], seed, found)
            sink.write(f"{suite.name:12s} {name:22s} {_line(found, suite.metrics)}", None)
    return OK


def _trained(out: Path, seeds: int, quiet: bool) -> Path:
    """Train collections of each cell of the quick suite and measure them; the folder of cached collections."""
    from neural_phylogeny.lab.bench.cached import cache, find_collections
    from neural_phylogeny.lab.bench.suites import SUITES
    from neural_phylogeny.lab.zoo.make import make
    from neural_phylogeny.lab.zoo.recipes import read_recipe

    named = os.environ.get("NPHYLO_DATA")
    if not named and not quiet:
        talk(DIGITS)
    families = out / "quick-families"
    for recipe in SUITES["quick"].recipes:
        with sink.progress_bar(quiet, "training") as progress:
            source = Path(named).resolve() if named else None
            make(
                read_recipe(recipe),
                families,
                collections=seeds,
                jobs=os.cpu_count() or 1,
                data=source,
                progress=progress,
            )
    for cell, seed, place in find_collections(families):
        cache(place, out / "quick-cached" / "quick" / cell / f"{seed}.npz")
    return out / "quick-cached"


def _line(results: list[Result], metrics: tuple[str, ...]) -> str:
    from neural_phylogeny.lab.bench.aggregate import summarise
    from neural_phylogeny.lab.bench.report import METRICS

    shown = ((METRICS[metric], summarise(results, metric)) for metric in metrics)
    parts = [f"{title} {s.micro:.3f} [{s.low:.3f}, {s.high:.3f}]" if s else f"{title} –" for title, s in shown]
    return f"{'  '.join(parts)}  {sum(result.seconds for result in results):.1f} s"


@command.command("report")
@click.option("--results", type=folder, default=RESULTS, show_default=True, help="What `run` wrote.")
@click.option("--out", type=folder, required=True, help="SUITE.md and SUITE.png go here.")
@click.option("--methods", default=DEFAULT_METHODS, show_default=True, metavar="A,B", help="Columns, in this order.")
def report(results: Path, out: Path, methods: str) -> int:
    """Make tables and pictures of results.

    \b
    Example:
      nphylo lab bench report --results results/ --out tables/

    \b
    Exit codes:
      0  all is well
      2  wrong usage
      3  results are missing or damaged
    """
    from neural_phylogeny.errors import SavedFileError
    from neural_phylogeny.files.atomic import replacing
    from neural_phylogeny.lab.bench.plots import heat_map
    from neural_phylogeny.lab.bench.report import page
    from neural_phylogeny.lab.bench.runs import read_results
    from neural_phylogeny.lab.bench.suites import SUITES
    from neural_phylogeny.reconstruction.api import METHODS

    names = list(METHODS) if methods == DEFAULT_METHODS else methods.split(",")
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for suite in SUITES.values():
        paths = [path for name in names if (path := results / suite.name / f"{name}.json").is_file()]
        if not paths:
            continue
        found = {method: rows for _, method, rows in map(read_results, paths)}
        heat_map(suite.name, found, suite.metrics[0], out / f"{suite.name}.png")
        with replacing(out / f"{suite.name}.md") as file:
            file.write(page(suite, found, f"{suite.name}.png").encode())
        written.append(f"{out / suite.name}.md")
    if not written:
        raise SavedFileError(f"{results}: expected SUITE/METHOD.json here, as `nphylo lab bench run` writes them")
    sink.write("\n".join(written), None)
    return OK
