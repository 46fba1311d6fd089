"""Shipped parameter files: where they are, and how a new one is written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from neural_phylogeny.atomic_files import replacing

SHIPPED = {
    "fusion": ("neural_phylogeny.trees", "fusion.json"),
    "initialisation": ("neural_phylogeny.detector", "initialisation.json"),
}
"""Of each fit, the package and the name of its file."""


@dataclass(frozen=True)
class Fitted:
    """The content of a parameter file, and a page on how it was found."""

    parameters: Mapping[str, Any]
    report: str


def shipped_path(name: str) -> Path:
    """The file that a fit writes in this installation; an editable one is the repository."""
    package, file = SHIPPED[name]
    return Path(str(files(package))) / file


def write(name: str, fitted: Fitted, folder: Path | None = None) -> Path:
    """Write a parameter file in place of the shipped one, or under its name into a folder."""
    path = shipped_path(name) if folder is None else folder / SHIPPED[name][1]
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write((json.dumps(fitted.parameters, indent=1) + "\n").encode())
    return path
