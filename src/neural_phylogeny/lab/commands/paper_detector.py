"""``nphylo lab detector paper``: the paper's protocol, run by run."""

from __future__ import annotations

import json
import time
from pathlib import Path

import click

from neural_phylogeny.cli import output as sink
from neural_phylogeny.cli.exits import OK
from neural_phylogeny.cli.options import quiet_option


@click.command("paper")
@click.argument("suite", metavar="SUITE")
@click.option("--data", type=click.Path(file_okay=False, path_type=Path), default=Path("benchmarks/data"))
@click.option("--seeds", type=click.IntRange(1), default=2, show_default=True, help="Collections a cell, at most.")
@click.option("--runs", type=click.IntRange(1), default=5, show_default=True, help="Splits of each collection.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="A JSON file of all runs.")
@quiet_option
def command(suite: str, data: Path, seeds: int, runs: int, out: Path | None, quiet: bool) -> int:
    """Train and test by the paper's protocol, on kept collections.

    For each collection and run a detector is trained on seven in ten of the children, with their parents known,
    stopped by one in ten, and tested on the others. Prints a Markdown table, a row a cell.

    \b
    Example:
      nphylo lab detector paper paper --seeds 2 --runs 5

    \b
    Exit codes:
      0  all is well
      2  wrong usage
      3  data are missing or damaged
    """
    import numpy as np

    from neural_phylogeny.atomic_files import replacing
    from neural_phylogeny.lab.bench.suites import find_suite, kept_collections
    from neural_phylogeny.lab.training.paper import run

    collections = kept_collections(find_suite(suite), data, seeds)
    rows = []
    with sink.progress_bar(quiet, "training") as progress:
        for done, kept in enumerate(collections):
            if progress:
                progress(done, len(collections))
            (group,) = [group for group in kept.collection.groups if len(group.members) == len(kept.collection.refs)]
            names = [kept.collection.refs[model].name for model in group.members]
            parent_of = {edge.child: names.index(edge.parent) for edge in kept.truth.edges}
            parents = np.array([parent_of.get(name, -1) for name in names])
            for seed in range(runs):
                started = time.perf_counter()
                found = run(group.statistics, parents, seed)
                rows.append((kept.cell, kept.seed, seed, found, time.perf_counter() - started))
    lines = ["| cell | runs | overall | lowest run | pair direction | s / run |", "|---|---:|---:|---:|---:|---:|"]
    for cell in dict.fromkeys(row[0] for row in rows):
        chosen = [row for row in rows if row[0] == cell]
        children = sum(row[3].children for row in chosen)
        lines.append(
            f"| {cell} | {len(chosen)} | {sum(row[3].right for row in chosen) / children:.3f} | "
            f"{min(row[3].right / row[3].children for row in chosen):.2f} | "
            f"{sum(row[3].directed for row in chosen) / children:.3f} | {np.mean([row[4] for row in chosen]):.2f} |"
        )
    if out is not None:
        keys = ("cell", "collection", "run", "right", "directed", "children")
        plain = [dict(zip(keys, (c, s, r, f.right, f.directed, f.children), strict=True)) for c, s, r, f, _ in rows]
        with replacing(out) as file:
            file.write(json.dumps({"suite": suite, "runs": plain}, indent=1).encode())
    sink.write("\n".join(lines), None)
    return OK
