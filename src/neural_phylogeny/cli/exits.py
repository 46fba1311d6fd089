"""The one table from errors to exit codes and messages."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

import click

from neural_phylogeny import errors

OK, NOTHING_COMPARED, USAGE, SOME_UNREADABLE, FAULT, INTERRUPTED, BROKEN_PIPE = 0, 1, 2, 3, 70, 130, 141

EXIT_CODES: dict[type[errors.NeuralPhylogenyError], int] = {
    errors.NothingToCompareError: NOTHING_COMPARED,
    errors.MissingExtraError: USAGE,
    errors.UnknownChoiceError: USAGE,
    errors.InvalidOptionError: USAGE,
    errors.CheckpointError: SOME_UNREADABLE,
    errors.SavedFileError: SOME_UNREADABLE,
}
"""Exit code of each deliberate error; its message is its own sentence."""


def exit_code(run: Callable[[], Any]) -> int:
    """Run the command line and return its exit code; errors that are no faults of ours become a sentence."""
    try:
        return int(run() or OK)
    except click.ClickException as error:
        _explain(error)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        talk("interrupted; no output was left half written")
        return INTERRUPTED
    except errors.NeuralPhylogenyError as error:
        talk(str(error))
        return next(code for kind, code in EXIT_CODES.items() if isinstance(error, kind))
    except Exception:
        traceback.print_exc()
        talk("this is a fault of the program, not of your files; please report it with the lines above")
        return FAULT


def _explain(error: click.ClickException) -> None:
    """Wrong usage: how to use the command, then what was wrong; its message may quote a stranger's file name."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return
    if isinstance(error, click.UsageError) and error.ctx is not None:
        click.echo(f"{error.ctx.get_usage()}\nTry '{error.ctx.command_path} --help' for help.\n", err=True)
    talk(error.format_message())


def talk(sentence: str) -> None:
    """Say something to the person, not to the program that reads stdout."""
    click.echo(f"nphylo: {safe_lines(sentence)}", err=True)


def safe_lines(text: str) -> str:
    """Text that may hold a stranger's file name, harmless to show; its line breaks stay."""
    from neural_phylogeny.reports.names import safe

    return "\n".join(map(safe, text.split("\n")))


def discard_stdout() -> None:
    """Send what is still buffered nowhere, or the interpreter complains about the closed pipe when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
