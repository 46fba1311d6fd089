"""``nphylo show``."""

from __future__ import annotations

import os
import sys

import click

from neural_phylogeny.cli import output as sink
from neural_phylogeny.cli.exits import OK
from neural_phylogeny.cli.options import (
    drawing_options,
    formats_help,
    output_options,
    quiet_option,
)
from neural_phylogeny.cli.pictures import picture_options, save_pictures
from neural_phylogeny.cli.tree import check_explain, show
from neural_phylogeny.errors import SavedFileError
from neural_phylogeny.files.regular import SAVED_LIMIT, read_saved
from neural_phylogeny.records import Phylogeny
from neural_phylogeny.reports.formats import FORMATS


@click.command("show", epilog=formats_help())
@click.argument("result", metavar="RESULT.json")
@output_options(*FORMATS)
@drawing_options
@picture_options
@quiet_option
def command(
    result: str,
    form: str,
    output: str | None,
    evidence: bool,
    depth: int | None,
    family: str | None,
    explain: str | None,
    quiet: bool,
    **pictures: str | None,
) -> int:
    """Show a saved result; `-` reads it from stdin.

    \b
    Example:
      nphylo show result.json --evidence
      nphylo show result.json --explain child.pth
      nphylo show result.json --html report.html
      nphylo show result.json -o bom.cdx.json

    \b
    Exit codes:
      0  success
      2  wrong usage
      3  the file is not a result file of this version
    """
    check_explain(form, explain)
    with sink.waiting(quiet, f"opening {os.path.basename(result)}"):
        answer = read_result(result)
    show(answer, form, output, evidence, explain, depth, family)
    save_pictures(answer, pictures, quiet)
    return OK


def read_result(path: str) -> Phylogeny:
    """A result file from disk or stdin. Raises SavedFileError when it is missing or not one."""
    from neural_phylogeny.reports.json import from_json

    try:
        text = _from_stdin() if path == "-" else read_saved(path, "result file").decode("utf-8")
    except UnicodeDecodeError as error:
        raise SavedFileError(f"{path}: not a result file: it is not UTF-8 text") from error
    return from_json(text, path)


def _from_stdin() -> str:
    content = sys.stdin.buffer.read(SAVED_LIMIT + 1)
    if len(content) > SAVED_LIMIT:
        raise SavedFileError(f"stdin: longer than the {SAVED_LIMIT:,} bytes that a result file may have")
    return content.decode("utf-8")
