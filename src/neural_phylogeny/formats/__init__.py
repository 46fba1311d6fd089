"""One file per checkpoint format, the same verbs in each; ``open_checkpoint`` finds the right one.

A reader module defines ``matches(head: bytes, path: Path) -> bool`` and
``open_file(path: Path, component: str | None) -> Checkpoint``; optional libraries are imported by the latter only.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from neural_phylogeny.errors import MissingExtraError, UnknownChoiceError, UnsupportedFormatError
from neural_phylogeny.files.far import FarFile, far_file
from neural_phylogeny.files.regular import open_regular, unreadable
from neural_phylogeny.formats.base import Checkpoint
from neural_phylogeny.formats.foreign import foreign_format
from neural_phylogeny.formats.limits import limit
from neural_phylogeny.wording import in_bytes

__all__ = ["FORMATS", "SUFFIXES", "Checkpoint", "Format", "only", "open_checkpoint", "read_head", "reader_of"]

HEAD_BYTES = 4096
"""How much of a file is looked at to tell its format."""

LFS_POINTER = b"version https://git-lfs.github.com/spec/"
"""How the small text begins that a clone without Git LFS leaves in a weight file's place."""


@dataclass(frozen=True, slots=True)
class Format:
    """A row of the table of formats: what it is called, where it is used, who reads it.

    ``in_parts``: of a file that lies elsewhere no more is fetched than is read.
    """

    name: str
    suffixes: tuple[str, ...]
    extra: str | None = None
    in_parts: bool = True

    @property
    def module(self) -> str:
        """The module that reads it."""
        return f"neural_phylogeny.formats.{self.name}"


FORMATS = (
    Format("fingerprint", (".nphylo",)),
    Format("safetensors", (".safetensors",)),
    Format("gguf", (".gguf",)),
    Format("npz", (".npz",)),
    Format("keras", (".h5", ".hdf5", ".keras"), extra="keras", in_parts=False),
    Format("archive", (".zip",), in_parts=False),
    Format("distributed", ()),
    Format("zero", ()),
    Format("pytorch", (".pt", ".pth", ".bin", ".ckpt")),
    Format("onnx", (".onnx",), extra="onnx", in_parts=False),
)
"""In the order in which a file's first bytes are offered to them; the first that matches reads it."""

SUFFIXES = frozenset(suffix for row in FORMATS for suffix in row.suffixes)
"""Suffixes of files that a walked folder takes by their name; of others the first bytes decide."""


def open_checkpoint(path: str | Path, component: str | None = None) -> Checkpoint:
    """Open one weight file, whatever its format; its first bytes decide, not its name.

    Costs a read of the header. ``component`` picks one of several state dicts in the file.

    Raises
    ------
    UnreadableFileError, DamagedFileError, UnsafeFileError, UnsupportedFormatError
        With the path, the tensor where there is one, and a remedy.
    MissingExtraError
        When the format's library is not installed.
    UnknownChoiceError
        When the file has no such component.
    """
    path = Path(path)
    head = read_head(path)
    if not head:
        raise UnsupportedFormatError("the file is empty", path=path, remedy="Copy or download it again.")
    if head.startswith(LFS_POINTER):
        raise UnsupportedFormatError(
            "a Git LFS pointer, not the weights it stands for", path=path, remedy="Run git lfs pull where it came from."
        )
    row = reader_of(head, path)
    if row is None:
        raise _not_read(head, path)
    if not row.in_parts and (far := far_file(str(path))) is not None:
        _download(far, path, row)
    try:
        opened: Checkpoint = import_module(row.module).open_file(path, component)
    except ModuleNotFoundError as error:
        if row.extra is None:
            raise
        raise MissingExtraError(f"{path.suffix or row.name} files", row.extra) from error
    return opened


_CHOSEN: set[str] = {row.name for row in FORMATS}


def chosen_formats() -> set[str]:
    """The readers that are switched on."""
    return set(_CHOSEN)


@contextmanager
def only(names: Iterable[str]) -> Iterator[None]:
    """Switch off all readers but these for a block, in all threads: what they read is not a known format there.

    Raises UnknownChoiceError for a name that is not in ``FORMATS``.

    Examples
    --------
    >>> with only(["safetensors", "gguf"]):
    ...     print(reader_of(b"PK", Path("m.npz")))
    None
    """
    names, known = set(names), [row.name for row in FORMATS]
    for name in names:
        if name not in known:
            raise UnknownChoiceError("format", name, known)
    before = set(_CHOSEN)
    _CHOSEN.intersection_update(names)
    try:
        yield
    finally:
        _CHOSEN.update(before)


def reader_of(head: bytes, path: Path) -> Format | None:
    """The format whose reader takes a file with these first bytes; None where there is none."""
    return next((row for row in FORMATS if row.name in _CHOSEN and import_module(row.module).matches(head, path)), None)


def read_head(path: Path) -> bytes:
    """The first bytes of a regular file; never waits. Raises UnreadableFileError."""
    far = far_file(str(path))
    if far is not None:
        return far.read(0, min(HEAD_BYTES, far.size))
    descriptor = open_regular(str(path))
    try:
        return os.read(descriptor, HEAD_BYTES) if os.fstat(descriptor).st_size else b""
    except OSError as error:
        raise unreadable(str(path), error) from error
    finally:
        os.close(descriptor)


def _download(far: FarFile, path: Path, row: Format) -> None:
    """Fetch a whole file whose format cannot be read in parts. Raises UnsupportedFormatError where that is too much."""
    if far.size > limit("download"):
        raise UnsupportedFormatError(
            f"{row.suffixes[0]} files cannot be read in parts: a download of {in_bytes(far.size)}",
            path=path,
            remedy="Allow it with --allow-download.",
        )
    far.download(str(path))


def _not_read(head: bytes, path: Path) -> UnsupportedFormatError:
    foreign = foreign_format(head, path.name)
    if foreign is not None:
        return UnsupportedFormatError(f"{foreign.one}: {foreign.what}", path=path)
    if len(_CHOSEN) < len(FORMATS):
        chosen = ", ".join(row.name for row in FORMATS if row.name in _CHOSEN)
        return UnsupportedFormatError(
            "not a checkpoint of a format that is switched on", path=path, remedy=f"On are {chosen}: see --formats."
        )
    return UnsupportedFormatError(
        "not a checkpoint of a known format",
        path=path,
        remedy=f"Known suffixes: {', '.join(sorted(SUFFIXES))}.",
    )
