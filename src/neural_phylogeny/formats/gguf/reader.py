"""One GGUF file as a checkpoint: values by rows, as Hugging Face's files have them."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.errors import CheckpointError, UnknownChoiceError
from neural_phylogeny.formats.base import AnyArray, Checkpoint, convert
from neural_phylogeny.formats.gguf.blocks import decode, needs_package, package
from neural_phylogeny.formats.gguf.header import MAGIC, Entry, Header, read_header
from neural_phylogeny.formats.gguf.names import Architecture, Place, architecture_of, place_of
from neural_phylogeny.formats.heads import run
from neural_phylogeny.formats.limits import check, check_crumbs
from neural_phylogeny.formats.spans import Span, SpanFile
from neural_phylogeny.formats.windows import Windows
from neural_phylogeny.inputs import TensorInfo

SLAB = 1 << 20
"""Values that are decoded at a time where a tensor is read across its rows."""

LOOKED_AT = 1 << 20
"""Most values of a matrix whose rows are looked at to tell whether heads are interleaved."""

CLEARLY = 0.8
"""Neighbouring rows are those of one rotation where their norms differ by less than this share of the alternative's."""

_SHARD = re.compile(r"-\d{5}-of-(\d{5})\.gguf$", re.IGNORECASE)


def matches(head: bytes, path: Path) -> bool:
    """The magic bytes, or the suffix."""
    return head[:4] == MAGIC or path.suffix.lower() == ".gguf"


def open_file(path: Path, component: str | None = None) -> Checkpoint:
    """Open a GGUF file; ``component`` must be None, the format has only one state dict."""
    if component is not None:
        raise UnknownChoiceError("component", component, ())
    return GgufFile(path)


@dataclass(frozen=True, slots=True)
class Stored:
    """A matrix in the file: its number type, first byte, rows of ``width`` values, and how it is read.

    With ``head`` rows are interleaved in heads of so many; with ``transposed`` the file has outputs and inputs
    exchanged; ``offset`` was added to all values.
    """

    entry: Entry
    start: int
    n_rows: int
    width: int
    head: int = 0
    transposed: bool = False
    offset: float = 0.0


class GgufFile(SpanFile):
    """One GGUF file; opening costs a read and a check of its header."""

    format = "gguf"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._stored: dict[str, Stored] = {}
        self._windows = Windows(self._across)
        try:
            header = read_header(self)
            self.metadata = _metadata(header, self.path)
            self._name(header, architecture_of(self.metadata))
            self.notes = self._notes(header)
            if any(needs_package(stored.entry.kind.name) for stored in self._stored.values()):
                package()
        except BaseException:
            self.close()
            raise

    def _name(self, header: Header, architecture: Architecture) -> None:
        """Fill ``tensors``, ``_stored`` and ``_spans`` under Hugging Face's names, or the file's where these meet."""
        places = {entry.name: place_of(entry.name, architecture) for entry in header.entries}
        counts = Counter(place.name for place in places.values() if place)
        self.tensors = {}
        heads = self._heads(header, architecture, places)
        for entry in header.entries:
            place = places[entry.name]
            if place is not None and (counts[place.name] > 1 or place.name in places):
                place = None
            if place is not None and place.is_stack and entry.shape:
                check("tensors", len(self.tensors) + entry.shape[0], self.path)
                check_crumbs(len(self.tensors) + entry.shape[0], self.file_size, self.path)
            for name, stored, shape in _matrices(entry, place, architecture, heads):
                self._add(name, stored, shape)

    def _add(self, name: str, stored: Stored, shape: tuple[int, ...]) -> None:
        kind = stored.entry.kind
        is_plain = kind.dtype is not None and not stored.offset
        self.tensors[name] = TensorInfo(
            name=name,
            shape=shape,
            dtype=kind.dtype.name if kind.dtype is not None and is_plain else "float32",
            codes="" if kind.dtype is not None else f"gguf {kind.name}",
            code_bits=kind.bits,
        )
        if kind.dtype is not None and is_plain and not stored.head and not stored.transposed:
            self._spans[name] = Span(stored.start, kind.dtype, math.prod(shape))
        else:
            self._stored[name] = stored

    def _heads(self, header: Header, architecture: Architecture, places: Mapping[str, Place | None]) -> dict[str, int]:
        """Rows of a head, by the file's name of each matrix whose rows are interleaved."""
        counts = _head_counts(self.metadata)
        if architecture.permuted is False or counts is None:
            return {}
        queries, keys = counts
        found = {}
        for entry in header.entries:
            place = places[entry.name]
            n_heads = {"attn_q": queries, "attn_k": keys}.get(place.part, 0) if place is not None else 0
            if n_heads and not place_is_adapter(entry.name) and entry.shape and not entry.shape[0] % (2 * n_heads):
                found[entry.name] = entry.shape[0] // n_heads
        if architecture.permuted is None and not self._are_interleaved(header, found):
            return {}
        return found

    def _are_interleaved(self, header: Header, heads: Mapping[str, int]) -> bool:
        """Whether neighbouring rows of the first such matrices are rotated together, by how like their norms are.

        The two rows of one rotation see one frequency, so that training gives them norms that are alike.
        """
        near = far = 0.0
        matrices = [
            entry
            for entry in header.entries
            if len(entry.shape) == 2 and 0 < heads.get(entry.name, 0) * entry.shape[1] <= 16 * LOOKED_AT
        ]
        for entry in matrices[:4]:
            head, width = heads[entry.name], entry.shape[1]
            n_rows = max(1, min(entry.shape[0] // head, LOOKED_AT // max(1, head * width))) * head
            stored = Stored(entry, entry.offset, entry.shape[0], width)
            rows = self._rows(entry.name, stored, 0, n_rows).astype(np.float32)
            norms = np.log(np.maximum(np.linalg.norm(rows, axis=1), 1e-12)).reshape(-1, head)
            near += float(np.abs(norms[:, ::2] - norms[:, 1::2]).sum())
            far += float(np.abs(norms[:, : head // 2] - norms[:, head // 2 :]).sum())
        return near < CLEARLY * far

    def _notes(self, header: Header) -> tuple[str, ...]:
        codes = Counter((e.kind.name, e.kind.bits) for e in header.entries if e.kind.dtype is None)
        kinds = ", ".join(f"{count} of {name}" for (name, _), count in codes.items())
        notes = [f"quantised tensors are read as the weights they stand for: {kinds}"] if kinds else []
        n_heads = sum(bool(stored.head) for stored in self._stored.values())
        if n_heads:
            notes.append(f"rows of {n_heads:,} query and key tensors are put back into the order before the export")
        return tuple(notes)

    def read(self, name: str, start: int = 0, stop: int | None = None) -> AnyArray:
        if name in self._spans:
            return super().read(name, start, stop)
        stored, size = self._stored[name], self.tensors[name].size
        stop = size if stop is None else min(stop, size)
        if stop <= start:
            return np.empty(0, dtype=self.tensors[name].dtype)
        if stored.transposed:
            return self._windows.read(name, start, stop, size)
        first, last = start // stored.width, -(-stop // stored.width)
        if last - first == 1 and not stored.head:
            return self._within(name, stored, start, stop)
        rows = self._rows(name, stored, first, last)
        return rows.reshape(-1)[start - first * stored.width : stop - first * stored.width]

    def read_into(self, name: str, start: int, out: NDArray[np.float32]) -> None:
        if name in self._spans:
            super().read_into(name, start, out)
        else:
            convert(self.read(name, start, start + out.size), out)

    def _within(self, name: str, stored: Stored, start: int, stop: int) -> AnyArray:
        """Values of one row, from its blocks alone."""
        kind = stored.entry.kind
        first, last = start // kind.values, -(-stop // kind.values)
        raw = np.empty((last - first) * kind.nbytes, dtype=np.uint8)
        self._fill(name, stored.start + first * kind.nbytes, raw)
        return _decoded(stored, raw)[start - first * kind.values : stop - first * kind.values]

    def _rows(self, name: str, stored: Stored, first: int, last: int) -> AnyArray:
        """Rows ``first:last`` of a matrix that is not transposed, ``(last - first, width)``."""
        nbytes = stored.width // stored.entry.kind.values * stored.entry.kind.nbytes
        raw = np.empty((last - first, nbytes), dtype=np.uint8)
        done = first
        while done < last:
            low, stride, count = run(done, last, stored.head)
            span = np.empty(((count - 1) * stride + 1, nbytes), dtype=np.uint8)
            self._fill(name, stored.start + low * nbytes, span)
            raw[done - first : done - first + count] = span[::stride]
            done += count
        return _decoded(stored, raw.reshape(-1)).reshape(last - first, stored.width)

    def _across(self, name: str, start: int, stop: int) -> AnyArray:
        """Values ``start:stop`` of the transpose of a stored matrix, in flat C order."""
        stored = self._stored[name]
        first, last = start // stored.n_rows, -(-stop // stored.n_rows)
        found = np.empty((last - first, stored.n_rows), dtype=self.tensors[name].dtype)
        step = max(1, SLAB // stored.width)
        for low in range(0, stored.n_rows, step):
            high = min(low + step, stored.n_rows)
            found[:, low:high] = self._rows(name, stored, low, high)[:, first:last].T
        return found.reshape(-1)[start - first * stored.n_rows : stop - first * stored.n_rows]


def place_is_adapter(name: str) -> bool:
    """Whether a tensor is half of a low-rank adapter; its rows are not those of a matrix."""
    return ".lora_" in name


def _decoded(stored: Stored, raw: NDArray[np.uint8]) -> AnyArray:
    """Values of whole blocks, flat."""
    kind = stored.entry.kind
    if kind.dtype is None:
        values: AnyArray = decode(kind.name, raw.reshape(-1, kind.nbytes)).reshape(-1)
    else:
        values = raw.view(kind.dtype)
    return values.astype(np.float32) - np.float32(stored.offset) if stored.offset else values


def _matrices(
    entry: Entry, place: Place | None, architecture: Architecture, heads: Mapping[str, int]
) -> list[tuple[str, Stored, tuple[int, ...]]]:
    """What one entry of the header is called and how it is read; a stack of experts gives a matrix each."""
    shape = entry.shape
    width = shape[-1] if shape else 1
    n_rows = math.prod(shape[:-1])
    if place is None:
        return [(entry.name, Stored(entry, entry.offset, n_rows, width), shape)]
    if place.is_stack and len(shape) > 1:
        step = entry.nbytes // shape[0] if shape[0] else 0
        return [
            (
                place.name.replace("{e}", str(number)),
                Stored(entry, entry.offset + number * step, n_rows // shape[0], width),
                shape[1:],
            )
            for number in range(shape[0])
        ]
    if place.part in architecture.transposed and place.leaf == "weight" and len(shape) == 2:
        return [(place.name, Stored(entry, entry.offset, n_rows, width, transposed=True), shape[::-1])]
    offset = architecture.offset if place.part.endswith("norm") else 0.0
    head = heads.get(entry.name, 0)
    if head and len(shape) == 1:  # a bias has a row for each value
        n_rows, width = width, 1
    return [(place.name, Stored(entry, entry.offset, n_rows, width, head, offset=offset), shape)]


def _head_counts(metadata: Mapping[str, Any]) -> tuple[int, int] | None:
    """Heads of queries and of keys; None where the file does not say, or says it for each layer apart."""
    prefix = metadata.get("general.architecture")
    queries = metadata.get(f"{prefix}.attention.head_count")
    keys = metadata.get(f"{prefix}.attention.head_count_kv", queries)
    if not all(isinstance(count, int) and 0 < count < 1 << 20 for count in (queries, keys)):
        return None
    return queries, keys  # type: ignore[return-value]


def _metadata(header: Header, path: str) -> Mapping[str, Any]:
    """The metadata of a file, or that of the first shard, which alone has it."""
    if "general.architecture" in header.metadata or not header.metadata.get("split.no"):
        return header.metadata
    first = Path(_SHARD.sub(lambda found: f"-00001-of-{found[1]}.gguf", path))
    if str(first) == path or not first.is_file():
        return header.metadata
    beside = SpanFileHeader(first)
    try:
        return {**read_header(beside).metadata, **header.metadata}
    except CheckpointError:
        return header.metadata
    finally:
        beside.close()


class SpanFileHeader(SpanFile):
    """The first shard of a split file, of which the header alone is read."""

    format = "gguf"
