"""``nphylo tree``."""

from __future__ import annotations

from typing import Any

import click

from neural_phylogeny.cli import output as out
from neural_phylogeny.cli.options import evidence_option, format_option, output_option, quiet_option, reading_options
from neural_phylogeny.records import Phylogeny


@click.command("tree")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--method", default="auto", show_default=True, metavar="M", help="One of `nphylo methods`.")
@format_option("text", "json", "newick")
@output_option
@evidence_option
@click.option("--include", multiple=True, metavar="PATTERN", help="Only models whose name or path matches.")
@click.option("--exclude", multiple=True, metavar="PATTERN", help="No models whose name or path matches.")
@click.option("--save-stats", type=click.Path(dir_okay=False), metavar="FILE", help="Keep what the pass measured.")
@click.option("--stats", type=click.Path(dir_okay=False), metavar="FILE", help="Reuse a pass that was kept.")
@reading_options
@quiet_option
def command(paths: tuple[str, ...], form: str, output: str | None, evidence: bool, quiet: bool, **reading: Any) -> int:
    r"""Tell which models were fine-tuned from which.

    PATH is a checkpoint, a folder (walked), a glob in quotes, or a manifest (CSV or JSON with name and path). One
    model is a file, a folder with config.json and shards, a diffusers pipeline, or an adapter folder.

    \b
    Examples:
      nphylo tree models/
      nphylo tree a.safetensors b.pth c.onnx --evidence
      nphylo tree models/ --format json -o result.json

    \b
    Exit codes: 0 ok, 1 nothing could be compared, 2 wrong usage, 3 some inputs unreadable (the rest is drawn).
    """
    from neural_phylogeny.facade import reconstruct

    with out.progress_bar(quiet) as progress:
        answer = reconstruct(list(paths), progress=progress, **reading)
    show(answer, form, output, evidence)
    code = code_of(answer)
    if not quiet:
        _remark(answer, code)
    return code


def show(answer: Phylogeny, form: str, output: str | None, evidence: bool) -> None:
    """Write a result in one of the formats."""
    if form == "json":
        out.write(answer.to_json(), output)
    elif form == "newick":
        out.write(answer.to_newick(), output)
    else:
        from neural_phylogeny.reports.text import render

        out.draw(render(answer, evidence=evidence), output)


def code_of(answer: Phylogeny) -> int:
    """Exit code of a result."""
    if sum(model.family is not None for model in answer.models) < 2:
        return out.NOTHING_COMPARED
    return out.SOME_UNREADABLE if answer.skipped else out.OK


def _remark(answer: Phylogeny, code: int) -> None:
    for skipped in answer.skipped:
        out.talk(f"{skipped.path}: {skipped.reason}")
    if code == out.NOTHING_COMPARED:
        out.talk(f"nothing could be compared: {len(answer.models)} readable models, at least two must share matrices")
