"""``nphylo index``: the group of its commands."""

from __future__ import annotations

import click

from neural_phylogeny.cli.lazy import LazyCommands

NAMES = ("add", "search", "tree", "remove", "stats", "verify", "compact", "export")

COMMANDS = {name: f"cli.index.{name}" for name in NAMES}
"""Modules with a ``command``, by its name, in the order of the help."""


@click.group("index", cls=LazyCommands, modules=COMMANDS)
def command() -> None:
    """Keep fingerprints of many models and ask which of them are relatives.

    An index is a folder. Each model is read once; every question is answered without its weights. Several
    processes may add and search at the same time, and one that is killed leaves nothing half done.

    \b
    Example:
      nphylo index add hub.index uploads/
      nphylo index search hub.index suspect.safetensors

    \b
    Exit codes:
      0  success
      1  no relative was found, or verify found damage
      2  wrong usage
      3  some inputs could not be read, or the index could not be read or written
    """
