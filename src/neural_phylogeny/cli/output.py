"""The one sink: data to stdout or a file, talk to stderr; and the one table from errors to exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import click

from neural_phylogeny import errors
from neural_phylogeny.files import replacing

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from neural_phylogeny.measures.one_pass import Progress

OK, NOTHING_COMPARED, USAGE, SOME_UNREADABLE, INTERRUPTED = 0, 1, 2, 3, 130

EXIT_CODES: tuple[tuple[type[Exception], int], ...] = (
    (errors.NothingToCompareError, NOTHING_COMPARED),
    (errors.CheckpointError, SOME_UNREADABLE),
    (errors.MissingExtraError, USAGE),
    (errors.UnknownChoiceError, USAGE),
    (errors.SavedFileError, USAGE),
)
"""Exit code of each deliberate error; any other error is a bug and keeps its traceback."""


class Outcome:
    """The exit code a command ends with."""

    code = OK


@contextmanager
def exit_code() -> Iterator[Outcome]:
    """Run a command; errors that are not bugs become a sentence on stderr and a code."""
    outcome = Outcome()
    try:
        yield outcome
        sys.stdout.flush()
    except click.exceptions.Exit as error:
        outcome.code = error.exit_code
    except click.ClickException as error:
        error.show()
        outcome.code = USAGE
    except (click.Abort, KeyboardInterrupt):
        talk("interrupted; nothing was half written")
        outcome.code = INTERRUPTED
    except BrokenPipeError:
        # The reader went away, as `head` does. Point stdout elsewhere, or the interpreter complains at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except errors.NeuralPhylogenyError as error:
        talk(str(error))
        outcome.code = next(code for kind, code in EXIT_CODES if isinstance(error, kind))


def talk(sentence: str) -> None:
    """Say something to the person, not to the program that reads stdout."""
    from neural_phylogeny.reports.names import safe

    click.echo(f"nphylo: {safe(sentence)}", err=True)


def write(text: str, output: str | None) -> None:
    """Put data on stdout, or in a file that is whole or not there."""
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        with replacing(output) as file:
            file.write(text.encode("utf-8"))
    except OSError as error:
        raise click.UsageError(f"cannot write {output}: {error.strerror}") from error


def draw(renderable: Any, output: str | None) -> None:
    """Put a drawing on the terminal with its colours and width, or as plain text anywhere else."""
    from neural_phylogeny.reports.text import plain

    if output is not None or not sys.stdout.isatty():
        write(plain(renderable), output)
        return
    from rich.console import Console

    Console().print(renderable, soft_wrap=True)


def progress_bar(quiet: bool) -> AbstractContextManager[Progress | None]:
    """A progress bar on stderr where that is a terminal; otherwise nothing."""
    return nullcontext(None) if quiet or not sys.stderr.isatty() else _bar()


@contextmanager
def _bar() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("reading"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
