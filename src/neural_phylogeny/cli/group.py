"""The group of commands; each is imported only when it is called, so that help stays fast."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

from neural_phylogeny import __version__
from neural_phylogeny.cli.output import exit_code

SUMMARIES = {
    "tree": "Tell which models were fine-tuned from which.",
    "compare": "Everything the weights say of two models.",
    "inspect": "What is in a checkpoint: tensors, components, what was left out.",
    "show": "Draw a saved result again.",
    "score": "How right a result is, against a truth file.",
    "methods": "List the methods.",
    "demo": "Run on a real family of checkpoints that ships with the package.",
}


class LazyGroup(click.Group):
    """Knows its commands' names and summaries; imports a command's module on use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(SUMMARIES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in SUMMARIES:
            return None
        command: click.Command = import_module(f"neural_phylogeny.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(SUMMARIES.items()))

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run a command and turn whatever happens into an exit code."""
        with exit_code() as outcome:
            outcome.code = super().main(*args, **kwargs) or 0
        return outcome.code


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="nphylo")
def nphylo() -> None:
    r"""Which neural networks were fine-tuned from which: a family tree from weights alone.

    Nothing in a checkpoint is ever executed. Data goes to stdout, everything else to stderr.

    \b
    Exit codes:
      0  all is well
      1  nothing could be compared
      2  wrong usage
      3  some inputs could not be read; the answer for the rest was given

    Example: nphylo tree models/
    """
