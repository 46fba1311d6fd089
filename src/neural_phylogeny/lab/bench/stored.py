"""What an interrupted table or page goes on from: results as JSON files, whole or not there."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from neural_phylogeny.files.atomic import replacing


def read(path: Path) -> Any:
    """What ``store`` wrote."""
    return json.loads(path.read_text(encoding="utf-8"))


def store(path: Path, content: object) -> None:
    """Write anything that JSON can hold, in a folder that is made where there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write(json.dumps(content).encode())


def once(path: Path, make: Callable[[], object]) -> Any:
    """What is stored in a file; where there is none, it is made and stored first.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     [once(Path(folder) / "work" / "a.json", make) for make in (lambda: (1, 2), lambda: 1 / 0)]
    [[1, 2], [1, 2]]
    """
    if not path.exists():
        store(path, make())
    return read(path)
