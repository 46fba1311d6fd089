"""``nphylo lab``: what makes, trains, fits and measures the product."""

from __future__ import annotations

from typing import Any

import click

from neural_phylogeny.cli.lazy import LazyCommands
from neural_phylogeny.errors import MissingExtraError

COMMANDS = {
    name: f"lab.commands.{name}" for name in ("zoo", "families", "train", "fit", "calibrate", "bench", "table", "paper")
}
"""Modules with a ``command``, by its name, in the order of the help."""


LIBRARIES = ("torch", "safetensors", "scipy", "sklearn", "PIL", "matplotlib", "h5py", "onnx")
"""What the extra ``[lab]`` brings, as it is imported."""


class Laboratory(LazyCommands):
    """A library that is not installed becomes a sentence with the extra that brings it."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] not in LIBRARIES:
                raise
            raise MissingExtraError("The laboratory's commands", "lab") from error


@click.group("lab", cls=Laboratory, modules=COMMANDS)
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
