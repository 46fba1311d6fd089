"""Output that is whole or not there: written beside its destination, then renamed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from neural_phylogeny.errors import OutputError


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A file that takes the place of ``path`` when the block ends well, and leaves no trace when it does not.

    Raises
    ------
    OutputError
        When the system refuses. A pipe that was closed stays a BrokenPipeError.
    """
    try:
        with _beside(Path(path)) as file:
            yield file
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(os.fsdecode(path), error.strerror or str(error)) from error
    except ValueError as error:  # characters that no path can hold
        if "null" not in str(error):
            raise
        raise OutputError(os.fsdecode(path), str(error)) from error


@contextmanager
def _beside(target: Path) -> Iterator[BinaryIO]:
    if target.exists() and not target.is_file():
        with target.open("wb") as file:  # a pipe or a device is written as it is
            yield file
        return
    descriptor, beside = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:40]}.", suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(beside, 0o666 & ~umask)  # a temporary file is private, a result is not
        os.replace(beside, target)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
