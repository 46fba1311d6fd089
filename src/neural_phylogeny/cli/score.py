"""``nphylo score``."""

from __future__ import annotations

import json

import click

from neural_phylogeny.cli import output as out
from neural_phylogeny.cli.options import format_option, output_option
from neural_phylogeny.cli.show import read_result


@click.command("score")
@click.argument("result")
@click.argument("truth")
@format_option("text", "json")
@output_option
def command(result: str, truth: str, form: str, output: str | None) -> int:
    r"""How right a result is, against a truth file.

    RESULT comes from `nphylo tree --format json`; TRUTH lists the documented edges, unrelated pairs and copies of
    the same models. Only claims whose certainty begins with "documented" are scored.

    \b
    Example:
      nphylo score result.json truth.json

    \b
    Exit codes: 0 ok, 2 wrong usage or unreadable file.
    """
    from neural_phylogeny.evaluation.metrics import score
    from neural_phylogeny.evaluation.truth import read_truth

    found = score(read_result(result), read_truth(truth))
    if form == "json":
        out.write(json.dumps(found.as_dict(), indent=1) + "\n", output)
    else:
        out.write("".join(f"{name:20s} {value}\n" for name, value in found.as_rows()), output)
    return 0
