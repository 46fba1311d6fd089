"""``nphylo lab``: what makes, trains, fits and measures the product."""

from __future__ import annotations

from importlib import import_module

import click

COMMANDS = ("zoo", "families", "train", "fit", "bench", "table")
"""Modules of this package with a ``command``, in the order of the help."""


class LabGroup(click.Group):
    """Imports a command of the laboratory when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"neural_phylogeny.lab.commands.{cmd_name}").command
        return command


@click.group("lab", cls=LabGroup)
def command() -> None:
    """Make families, train and fit the detector, run the benchmarks.

    These commands need the extra `[lab]`: pip install "neural-phylogeny[lab]". An answer on models of your own needs
    none of them.

    \b
    Example:
      nphylo lab bench run quick

    \b
    Exit codes:
      0  all is well
      2  wrong usage
      3  data are missing or damaged
    """
