"""``nphylo tree``."""

from __future__ import annotations

from typing import Any

import click

from neural_phylogeny.cli import exits
from neural_phylogeny.cli import output as sink
from neural_phylogeny.cli.options import (
    checked_output,
    drawing_options,
    filter_options,
    formats_help,
    method_option,
    output_options,
    quiet_option,
    reading_options,
    seeds_option,
)
from neural_phylogeny.cli.pictures import PICTURES, picture_options, save_pictures
from neural_phylogeny.records import Phylogeny
from neural_phylogeny.reports.formats import FORMATS


@click.command("tree", epilog=formats_help())
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@method_option
@output_options(*FORMATS)
@drawing_options
@click.option(
    "--support",
    type=click.IntRange(0),
    default=0,
    metavar="N",
    help="Bootstrap over weight matrices: N resamples, support as the share that recover an edge or a root (try 20); "
    "and concordance, the share of up to N matrices that agree by themselves.",
)
@seeds_option
@filter_options
@click.option(
    "--save-stats",
    callback=checked_output,
    metavar="FILE",
    help="Write the statistics of the pass, to be reused with --stats.",
)
@click.option("--stats", metavar="FILE", help="Reuse cached statistics of the same models.")
@click.option(
    "--hashes/--no-hashes",
    default=None,
    help="Record the SHA-256 of every input, at the cost of reading all bytes; by default with --html alone.",
)
@picture_options
@reading_options
@quiet_option
def command(
    paths: tuple[str, ...],
    form: str,
    output: str | None,
    evidence: bool,
    depth: int | None,
    family: str | None,
    explain: str | None,
    quiet: bool,
    hashes: bool | None,
    **reading: Any,
) -> int:
    """Reconstruct which models were fine-tuned from which.

    PATH is a checkpoint, a folder (searched with its subfolders), a glob in quotes, or a manifest (CSV or JSON with
    name and path). One model is a file, a folder with config.json and shards, a diffusers pipeline, or an adapter
    folder.

    \b
    Examples:
      nphylo tree models/
      nphylo tree a.safetensors b.pth c.onnx --evidence
      nphylo tree models/ -o result.json
      nphylo tree models/ --html report.html
      nphylo tree models/ --explain c.onnx
      nphylo tree models/ --explain c.onnx -o why.json

    \b
    Exit codes:
      0  success
      1  nothing could be compared; the result is written all the same, with empty lists
      2  wrong usage
      3  some inputs could not be read; the result covers the rest
    """
    from neural_phylogeny.reconstruction.api import reconstruct

    check_explain(form, explain)
    pictures = {name: reading.pop(name) for name in PICTURES}
    if hashes is None:
        hashes = pictures["html"] is not None or form == "html"
    with sink.progress_bar(quiet) as progress:
        answer = reconstruct(list(paths), progress=progress, hashes=hashes, **reading)
    show(answer, form, output, evidence, explain, depth, family)
    save_pictures(answer, pictures, quiet)
    code = code_of(answer)
    if not quiet and explain is None:
        _remark(answer, code, is_drawn=form == "text" and output is None)
    return code


def check_explain(form: str, explain: str | None) -> None:
    """Refuse an explanation in a format of results before anything is read. Raises click.UsageError."""
    if explain is not None and form not in ("text", "json"):
        raise click.UsageError(f"--explain writes text or json, not {form}")


def show(
    answer: Phylogeny,
    form: str,
    output: str | None,
    evidence: bool,
    explain: str | None = None,
    depth: int | None = None,
    family: str | None = None,
) -> None:
    """Write a result, or the explanation of one of its models, in one of the formats."""
    if explain is not None:
        _show_explanation(answer, explain, form, output)
    elif form != "text":
        sink.write(FORMATS[form].write(answer), output)
    else:
        from neural_phylogeny.reports.text import render

        on_screen = output in (None, sink.STDOUT) and sink.terminal() is not None
        drawing = render(answer, evidence=evidence, depth=depth, family=family, is_terminal=on_screen)
        sink.draw(drawing, output)


def _show_explanation(answer: Phylogeny, model: str, form: str, output: str | None) -> None:
    from neural_phylogeny.reconstruction.explain import explain

    explanation = explain(answer, model)
    if form == "json":
        from neural_phylogeny.reports.json import explanation_to_json

        sink.write(explanation_to_json(explanation), output)
    else:
        from neural_phylogeny.reports.reasons import render_explanation

        sink.draw(render_explanation(explanation), output)


def code_of(answer: Phylogeny) -> int:
    """Exit code of a result."""
    undecided = {name for group in answer.undecided for name in group.models}
    if sum(model.family is not None or model.name in undecided for model in answer.models) < 2:
        return exits.NOTHING_COMPARED
    return exits.SOME_UNREADABLE if any(skipped.is_model for skipped in answer.skipped) else exits.OK


def _remark(answer: Phylogeny, code: int, is_drawn: bool) -> None:
    """Summary, skipped inputs and warnings on stderr; a drawing on the screen holds them already."""
    from neural_phylogeny.reports.families import count, few, summary

    if not is_drawn:
        exits.talk(summary(answer))
        for path, reason in few([(skipped.path, skipped.reason) for skipped in answer.skipped]):
            exits.talk(f"skipped {path}: {reason}")
    if code == exits.NOTHING_COMPARED:
        found = count(len(answer.models), "readable model")
        exits.talk(f"nothing could be compared: {found}, and at least two must share weights")
    elif code == exits.SOME_UNREADABLE:
        exits.talk(f"{sum(skipped.is_model for skipped in answer.skipped)} of the inputs could not be used in full")
