"""``nphylo inspect``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from neural_phylogeny.cli import exits
from neural_phylogeny.cli import output as sink
from neural_phylogeny.cli.options import (
    component_option,
    download_option,
    every_option,
    filter_options,
    formats_option,
    limit_option,
    output_options,
    quiet_option,
)
from neural_phylogeny.errors import shown
from neural_phylogeny.inputs import ModelRef

if TYPE_CHECKING:
    from neural_phylogeny.formats import Checkpoint


@click.command("inspect")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@component_option
@formats_option
@limit_option
@download_option
@output_options("text", "json")
@every_option
@filter_options
@quiet_option
def command(
    paths: tuple[str, ...],
    component: str | None,
    form: str,
    output: str | None,
    every: bool,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    quiet: bool,
) -> int:
    """List the tensors in checkpoints.

    The largest hundred of each, or with --all every one. Also components, and what was left out and why. Reads
    headers only and executes nothing.

    \b
    Example:
      nphylo inspect model.pth

    \b
    Exit codes:
      0  success
      2  wrong usage
      3  some inputs could not be read; the rest is listed
    """
    from neural_phylogeny.files.activity import announced
    from neural_phylogeny.sources import open_models
    from neural_phylogeny.sources.far import released

    with sink.progress_bar(quiet):
        opened, skipped = open_models(paths, include=include, exclude=exclude, component=component)
        names = [ref.name for ref, _ in opened]
        models = [_described(ref, checkpoint) for ref, checkpoint in announced("listing", opened, names)]
        for _, checkpoint in opened:
            checkpoint.close()
        released([ref for ref, _ in opened])
    left_out = [{"path": item.path, "reason": item.reason, "is_model": item.is_model} for item in skipped]
    if form == "json":
        from neural_phylogeny.reports.json import dumps

        header = {"format": "neural-phylogeny-inspection", "version": 1}
        sink.write(dumps({**header, "models": models, "skipped": left_out}), output)
    else:
        from neural_phylogeny.reports.inspection import render_inspection

        sink.draw(render_inspection(models, left_out, every), output)
    return exits.SOME_UNREADABLE if any(item.is_model for item in skipped) else exits.OK


def _described(ref: ModelRef, checkpoint: Checkpoint) -> dict[str, Any]:
    from neural_phylogeny.sources.opening import format_of
    from neural_phylogeny.tensors.architectures import rules_of
    from neural_phylogeny.tensors.roles import Role, role_of

    rules = rules_of(checkpoint.tensors)
    roles = {name: role_of(tensor, rules) for name, tensor in checkpoint.tensors.items()}
    return {
        "name": ref.name,
        "path": shown(ref.path),
        "format": format_of(checkpoint),
        "parameters": sum(t.size for name, t in checkpoint.tensors.items() if roles[name] is not Role.BUFFER),
        "components": list(checkpoint.components),
        "notes": list(checkpoint.notes),
        "tensors": [
            {"name": name, "shape": list(tensor.shape), "dtype": tensor.dtype, "role": str(roles[name])}
            for name, tensor in checkpoint.tensors.items()
        ],
    }
