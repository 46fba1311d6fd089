"""Exit codes: one table from errors to codes and messages."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
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

LONGEST_MESSAGE = 4000
"""Characters of one message; it may quote what a file says."""

EXIT_CODES: dict[type[errors.NeuralPhylogenyError], int] = {
    errors.NothingToCompareError: NOTHING_COMPARED,
    errors.MissingExtraError: USAGE,
    errors.UnknownChoiceError: USAGE,
    errors.InvalidOptionError: USAGE,
    errors.NotFoundError: USAGE,
    errors.ClusterError: SOME_UNREADABLE,
    errors.CheckpointError: SOME_UNREADABLE,
    errors.SavedFileError: SOME_UNREADABLE,
    errors.OutputError: SOME_UNREADABLE,
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
    except Terminated as stopped:
        talk("terminated; no output was left incomplete")
        return 128 + stopped.number
    except (MemoryError, ImportError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and not _is_short_of_memory(error):
            return _fault()
        talk("not enough memory for these inputs; give fewer models, or a smaller --memory")
        return SOME_UNREADABLE
    except OSError as error:  # the system's refusals are no faults of this program
        where = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
        talk(f"{where}{error.strerror or error}")
        discard_stdout()
        return SOME_UNREADABLE
    except Exception:
        return _fault()


def _fault() -> int:
    traceback.print_exc()
    talk("this is a bug in the program, not in your files; please report it with the lines above")
    return FAULT


_NO_ROOM = ("failed to map segment", "cannot allocate memory", "can't start new thread")


def _is_short_of_memory(error: Exception) -> bool:
    """Whether a compiled library or a thread found no room; libraries hide the system's error behind their own."""
    found: BaseException | None = error
    while found is not None:
        if any(words in str(found).lower() for words in _NO_ROOM):
            return True
        found = found.__cause__ or found.__context__
    return False


class Terminated(BaseException):
    """The process is to end: SIGTERM or SIGHUP, by its number."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(number)


@contextmanager
def ending_cleanly() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into ``Terminated`` for a block, so that nothing is left incomplete."""
    chosen: list[signal.Signals] = []
    if threading.current_thread() is threading.main_thread():
        known = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
        chosen = [number for number in known if signal.getsignal(number) is signal.SIG_DFL]  # nohup ignores one
    for number in chosen:
        signal.signal(number, _terminate)
    try:
        yield
    finally:
        for number in chosen:
            signal.signal(number, signal.SIG_DFL)


def _terminate(number: int, _: object) -> None:
    raise Terminated(number)


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
    click.echo(f"nphylo: {safe_lines(errors.shortened(sentence, LONGEST_MESSAGE))}", err=True)


def safe_lines(text: str) -> str:
    """Escape control characters of untrusted file names; line breaks stay."""
    from neural_phylogeny.reports.names import safe

    return "\n".join(map(safe, text.split("\n")))


def discard_stdout() -> None:
    """Redirect stdout to the null device, or the interpreter reports the closed pipe at exit."""
    with suppress(OSError, ValueError):  # stdout may be no file at all
        target = sys.stdout.fileno()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, target)
        os.close(nowhere)
