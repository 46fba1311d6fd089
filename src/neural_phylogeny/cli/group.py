"""The group of commands. A command is imported when it is called and imports the heavy rooms when it runs."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from typing import Any

import click

from neural_phylogeny.cli.exits import BROKEN_PIPE, discard_stdout, ending_cleanly, exit_code
from neural_phylogeny.cli.lazy import LazyCommands

COMMAND_NAMES = (
    *("tree", "compare", "derived", "verify", "annotate", "diff"),
    *("fingerprint", "inspect", "show", "score", "methods", "demo"),
)

COMMANDS = {
    **{name: f"cli.{name}" for name in COMMAND_NAMES},
    "index": "cli.index.group",
    "lab": "lab.commands.group",
}
"""Modules with a ``command``, by its name, in the order of the help."""


class Program(LazyCommands):
    """Turns the outcome of a command into an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command. A reader that closes the pipe, such as ``head``, is not an error."""
        try:
            code = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            discard_stdout()
            return BROKEN_PIPE
        return code

    def main(self, *args: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        run: Callable[..., Any] = super().main
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):  # a name that the terminal cannot show is escaped
                stream.reconfigure(errors="backslashreplace")
        with ending_cleanly():
            code = exit_code(lambda: run(*args, standalone_mode=False, **extra))
        if standalone_mode:
            sys.exit(code)
        return code


@click.group(cls=Program, modules=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="neural-phylogeny", prog_name="nphylo")
def nphylo() -> None:
    """Which neural networks were fine-tuned from which: a family tree from weights alone.

    Nothing in a checkpoint is executed. Data goes to stdout, messages to stderr. Colours are used on a terminal only,
    and not where NO_COLOR is set.

    \b
    Example:
      nphylo tree models/

    \b
    Exit codes of all commands:
      0    success
      1    nothing could be compared, or the answer is no
      2    wrong usage
      3    some inputs could not be read, and the result covers the rest; or an output could not be written
      4    undetermined: the weights do not decide
      70   a bug in this program, with its traceback
      129  hung up, 143 terminated: no output was left incomplete
      130  interrupted; no output was left incomplete
      141  the reader of the output closed the pipe
    """
