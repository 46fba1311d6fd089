"""Exit codes: one table from errors to codes and messages."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

import click

import neural_phylogeny.errors as errors

OK, NOTHING_COMPARED, USAGE, SOME_UNREADABLE, UNDETERMINED, FAULT, INTERRUPTED, BROKEN_PIPE = (
    0,
    1,
    2,
    3,
    4,
    70,
    130,
    141,
)

EXIT_CODES: dict[type[errors.NeuralPhylogenyError], int] = {
    errors.NothingToCompareError: NOTHING_COMPARED,
    errors.MissingExtraError: USAGE,
    errors.UnknownChoiceError: USAGE,
    errors.InvalidOptionError: USAGE,
    errors.NotFoundError: USAGE,
    errors.CheckpointError: SOME_UNREADABLE,
    errors.SavedFileError: SOME_UNREADABLE,
}
"""Exit code of each deliberate error; its message is its own sentence."""


def exit_code(run: Callable[[], Any]) -> int:
    """Run the command line and return its exit code. An error of ``errors.py`` becomes one sentence on stderr."""
    try:
        return int(run() or OK)
    except click.ClickException as error:
        _explain(error)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        talk("interrupted; no output was left incomplete")
        return INTERRUPTED
    except errors.NeuralPhylogenyError as error:
        talk(str(error))
        return next(code for kind, code in EXIT_CODES.items() if isinstance(error, kind))
    except Exception:
        traceback.print_exc()
        talk("this is a bug in the program, not in your files; please report it with the lines above")
        return FAULT


def _explain(error: click.ClickException) -> None:
    """Print the usage of the command, then what was wrong; the message may quote an untrusted file name."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return
    if isinstance(error, click.UsageError) and error.ctx is not None:
        click.echo(f"{error.ctx.get_usage()}\nTry '{error.ctx.command_path} --help' for help.\n", err=True)
    talk(error.format_message())


def talk(sentence: str) -> None:
    """Write a message to stderr; stdout is for data."""
    click.echo(f"nphylo: {safe_lines(sentence)}", err=True)


def safe_lines(text: str) -> str:
    """Escape control characters of untrusted file names; line breaks stay."""
    from neural_phylogeny.reports.names import safe

    return "\n".join(map(safe, text.split("\n")))


def discard_stdout() -> None:
    """Redirect stdout to the null device, or the interpreter reports the closed pipe at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
