"""``nphylo compare``."""

from __future__ import annotations

from typing import Any

import click

from neural_phylogeny.cli import output as out
from neural_phylogeny.cli.options import format_option, output_option, reading_options


@click.command("compare")
@click.argument("a")
@click.argument("b")
@format_option("text", "json")
@output_option
@reading_options
def command(a: str, b: str, form: str, output: str | None, **reading: Any) -> int:
    r"""Everything the weights say of two models: kin or strangers, which came first, tensor by tensor.

    \b
    Example:
      nphylo compare ours.safetensors theirs.pth

    \b
    Exit codes: 0 ok, 1 they cannot be compared, 2 wrong usage, 3 one was read only in part.
    """
    from neural_phylogeny.facade import compare
    from neural_phylogeny.reports.json import comparison_to_json
    from neural_phylogeny.reports.text import render_comparison

    found = compare(a, b, **reading)
    if form == "json":
        out.write(comparison_to_json(found), output)
    else:
        out.draw(render_comparison(found), output)
    if found.verdict == "not comparable":
        return out.NOTHING_COMPARED
    return out.SOME_UNREADABLE if found.skipped else out.OK
