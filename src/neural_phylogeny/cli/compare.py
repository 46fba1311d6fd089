"""``nphylo compare``."""

from __future__ import annotations

from typing import Any

import click

from neural_phylogeny.cli import exits
from neural_phylogeny.cli import output as sink
from neural_phylogeny.cli.options import every_option, output_options, quiet_option, reading_options, seeds_option


@click.command("compare")
@click.argument("a")
@click.argument("b", required=False)
@output_options("text", "json")
@click.option("--explain", is_flag=True, help="Show the three cheapest explanations with their prices in bits.")
@every_option
@seeds_option
@reading_options
@quiet_option
def command(
    a: str, b: str | None, form: str, output: str | None, explain: bool, every: bool, quiet: bool, **reading: Any
) -> int:
    """Compare two models.

    Whether they are related, which is the parent and why, and their similarity tensor by tensor: the hundred that
    differ most, or with --all every one. A alone may be a folder, a glob in quotes or a manifest with two models.

    \b
    Example:
      nphylo compare ours.safetensors theirs.pth

    \b
    Exit codes:
      0  done, whatever the answer
      1  they cannot be compared
      2  wrong usage
      3  one of them could be read only in part
    """
    from neural_phylogeny.reconstruction.api import compare

    with sink.progress_bar(quiet) as progress:
        found = compare(a, b, progress=progress, **reading)
    if form == "json":
        from neural_phylogeny.reports.json import comparison_to_json

        sink.write(comparison_to_json(found), output)
    else:
        from neural_phylogeny.reports.comparison import render_comparison

        sink.draw(render_comparison(found, explain, every), output)
    if found.verdict in ("not comparable", "not enough in common"):
        return exits.NOTHING_COMPARED
    return exits.SOME_UNREADABLE if any(skipped.is_model for skipped in found.skipped) else exits.OK
