"""Opened models: one checkpoint each, however many files it is made of; what cannot be opened is reported."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.errors import (
    LONGEST_NAME,
    CheckpointError,
    DamagedFileError,
    MissingExtraError,
    NoModelError,
    UnknownChoiceError,
    UnsupportedFormatError,
    shortened,
)
from neural_phylogeny.files.activity import announced
from neural_phylogeny.formats import Checkpoint, consolidated, open_checkpoint
from neural_phylogeny.formats.base import AnyArray
from neural_phylogeny.formats.limits import check, check_crumbs, timed
from neural_phylogeny.formats.memory import MemoryCheckpoint
from neural_phylogeny.formats.quantised import dequantised
from neural_phylogeny.formats.weight_norm import weight_normed
from neural_phylogeny.inputs import ModelRef, Part, Skipped
from neural_phylogeny.sources.asides import BY_CONTENT, Aside, summarise
from neural_phylogeny.sources.contents import refuse_what_is_no_model
from neural_phylogeny.sources.documents import read_json, reason_of
from neural_phylogeny.sources.far import say_before
from neural_phylogeny.sources.remote.mirror import one_model
from neural_phylogeny.sources.shards import disagreement

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
                    full = _name_in_model(part, name, opened)
                    if full in self.tensors:
                        raise DamagedFileError(
                            "two shards hold this tensor", path=part.file, tensor=full, remedy="Download them again."
                        )
                    self.tensors[full] = replace(tensor, name=full)
                    self._homes[full] = (opened, name)
            self.disagreement = disagreement(ref.index, self.tensors) if ref.index else ""
        except BaseException:
            self.close()
            raise
        self.inner_format = self._parts[0].format if self._parts else ""
        self.notes = tuple(dict.fromkeys(note for part in self._parts for note in part.notes))
        self.unread = tuple(
            replace(item, tensors=tuple(f"{part.prefix}{name}" for name in item.tensors))
            for part, opened in zip(ref.parts, self._parts, strict=True)
            for item in opened.unread
        )

    def read(self, name: str, start: int = 0, stop: int | None = None) -> AnyArray:
        home, inner = self._homes[name]
        return home.read(inner, start, stop)

    def read_into(self, name: str, start: int, out: NDArray[np.float32]) -> None:
        home, inner = self._homes[name]
        home.read_into(inner, start, out)

    def close(self) -> None:
        for part in self._parts:
            part.close()


def _name_in_model(part: Part, name: str, opened: Checkpoint) -> str:
    """What the model calls a tensor of one of its files."""
    if not part.tensor:
        return f"{part.prefix}{name}"
    if len(opened.tensors) > 1:
        raise DamagedFileError(
            f"{len(opened.tensors)} tensors where one is expected", path=part.file, remedy="Save the checkpoint again."
        )
    return part.tensor


def open_model(ref: ModelRef) -> Checkpoint:
    """Open a model; one file gives its own reader, several a composite.

    Errors name the file they arose in. Raises NoModelError for a file that holds something else.
    """
    one_model(part.file for part in ref.parts)
    with timed(ref.path):
        return _open(ref)


def _open(ref: ModelRef) -> Checkpoint:
    first = ref.parts[0]
    is_single = len(ref.parts) == 1 and not first.prefix and not first.tensor and not ref.index
    opened: Checkpoint
    if _is_consolidated(ref):
        opened = _consolidated(ref)
    else:
        opened = open_checkpoint(first.file, ref.component) if is_single else CompositeCheckpoint(ref)
    try:
        notes = refuse_what_is_no_model(opened, first.file if is_single else ref.path, is_named=not ref.found_in)
        opened.notes = (*opened.notes, *notes)
        check("tensors", len(opened.tensors), ref.path)
        check_crumbs(len(opened.tensors), _weight(opened), ref.path)
        places = [(part.prefix, part.file) for part in ref.parts]
        return with_short_names(dequantised(weight_normed(opened), places))
    except BaseException:
        opened.close()
        raise


def _weight(opened: Checkpoint) -> int:
    """Bytes that the tensors of a model would take in single precision."""
    return 4 * sum(tensor.size for tensor in opened.tensors.values())


def _is_consolidated(ref: ModelRef) -> bool:
    """Whether the files are called as Meta and Mistral call the shards of a model."""
    return all(
        consolidated.NAME.fullmatch(os.path.basename(part.file)) and not part.prefix and not part.tensor
        for part in ref.parts
    )


def _consolidated(ref: ModelRef) -> Checkpoint:
    shards: list[Checkpoint] = []
    try:
        shards += (open_checkpoint(part.file, ref.component) for part in ref.parts)
        settings = os.path.join(os.path.dirname(ref.parts[0].file), "params.json")
        shapes = read_json(settings, "Download it again.") if os.path.isfile(settings) else {}
        return consolidated.Consolidated(shards, shapes if isinstance(shapes, dict) else {}, ref.path)
    except BaseException:
        for shard in shards:
            shard.close()
        raise


class ShortNames(Checkpoint):
    """A checkpoint whose longest names are shortened, so that no output is flooded; a hash tells them apart."""

    def __init__(self, inner: Checkpoint) -> None:
        self.inner = inner
        self.format = format_of(inner)  # type: ignore[misc]
        self.path = getattr(inner, "path", "")
        self._stored = {shortened(name): name for name in inner.tensors}
        self.tensors = {
            short: replace(inner.tensors[name], name=short) if short != name else inner.tensors[name]
            for short, name in self._stored.items()
        }
        self.components, self.notes = inner.components, inner.notes
        self.unread = tuple(replace(item, tensors=tuple(map(shortened, item.tensors))) for item in inner.unread)

    def read(self, name: str, start: int = 0, stop: int | None = None) -> AnyArray:
        return self.inner.read(self._stored.get(name, name), start, stop)

    def read_into(self, name: str, start: int, out: NDArray[np.float32]) -> None:
        self.inner.read_into(self._stored.get(name, name), start, out)

    def close(self) -> None:
        self.inner.close()


NOTES = 20
"""Most notes on one model that are kept."""


def with_short_names(opened: Checkpoint) -> Checkpoint:
    """The same checkpoint, with names, components and notes that fit an output."""
    if any(len(name) > LONGEST_NAME for name in opened.tensors):
        opened = ShortNames(opened)
    opened.components = tuple(map(shortened, opened.components))
    more = (f"{len(opened.notes) - NOTES:,} more notes",) if len(opened.notes) > NOTES else ()
    opened.notes = (*(shortened(note, 1000) for note in opened.notes[:NOTES]), *more)
    return opened


def open_each(refs: Sequence[ModelRef]) -> tuple[list[Opened], list[Skipped], list[tuple[str, Aside]]]:
    """Open what can be opened; the rest is recorded, and spoils nothing. Costs a read of every header.

    The third list holds (folder or pattern, file) of what was found by a search and is not a model.
    """
    _allow_open_files(sum(len(ref.parts) for ref in refs))
    opened: list[Opened] = []
    skipped: list[Skipped] = []
    asides: list[tuple[str, Aside]] = []
    for ref in announced("opening", refs, [ref.name for ref in refs]):
        try:
            checkpoint = open_model(ref)
        except NoModelError as error:
            if ref.found_in and (len(ref.parts) == 1 or error.path == ref.path):
                asides.append((ref.found_in, Aside(error.path, BY_CONTENT[error.kind])))
            else:
                skipped.append(Skipped(path=ref.path, reason=reason_of(error, ref.path)))
        except (CheckpointError, MissingExtraError, UnknownChoiceError) as error:
            skipped.append(Skipped(path=ref.path, reason=reason_of(error, ref.path)))
        else:
            opened.append((ref, checkpoint))
            say_before(ref)
            skipped += _doubts(ref, checkpoint)
    return opened, skipped, asides


def open_all(refs: Sequence[ModelRef]) -> tuple[list[Opened], list[Skipped]]:
    """As ``open_each``, with what is not a model listed once by kind and count."""
    opened, skipped, asides = open_each(refs)
    return opened, [*skipped, *summarise(asides)]


def _doubts(ref: ModelRef, checkpoint: Checkpoint) -> list[Skipped]:
    """What must be reported of a model that is read all the same: an index that disagrees with the shards."""
    composite = checkpoint
    while not isinstance(composite, CompositeCheckpoint) and hasattr(composite, "inner"):
        composite = composite.inner
    reason = composite.disagreement if isinstance(composite, CompositeCheckpoint) else ""
    return [Skipped(path=ref.path, reason=reason)] if reason else []


def from_memory(models: Mapping[str, Any]) -> list[Opened]:
    """Models given as arrays, state dicts, torch modules or checkpoints by name; contiguous arrays are not copied.

    Raises UnsupportedFormatError, naming the model, for anything but a mapping of names to arrays of numbers and what
    has a ``state_dict()``.
    """
    return [(ModelRef(name=name, path="", parts=()), _in_memory(name, arrays)) for name, arrays in models.items()]


def _in_memory(name: str, model: Any) -> Checkpoint:
    if isinstance(model, Checkpoint):
        return model
    where = f"model {name!r}"
    arrays = model.state_dict() if callable(getattr(model, "state_dict", None)) else model
    if not isinstance(arrays, Mapping):
        raise UnsupportedFormatError(
            f"expected a mapping of tensor names to arrays, got {type(arrays).__name__}",
            path=where,
            remedy="A torch module is taken too.",
        )
    try:
        return dequantised(weight_normed(MemoryCheckpoint(arrays)))
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
        with contextlib.suppress(ValueError, OSError):  # a system may refuse; files beyond its limit are then reported
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
