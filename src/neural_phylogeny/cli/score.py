"""``nphylo score``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from neural_phylogeny.cli import output as sink
from neural_phylogeny.cli.exits import OK
from neural_phylogeny.cli.options import output_options, quiet_option
from neural_phylogeny.cli.show import read_result

if TYPE_CHECKING:
    from neural_phylogeny.evaluation.metrics import Scores


@click.command("score")
@click.argument("result", metavar="RESULT.json")
@click.argument("truth", metavar="TRUTH.json")
@output_options("text", "json")
@quiet_option
def command(result: str, truth: str, form: str, output: str | None, quiet: bool) -> int:
    """Compare a result with the known truth.

    RESULT.json comes from `nphylo tree --format json`; TRUTH.json lists known edges, unrelated pairs, siblings and
    copies of the same models. Edges whose certainty begins with "documented" are scored apart from inferred ones.
    Scores that need every relation are given only where the truth is complete. Every mistake is listed by kind.

    \b
    Example:
      nphylo score result.json truth.json

    \b
    Exit codes:
      0  done, whatever the score
      2  wrong usage
      3  a file cannot be read, or the two are about different models
    """
    from neural_phylogeny.evaluation import read_truth, score
    from neural_phylogeny.evaluation.table import as_dict

    with sink.waiting(quiet, f"scoring {os.path.basename(result)}"):
        found = score(read_result(result), read_truth(truth))
    if form == "json":
        from neural_phylogeny.reports.json import dumps

        sink.write(dumps({"format": "neural-phylogeny-scores", "version": 2, **as_dict(found)}), output)
    else:
        sink.write("\n".join([*score_lines(found), *mistake_lines(found)]), output)
    return OK


def score_lines(found: Scores) -> list[str]:
    """The metrics that apply, one line each."""
    from neural_phylogeny.evaluation.table import rows
    from neural_phylogeny.reports.names import safe

    shown = [row for row in rows(found) if row.value is not None]
    width = max((len(row.title) for row in shown), default=0)
    lines = [f"{safe(found.group) or 'scores'}: {found.models} models, copies counted once"]
    lines += [f"  {row.title:<{width}}  {row.value:6.3f}{_counts(row.right, row.total)}" for row in shown]
    for words, names in (("could not be read", found.unread), ("not in the result", found.absent)):
        if names:
            lines.append(f"  {words}: {', '.join(map(safe, names))}")
    return lines


def mistake_lines(found: Scores) -> list[str]:
    """Every mistake by name, a line each, below a heading with their number."""
    from neural_phylogeny.reports.names import safe

    return [f"mistakes: {len(found.mistakes) or 'none'}", *(f"  {safe(str(mistake))}" for mistake in found.mistakes)]


def _counts(right: float | None, total: int | None) -> str:
    return "" if right is None or total is None else f"  ({right:g} of {total})"
