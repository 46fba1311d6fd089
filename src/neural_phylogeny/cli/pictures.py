"""``--html``, ``--svg``, ``--png`` and ``--pdf``: a result to look at, beside what the command writes anyway."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from neural_phylogeny.cli.exits import talk
from neural_phylogeny.cli.options import checked_output
from neural_phylogeny.cli.output import waiting
from neural_phylogeny.records import Phylogeny

F = TypeVar("F", bound=Callable[..., Any])

PICTURES = {
    "html": "Write the report to this file: one page that works offline, to look at, search and print.",
    "svg": "Write the family tree as an SVG picture to this file.",
    "png": "Write the family tree as a PNG picture to this file; needs matplotlib (extra figures).",
    "pdf": "Write the family tree as a PDF picture to this file; needs matplotlib (extra figures).",
}
"""The files that a result can be drawn into, with their help."""


def picture_options(command: F) -> F:
    """Options that name the files to draw into; the command receives one keyword each."""
    for name, words in reversed(PICTURES.items()):
        command = click.option(f"--{name}", metavar="FILE", callback=checked_output, help=words)(command)
    return command


def save_pictures(answer: Phylogeny, files: Mapping[str, str | None], quiet: bool) -> None:
    """Draw a result into the files that are named; each is complete or absent, and named on stderr."""
    for name, path in files.items():
        if path is None:
            continue
        try:
            with waiting(quiet, f"drawing {os.path.basename(path)}"):
                _save(answer, name, path)
        except OSError as error:
            raise click.UsageError(f"cannot write {path}: {error.strerror}") from error
        if not quiet:
            talk(f"wrote {path}")


def _save(answer: Phylogeny, name: str, path: str) -> None:
    if name == "html":
        answer.save_html(path)
        return
    if name == "svg":
        from neural_phylogeny.files.atomic import replacing

        with replacing(Path(path)) as file:
            file.write(answer.to_svg().encode("utf-8"))
        return
    from neural_phylogeny.reports.figure import save_figure

    save_figure(answer, path, form=name)
