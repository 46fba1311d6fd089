"""Shipped parameter files: where they are, and how a new one is written."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import neural_phylogeny
from neural_phylogeny.files.atomic import replacing

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


def recipe(name: str, batches: Sequence[Path], **facts: Any) -> dict[str, Any]:
    """How a parameter file was made, for itself: the command, the code, the batches that it was fitted on.

    Parameters
    ----------
    name : str
        Of the fit.
    batches : sequence of path
        By number; those of each prior are consecutive but for the ones left out.
    facts
        Further entries.
    """
    numbers: dict[str, list[str]] = {}
    for path in batches:
        numbers.setdefault(path.parent.name, []).append(path.stem.rpartition("-")[2].lstrip("0"))
    return {
        "command": f"nphylo lab fit {name}",
        "code": revision(),
        "batches": {prior: " ".join(found) for prior, found in numbers.items()},
        **facts,
    }


def revision() -> str:
    """The version of the package and, in a clone, the commit and whether files under version control differ from it."""
    folder = Path(neural_phylogeny.__file__).parent
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return neural_phylogeny.__version__
    return f"{neural_phylogeny.__version__}, {found}"


def write(name: str, fitted: Fitted, folder: Path | None = None) -> Path:
    """Write a parameter file in place of the shipped one, or under its name into a folder."""
    path = shipped_path(name) if folder is None else folder / SHIPPED[name][1]
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write((json.dumps(fitted.parameters, indent=1) + "\n").encode())
    return path
