"""``nphylo inspect``."""

from __future__ import annotations

import json
from typing import Any

import click

from neural_phylogeny.cli import output as out
from neural_phylogeny.cli.options import format_option, output_option


@click.command("inspect")
@click.argument("path")
@click.option("--component", metavar="NAME", help="Which state dict to look at, of several in a file.")
@format_option("text", "json")
@output_option
def command(path: str, component: str | None, form: str, output: str | None) -> int:
    r"""What is in a checkpoint, or in each of a folder: tensors, components, what was left out and why.

    Reads headers only, no weights.

    \b
    Example:
      nphylo inspect model.pth

    \b
    Exit codes: 0 ok, 1 no checkpoint found, 2 wrong usage, 3 some inputs unreadable.
    """
    from neural_phylogeny.sources import discover, open_all

    refs, skipped = discover([path], component=component)
    opened, unopened = open_all(refs)
    models = [_described(ref.name, ref.path, checkpoint) for ref, checkpoint in opened]
    for _, checkpoint in opened:
        checkpoint.close()
    left_out = [{"path": item.path, "reason": item.reason} for item in (*skipped, *unopened)]
    if form == "json":
        out.write(json.dumps({"models": models, "skipped": left_out}, indent=1) + "\n", output)
    else:
        from neural_phylogeny.reports.inspection import render_inspection

        out.draw(render_inspection(models, left_out), output)
    if not models:
        return out.SOME_UNREADABLE if unopened else out.NOTHING_COMPARED
    return out.SOME_UNREADABLE if left_out else out.OK


def _described(name: str, path: str, checkpoint: Any) -> dict[str, Any]:
    from neural_phylogeny.sources.opening import format_of
    from neural_phylogeny.tensors.roles import Role, role_of

    tensors = [
        {"name": t.name, "shape": list(t.shape), "dtype": t.dtype, "role": str(role_of(t))}
        for t in checkpoint.tensors.values()
    ]
    return {
        "name": name,
        "path": path,
        "format": format_of(checkpoint),
        "parameters": sum(t.size for t in checkpoint.tensors.values() if role_of(t) is not Role.BUFFER),
        "components": list(checkpoint.components),
        "notes": list(checkpoint.notes),
        "tensors": tensors,
    }
