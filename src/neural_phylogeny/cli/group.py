"""The group of commands; each is imported when it is called, and imports the heavy rooms when it runs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

import click

from neural_phylogeny import __version__
from neural_phylogeny.cli.exits import BROKEN_PIPE, discard_stdout, exit_code

COMMANDS = {
    **{name: f"cli.{name}" for name in ("tree", "compare", "inspect", "show", "score", "methods", "demo")},
    "lab": "lab.commands.group",
}
"""Modules with a ``command``, by its name, in the order of the help."""


class LazyGroup(click.Group):
    """Finds a command in the module of its name and turns whatever happens in it into an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"neural_phylogeny.{COMMANDS[cmd_name]}").command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; a reader that goes away, as ``head`` does, is no error."""
        try:
            code = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            discard_stdout()
            return BROKEN_PIPE
        return code

    def main(self, *args: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        run: Callable[..., Any] = super().main
        code = exit_code(lambda: run(*args, standalone_mode=False, **extra))
        if standalone_mode:
            sys.exit(code)
        return code


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="nphylo")
def nphylo() -> None:
    """Which neural networks were fine-tuned from which: a family tree from weights alone.

    Nothing in a checkpoint is ever executed. Data goes to stdout, everything else to stderr; colours only to a
    terminal, and none where NO_COLOR is set.

    \b
    Example:
      nphylo tree models/

    \b
    Exit codes of all commands:
      0    all is well
      1    nothing could be compared
      2    wrong usage
      3    some inputs could not be read; the answer for the rest was given
      70   a fault of this program, with its traceback
      130  interrupted; no output was left half written
      141  whoever read the output stopped reading
    """
