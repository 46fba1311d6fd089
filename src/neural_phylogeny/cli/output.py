"""The one place that writes: data to stdout or, complete or not at all, to a file; progress to stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING

import click

from neural_phylogeny.files.atomic import replacing

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from neural_phylogeny.statistics.one_pass import Progress

STDOUT = "-"


def write(content: str | bytes, output: str | None) -> None:
    """Write data to stdout or a file. A regular file is complete or absent; pipes and devices are written directly."""
    if isinstance(content, str):
        content = content if content.endswith("\n") or not content else f"{content}\n"
    if output is None or output == STDOUT:
        _to_stdout(content)
        return
    with replacing(output) as file:
        file.write(content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content)


def draw(renderable: RenderableType, output: str | None) -> None:
    """Draw on the terminal with its colours and width; write plain text anywhere else."""
    console = terminal() if output is None or output == STDOUT else None
    if console is not None:
        console.print(renderable, crop=False)
        return
    from neural_phylogeny.reports.text import plain

    write(plain(renderable), output)


def terminal() -> Console | None:
    """The terminal behind stdout; None where stdout is a file or a pipe."""
    if not sys.stdout.isatty():
        return None
    from rich.console import Console

    # With NO_COLOR rich still writes bold and dim; here it means no escape sequences at all.
    return Console(color_system=None if os.environ.get("NO_COLOR") else "auto", highlight=False, emoji=False)


def progress_bar(quiet: bool, doing: str = "reading") -> AbstractContextManager[Progress | None]:
    """What is being done, how far it is and the time left, if stderr is a terminal; otherwise nothing.

    Before the first value is read the bar says that models are opened, after the last that they are compared.
    """
    return nullcontext(None) if quiet or not sys.stderr.isatty() else _bar(doing)


@contextmanager
def _bar(doing: str) -> Iterator[Progress]:
    from rich import progress
    from rich.console import Console

    from neural_phylogeny.reports.labels import magnitude

    columns = (progress.BarColumn(24), progress.TimeElapsedColumn(), progress.TextColumn("{task.fields[left]}"))
    words = progress.TextColumn("{task.description}")
    with progress.Progress(words, *columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("opening models", total=None, left="")

        def report(done: int, total: int) -> None:
            if done >= total:
                bar.update(task, description="comparing models", total=None, left="")
                return
            description = f"{doing} {magnitude(done)} of {magnitude(total)} values"
            remaining = bar.tasks[task].time_remaining
            left = "" if remaining is None else f"{int(remaining) // 60}:{int(remaining) % 60:02d} left"
            bar.update(task, description=description, completed=done, total=total, left=left)

        yield report


def _to_stdout(content: str | bytes) -> None:
    """Write text, with characters that the encoding lacks escaped, or bytes, to a pipe or file only."""
    if isinstance(content, bytes):
        if sys.stdout.isatty():
            raise click.UsageError("this format is binary: write it to a file with -o")
        click.echo(content, nl=False)
        return
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    click.echo(content.encode(encoding, "backslashreplace").decode(encoding), nl=False)
