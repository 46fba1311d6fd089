"""The one place that writes: data to stdout or, complete or not at all, to a file; progress to stderr."""

from __future__ import annotations

import os
import sys
import threading
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


def progress_bar(quiet: bool, doing: str = "opening models") -> AbstractContextManager[Progress | None]:
    """What is worked on by its name, how far it is and the time left, if stderr is a terminal; otherwise remarks."""
    if quiet:
        return nullcontext(None)
    from neural_phylogeny.cli.exits import talk
    from neural_phylogeny.files.activity import remarking

    return _bar(doing) if sys.stderr.isatty() else remarking(talk)


PATIENCE = 1.0
"""Seconds after which work that reports nothing is shown."""


@contextmanager
def waiting(quiet: bool, doing: str) -> Iterator[None]:
    """Says on a terminal what is done, and for how long, once it takes longer than a moment."""
    if quiet or not sys.stderr.isatty():
        yield
        return
    from rich import progress
    from rich.console import Console

    from neural_phylogeny.reports.names import safe

    columns = (progress.TextColumn(safe(doing), markup=False), progress.BarColumn(16), progress.TimeElapsedColumn())
    bar = progress.Progress(*columns, console=Console(stderr=True), transient=True)
    bar.add_task(doing, total=None)
    timer = threading.Timer(PATIENCE, bar.start)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        bar.stop()


WORK = 44
"""Columns for what is worked on; longer words are shortened in the middle."""


@contextmanager
def _bar(doing: str) -> Iterator[Progress]:
    from rich import progress
    from rich.console import Console
    from rich.table import Column

    from neural_phylogeny.cli.exits import talk
    from neural_phylogeny.files.activity import listening, remarking
    from neural_phylogeny.reports.labels import magnitude
    from neural_phylogeny.reports.names import safe
    from neural_phylogeny.reports.short_names import middle_cut

    words = progress.TextColumn("{task.description}", markup=False, table_column=Column(width=WORK, no_wrap=True))
    count = progress.TextColumn("{task.fields[count]}", markup=False)
    left = progress.TextColumn("{task.fields[left]}", markup=False)
    columns = (words, progress.BarColumn(16), count, progress.TimeElapsedColumn(), left)
    with progress.Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(doing, total=None, count="", left="")

        def hear(verb: str, what: str, done: int, total: int) -> None:
            """A new thing is worked on; of values the next report says how far it is."""
            name = middle_cut(safe(what), WORK - len(verb) - 1)
            is_new = not bar.tasks[task].description.startswith(verb)
            bar.update(task, description=f"{verb} {name}")
            if verb == "reading" and is_new:
                move(0, 0, "")
            elif verb != "reading":
                move(done, total, f"{done + 1:,} of {total:,}" if total else "")

        def report(done: int, total: int) -> None:
            move(done, total, f"{magnitude(done)} of {magnitude(total)} values")

        def move(done: int, total: int, words: str) -> None:
            if bar.tasks[task].total != (total or None) or done < bar.tasks[task].completed:
                bar.reset(task, total=total or None, completed=done)  # another work begins: its own speed counts
            bar.update(task, completed=done, count=words, left=_left(bar.tasks[task].time_remaining))

        with listening(hear), remarking(talk):
            yield report


def _left(seconds: float | None) -> str:
    return "" if seconds is None else f"{int(seconds) // 60}:{int(seconds) % 60:02d} left"


def _to_stdout(content: str | bytes) -> None:
    """Write text, with characters that the encoding lacks escaped, or bytes, to a pipe or file only."""
    if isinstance(content, bytes):
        if sys.stdout.isatty():
            raise click.UsageError("this format is binary: write it to a file with -o")
        click.echo(content, nl=False)
        return
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    click.echo(content.encode(encoding, "backslashreplace").decode(encoding), nl=False)
