"""A real family of checkpoints that ships with the package, and the truth about it; see ``docs/demo.md``."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def folder() -> Path:
    """The folder of the checkpoints, with ``truth.json`` among them."""
    return Path(str(files("neural_phylogeny.demo"))) / "data"
