"""``nphylo lab paper``."""

from __future__ import annotations

from pathlib import Path

import click

from neural_phylogeny.cli import output as sink
from neural_phylogeny.cli.exits import OK, talk
from neural_phylogeny.cli.options import quiet_option
from neural_phylogeny.lab.commands.bench import cached_option
from neural_phylogeny.lab.commands.options import folder


@click.command("paper")
@cached_option
@click.option("--seeds", type=click.IntRange(1), default=8, show_default=True, help="Collections a cell, at most.")
@click.option("--out", type=folder, default=Path("paper"), show_default=True, help="Results, and the page paper.md.")
@quiet_option
def command(data: Path | None, seeds: int, out: Path, quiet: bool) -> int:
    """Repeat the paper's experiments: its methods and ours, one page.

    Fully connected, convolutional, residual networks and ViT by data and shots; Llama and Stable Diffusion; chains of
    generations; the learned detector with the paper's split. From cached statistics: the repository holds one seed a
    cell. What is in OUT already is not run again, so that an interrupted programme goes on; remove a file of it to run
    that part anew.

    \b
    Examples:
      nphylo lab paper --out paper/
      nphylo lab paper --data cached/ --seeds 8 --out paper/

    \b
    Exit codes:
      0  all is well
      2  wrong usage
      3  data are missing or damaged
    """
    from neural_phylogeny.files.atomic import replacing
    from neural_phylogeny.lab.bench.plots import heat_map
    from neural_phylogeny.lab.bench.programme import draw_forest, page, run_missing, run_protocol_missing
    from neural_phylogeny.lab.bench.suites import cached_collections, data_folder, find_suite

    progress = (lambda line: None) if quiet else talk
    place = data_folder(data)
    results = run_missing(place, out / "results", seeds, progress)
    protocol = run_protocol_missing(
        cached_collections(find_suite("paper"), place, 1), out / "results" / "protocol.json", progress
    )
    heat_map("the paper's grid", results["paper"], "overall", out / "paper.png")
    trees = [kept for kept in cached_collections(find_suite("generations"), place, 1) if kept.cell.endswith("fc-trees")]
    draw_forest(trees[0], out / "forest.png")
    with replacing(out / "paper.md") as file:
        file.write(page(results, protocol, "paper.png", "forest.png").encode())
    sink.write(str(out / "paper.md"), None)
    return OK
