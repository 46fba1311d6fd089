"""``nphylo show``."""

from __future__ import annotations

from pathlib import Path

import click

from neural_phylogeny.cli.options import evidence_option, format_option, output_option
from neural_phylogeny.cli.tree import show
from neural_phylogeny.errors import SavedFileError
from neural_phylogeny.records import Phylogeny


@click.command("show")
@click.argument("result")
@format_option("text", "json", "newick")
@output_option
@evidence_option
def command(result: str, form: str, output: str | None, evidence: bool) -> int:
    r"""Draw a saved result again.

    \b
    Example:
      nphylo show result.json --evidence

    \b
    Exit codes: 0 ok, 2 wrong usage or not a result file.
    """
    show(read_result(result), form, output, evidence)
    return 0


def read_result(path: str) -> Phylogeny:
    """A result file from disk. Raises SavedFileError when it is missing or not one."""
    from neural_phylogeny.reports.json import from_json

    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise SavedFileError(f"{path}: {str(error.strerror).lower()}") from error
    except UnicodeDecodeError as error:
        raise SavedFileError(f"{path}: not a result file: not text") from error
    return from_json(text, path)
