"""The one sink: data to stdout or to a file that is whole or not there, progress to stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from neural_phylogeny.atomic_files import replacing

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from neural_phylogeny.statistics.one_pass import Progress

STDOUT = "-"


def write(text: str, output: str | None) -> None:
    """Put data on stdout, or in a file that is whole or not there; a pipe or device is written as it is."""
    text = text if text.endswith("\n") or not text else f"{text}\n"
    if output is None or output == STDOUT:
        _to_stdout(text)
        return
    target = Path(output)
    try:
        if target.exists() and not target.is_file():
            target.write_text(text, encoding="utf-8")
            return
        with replacing(target) as file:
            file.write(text.encode("utf-8"))
    except BrokenPipeError:
        raise
    except OSError as error:
        raise click.UsageError(f"cannot write {output}: {error.strerror}") from error


def draw(renderable: RenderableType, output: str | None) -> None:
    """Put a drawing on the terminal with its colours and width, or as plain text anywhere else."""
    console = terminal() if output is None or output == STDOUT else None
    if console is not None:
        console.print(renderable, crop=False)
        return
    from neural_phylogeny.reports.text import plain

    write(plain(renderable), output)


def terminal() -> Console | None:
    """The terminal that stdout is, or None where it is a file or a pipe."""
    if not sys.stdout.isatty():
        return None
    from rich.console import Console

    # NO_COLOR switches rich's colours off but leaves bold and dim; whoever sets it gets no escapes at all.
    return Console(color_system=None if os.environ.get("NO_COLOR") else "auto", highlight=False, emoji=False)


def progress_bar(quiet: bool, doing: str = "reading") -> AbstractContextManager[Progress | None]:
    """A progress bar on stderr where that is a terminal; otherwise nothing."""
    return nullcontext(None) if quiet or not sys.stderr.isatty() else _bar(doing)


@contextmanager
def _bar(doing: str) -> Iterator[Progress]:
    from rich import progress
    from rich.console import Console

    columns = (progress.BarColumn(), progress.TaskProgressColumn(), progress.TimeRemainingColumn())
    with progress.Progress(doing, *columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(doing, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _to_stdout(text: str) -> None:
    """Letters that the terminal's encoding lacks are escaped rather than fatal."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    click.echo(text.encode(encoding, "backslashreplace").decode(encoding), nl=False)
