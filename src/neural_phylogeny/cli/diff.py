"""``nphylo diff``."""

from __future__ import annotations

import os

import click

from neural_phylogeny.cli import exits
from neural_phylogeny.cli import output as sink
from neural_phylogeny.cli.options import checked_output, component_option, every_option, output_options, quiet_option


@click.command("diff")
@click.argument("a")
@click.argument("b")
@output_options("text", "json", "svg", "png")
@click.option(
    "--svg", metavar="FILE", callback=checked_output, help="Draw the change of each tensor into this file too."
)
@click.option("--png", metavar="FILE", callback=checked_output, help="The same as a PNG picture.")
@every_option
@component_option
@quiet_option
def command(
    a: str,
    b: str,
    form: str,
    output: str | None,
    svg: str | None,
    png: str | None,
    every: bool,
    quiet: bool,
    component: str | None,
) -> int:
    """Show what changed from model A to model B.

    For each tensor that both have: the relative change, the effective rank of the step, the share of entries that are
    equal, whether it is frozen, and new rows, as of a larger vocabulary. The hundred that changed most are listed, or
    with --all every one. Every value of both is read. Pictures need the extra `figures`.

    \b
    Examples:
      nphylo diff base.safetensors tuned.safetensors
      nphylo diff base/ tuned/ --svg changes.svg

    \b
    Exit codes:
      0  done, whatever changed
      1  they have no tensor in common
      2  wrong usage
      3  one of them could not be read
    """
    from neural_phylogeny.reconstruction.api import diff
    from neural_phylogeny.reconstruction.named import one_model
    from neural_phylogeny.reports import difference as shown

    paths = [one_model(path, component) for path in (a, b)]
    with sink.progress_bar(quiet) as progress:
        found = diff(paths, component=component, progress=progress)
    for kind, path in (("svg", svg), ("png", png)):
        if path is not None:
            with sink.waiting(quiet, f"drawing {os.path.basename(path)}"):
                picture = shown.changes_picture(found, kind)
            sink.write(picture, path)
    if form == "json":
        sink.write(shown.changes_to_json(found), output)
    elif form in ("svg", "png"):
        sink.write(shown.changes_picture(found, form), output)
    else:
        sink.draw(shown.render_changes(found, every), output)
    return exits.OK
