"""Opened models: one checkpoint each, however many files it is made of; what cannot be opened is told."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.errors import (
    CheckpointError,
    DamagedFileError,
    MissingExtraError,
    UnknownChoiceError,
    UnsupportedFormatError,
)
from neural_phylogeny.formats import Checkpoint, open_checkpoint
from neural_phylogeny.formats.base import AnyArray
from neural_phylogeny.formats.memory import MemoryCheckpoint
from neural_phylogeny.formats.quantised import dequantised
from neural_phylogeny.records import ModelRef, Skipped
from neural_phylogeny.sources.documents import reason_of

Opened = tuple[ModelRef, Checkpoint]

SPARE_FILES = 256
"""Open files left to everything else in the process."""


class CompositeCheckpoint(Checkpoint):
    """Several weight files as one model: shards, or the components of a pipeline under their prefixes."""

    format = "composite"

    def __init__(self, ref: ModelRef) -> None:
        self._homes: dict[str, tuple[Checkpoint, str]] = {}
        self._parts: list[Checkpoint] = []
        self.tensors = {}
        try:
            for part in ref.parts:
                opened = open_checkpoint(part.file, ref.component)
                self._parts.append(opened)
                for name, tensor in opened.tensors.items():
                    full = f"{part.prefix}{name}"
                    if full in self.tensors:
                        raise DamagedFileError(
                            "two shards hold this tensor", path=part.file, tensor=full, remedy="Download them again."
                        )
                    self.tensors[full] = replace(tensor, name=full)
                    self._homes[full] = (opened, name)
        except BaseException:
            self.close()
            raise
        self.inner_format = self._parts[0].format if self._parts else ""
        self.notes = tuple(dict.fromkeys(note for part in self._parts for note in part.notes))

    def read(self, name: str, start: int = 0, stop: int | None = None) -> AnyArray:
        home, inner = self._homes[name]
        return home.read(inner, start, stop)

    def read_into(self, name: str, start: int, out: NDArray[np.float32]) -> None:
        home, inner = self._homes[name]
        home.read_into(inner, start, out)

    def close(self) -> None:
        for part in self._parts:
            part.close()


def open_model(ref: ModelRef) -> Checkpoint:
    """Open a model; one file gives its own reader, several a composite. Errors name the file they arose in."""
    single = len(ref.parts) == 1 and not ref.parts[0].prefix
    opened = open_checkpoint(ref.parts[0].file, ref.component) if single else CompositeCheckpoint(ref)
    try:
        return dequantised(opened, [(part.prefix, part.file) for part in ref.parts])
    except BaseException:
        opened.close()
        raise


def open_all(refs: Sequence[ModelRef]) -> tuple[list[Opened], list[Skipped]]:
    """Open what can be opened; the rest is told, and spoils nothing. Costs a read of every header."""
    _allow_open_files(sum(len(ref.parts) for ref in refs))
    opened: list[Opened] = []
    skipped: list[Skipped] = []
    for ref in refs:
        try:
            opened.append((ref, open_model(ref)))
        except (CheckpointError, MissingExtraError, UnknownChoiceError) as error:
            skipped.append(Skipped(ref.path, reason_of(error, ref.path)))
    return opened, skipped


def from_memory(models: Mapping[str, Mapping[str, Any]]) -> list[Opened]:
    """Models given as arrays or state dicts by name, ready to be compared; contiguous arrays are not copied.

    Raises UnsupportedFormatError, naming the model, for anything but a mapping of names to arrays of numbers.
    """
    return [(ModelRef(name, "", ()), _in_memory(name, arrays)) for name, arrays in models.items()]


def _in_memory(name: str, arrays: Mapping[str, Any]) -> Checkpoint:
    where = f"model {name!r}"
    if not isinstance(arrays, Mapping):
        raise UnsupportedFormatError(
            f"expected a mapping of tensor names to arrays, got {type(arrays).__name__}",
            path=where,
            remedy="A torch module gives one with .state_dict().",
        )
    try:
        return dequantised(MemoryCheckpoint(arrays))
    except UnsupportedFormatError as error:
        raise UnsupportedFormatError(error.reason, path=where, tensor=error.tensor, remedy=error.remedy) from error


def format_of(checkpoint: Checkpoint) -> str:
    """The format to show for an opened model; that of its files where it has several."""
    return checkpoint.inner_format if isinstance(checkpoint, CompositeCheckpoint) else checkpoint.format


def _allow_open_files(needed: int) -> None:
    """Raise this process's limit on open files, as far as the system lets it."""
    try:
        import resource
    except ModuleNotFoundError:  # Windows has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = needed + SPARE_FILES
    if soft != resource.RLIM_INFINITY and wanted > soft:
        limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with contextlib.suppress(ValueError, OSError):  # a system may refuse; files beyond its limit are then told
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
