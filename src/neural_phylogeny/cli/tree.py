"""``nphylo tree``."""

from __future__ import annotations

from typing import Any

import click

from neural_phylogeny.cli import exits
from neural_phylogeny.cli import output as sink
from neural_phylogeny.cli.options import (
    evidence_option,
    explain_option,
    filter_options,
    method_option,
    output_options,
    quiet_option,
    reading_options,
)
from neural_phylogeny.records import Phylogeny


@click.command("tree")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@method_option
@output_options("text", "json", "newick")
@evidence_option
@explain_option
@click.option(
    "--support",
    type=click.IntRange(0),
    default=0,
    metavar="N",
    help="Draw the matrices anew N times and say how often each edge is found again; 20 is a good number.",
)
@filter_options
@click.option("--save-stats", type=click.Path(dir_okay=False), metavar="FILE", help="Keep what the pass measured.")
@click.option("--stats", type=click.Path(), metavar="FILE", help="Reuse a pass that was kept.")
@reading_options
@quiet_option
def command(
    paths: tuple[str, ...],
    form: str,
    output: str | None,
    evidence: bool,
    explain: str | None,
    quiet: bool,
    **reading: Any,
) -> int:
    """Tell which models were fine-tuned from which.

    PATH is a checkpoint, a folder (walked), a glob in quotes, or a manifest (CSV or JSON with name and path). One
    model is a file, a folder with config.json and shards, a diffusers pipeline, or an adapter folder.

    \b
    Examples:
      nphylo tree models/
      nphylo tree a.safetensors b.pth c.onnx --evidence
      nphylo tree models/ -o result.json
      nphylo tree models/ --explain c.onnx
      nphylo tree models/ --explain c.onnx -o why.json

    \b
    Exit codes:
      0  all is well
      1  nothing could be compared; the result, with empty lists if need be, is written all the same
      2  wrong usage
      3  some inputs could not be read; the tree of the rest is given
    """
    from neural_phylogeny.reconstruction.api import reconstruct

    check_explain(form, explain)
    with sink.progress_bar(quiet) as progress:
        answer = reconstruct(list(paths), progress=progress, **reading)
    show(answer, form, output, evidence, explain)
    code = code_of(answer)
    if not quiet and explain is None:
        _remark(answer, code, is_drawn=form == "text" and output is None)
    return code


def check_explain(form: str, explain: str | None) -> None:
    """Say before anything is read that an explanation has no Newick form."""
    if explain is not None and form == "newick":
        raise click.UsageError("--explain writes text or json, not newick")


def show(answer: Phylogeny, form: str, output: str | None, evidence: bool, explain: str | None = None) -> None:
    """Write a result, or why one of its models stands where it does, in one of the formats."""
    if explain is not None:
        _show_explanation(answer, explain, form, output)
    elif form == "json":
        sink.write(answer.to_json(), output)
    elif form == "newick":
        sink.write(answer.to_newick(), output)
    else:
        from neural_phylogeny.reports.text import render

        sink.draw(render(answer, evidence=evidence), output)


def _show_explanation(answer: Phylogeny, model: str, form: str, output: str | None) -> None:
    from neural_phylogeny.reports.explanation import explain

    explanation = explain(answer, model)
    if form == "json":
        from neural_phylogeny.reports.json import explanation_to_json

        sink.write(explanation_to_json(explanation), output)
    else:
        from neural_phylogeny.reports.reasons import render_explanation

        sink.draw(render_explanation(explanation), output)


def code_of(answer: Phylogeny) -> int:
    """Exit code of a result."""
    if sum(model.family is not None for model in answer.models) < 2:
        return exits.NOTHING_COMPARED
    return exits.SOME_UNREADABLE if any(skipped.is_model for skipped in answer.skipped) else exits.OK


def _remark(answer: Phylogeny, code: int, is_drawn: bool) -> None:
    """What the reader of a file or a pipe should know; a drawing on the screen says it already."""
    if not is_drawn:
        from neural_phylogeny.reports.families import summary

        exits.talk(summary(answer))
        for skipped in answer.skipped:
            exits.talk(f"skipped {skipped.path}: {skipped.reason}")
    if code == exits.NOTHING_COMPARED:
        exits.talk(
            f"nothing could be compared: {len(answer.models)} readable model(s), and at least two must share weights"
        )
    elif code == exits.SOME_UNREADABLE:
        exits.talk(f"{sum(skipped.is_model for skipped in answer.skipped)} of the inputs could not be used in full")
