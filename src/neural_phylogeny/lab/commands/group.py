"""``nphylo lab``: what makes, trains, fits and measures the product."""

from __future__ import annotations

import click

from neural_phylogeny.cli.lazy import LazyCommands

COMMANDS = {name: f"lab.commands.{name}" for name in ("zoo", "families", "train", "fit", "bench", "table")}
"""Modules with a ``command``, by its name, in the order of the help."""


@click.group("lab", cls=LazyCommands, modules=COMMANDS)
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
