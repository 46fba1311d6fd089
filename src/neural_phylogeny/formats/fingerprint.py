"""Fingerprints (``.nphylo``): the tensors of a model by name and shape, and a few of their values.

Layout: 8 bytes of magic, four little-endian words (stored and inflated bytes of the header, then of the values), both
as zlib streams, and BLAKE2b (32 bytes) of all that. The header is JSON. Values lie byte by byte, the first bytes of all
of them first, grouped by width. The same model gives the same file.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from neural_phylogeny.errors import CheckpointError, DamagedFileError, UnknownChoiceError, UnsupportedFormatError
from neural_phylogeny.files.regular import read_saved
from neural_phylogeny.formats.base import DIMENSIONS_LIMIT, AnyArray, Checkpoint
from neural_phylogeny.formats.grids import Places, kept_axes, kept_shape, places_of
from neural_phylogeny.formats.limits import check, check_crumbs, parsed_json
from neural_phylogeny.inputs import TensorInfo

MAGIC = b"NPHYLOF\x01"
PLAN = 1
"""The sampling plan, which every change of ``grids`` or of what is chosen makes another one."""

WORDS, DIGEST = struct.Struct("<4Q"), 32

_CONTRADICTIONS = (zlib.error, ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError)
_FIELDS = ("name", "shape", "dtype", "output_axis", "codes", "code_bits", "is_trained", "grid")


@dataclass(frozen=True)
class Source:
    """What a fingerprint was made from: what the model was called, its format, and a hash of its content."""

    name: str
    format: str
    identity: str = ""


class Fingerprint(Checkpoint):
    """A model of which a few values are known; reading any other one raises CheckpointError.

    ``blocks`` holds the kept values of each tensor, an axis for each of the tensor's.
    """

    format = "fingerprint"

    def __init__(self, tensors: Mapping[str, TensorInfo], blocks: Mapping[str, AnyArray], source: Source) -> None:
        self.tensors = dict(tensors)
        self.source = source
        self._blocks = dict(blocks)
        self._content = b""
        self.notes = (f"a fingerprint of {source.name} ({source.format}): {self.n_values:,} values of it",)

    @property
    def n_values(self) -> int:
        """Number of values that are known."""
        return sum(block.size for block in self._blocks.values())

    @cached_property
    def digest(self) -> str:
        """Identifies the content: what was kept of which tensors, whatever the model is called."""
        found = hashlib.blake2b(digest_size=16)
        found.update(json.dumps([PLAN, _listed(self.tensors.values())]).encode())
        found.update(_shuffled(list(self._blocks.values())))
        return found.hexdigest()

    def block(self, name: str) -> AnyArray:
        """The kept values of a tensor, an axis for each of the tensor's; of length 0 where there are none."""
        return self._blocks[name]

    def read(self, name: str, start: int = 0, stop: int | None = None) -> AnyArray:
        tensor, block = self.tensors[name], self._blocks[name]
        stop = tensor.size if stop is None else min(stop, tensor.size)
        if block.size == tensor.size:
            return block.reshape(-1)[start:stop]
        if stop - start > block.size:
            raise CheckpointError("these values are not in the fingerprint", tensor=name)
        wanted = np.unravel_index(np.arange(start, stop), tensor.shape)
        assert tensor.grid is not None
        places = [places_of(*pair) for pair in zip(tensor.shape, tensor.grid, strict=True)]
        found = [np.minimum(np.searchsorted(kept, at), len(kept) - 1) for kept, at in zip(places, wanted, strict=True)]
        if any((kept[k] != at).any() for kept, k, at in zip(places, found, wanted, strict=True)):
            raise CheckpointError("these values are not in the fingerprint", tensor=name)
        return block[tuple(found)]

    def read_grid(self, source: TensorInfo, wanted: Sequence[Places]) -> AnyArray | None:
        """The values at the crossings of known places of a tensor as it is read; None where its view mixes axes."""
        axes = kept_axes(source) if source.grid is not None else None
        if axes is None:
            return None
        view, block = source.view, self._blocks[source.name]
        if view is not None:
            if view.stop:
                assert source.grid is not None
                kept = places_of(view.split[view.sliced], source.grid[view.sliced])
                block = block.compress((kept >= view.start) & (kept < view.stop), axis=view.sliced)
            block = block.transpose(view.axes)
        at = [np.searchsorted(kept, places) for kept, places in zip(axes, wanted, strict=True)]
        found: AnyArray = block[np.ix_(*at)]
        return found

    def close(self) -> None:
        pass

    def to_bytes(self) -> bytes:
        """The file."""
        if self._content:
            return self._content
        source = self.source
        header = json.dumps(
            {
                "plan": PLAN,
                "name": source.name,
                "format": source.format,
                "identity": source.identity,
                "tensors": _listed(self.tensors.values()),
                "stored": [block.dtype.name for block in self._blocks.values()],
            },
            separators=(",", ":"),
        ).encode()
        values = _shuffled(list(self._blocks.values()))
        parts = [zlib.compress(header, 9), zlib.compress(values, 6)]
        words = WORDS.pack(len(parts[0]), len(header), len(parts[1]), len(values))
        content = b"".join([MAGIC, words, *parts])
        return content + hashlib.blake2b(content, digest_size=DIGEST).digest()


def matches(head: bytes, path: Path) -> bool:
    """The magic, whatever the version, or the suffix."""
    return head[:7] == MAGIC[:7] or path.suffix.lower() == ".nphylo"


def open_file(path: Path, component: str | None = None) -> Checkpoint:
    """Open a fingerprint; it is read whole."""
    if component is not None:
        raise UnknownChoiceError("component", component, ())
    return from_bytes(read_saved(path, "fingerprint"), str(path))


def from_bytes(content: bytes, path: str, *, is_kept: bool = False) -> Fingerprint:
    """A fingerprint from the bytes of its file; ``path`` is for messages. ``is_kept`` holds the bytes, to be written.

    Raises
    ------
    DamagedFileError
        When it is cut short, or is not what was written.
    UnsupportedFormatError
        When it was made by another version or sampling plan.
    """
    again = "Make it again with nphylo fingerprint."
    if content[:7] != MAGIC[:7]:
        raise UnsupportedFormatError("not a fingerprint", path=path, remedy=again)
    if content[7:8] != MAGIC[7:]:
        reason = f"a fingerprint of version {content[7] if len(content) > 7 else 0} instead of {MAGIC[7]}"
        raise UnsupportedFormatError(reason, path=path, remedy=again)
    body, digest = content[:-DIGEST], content[-DIGEST:]
    if len(body) < len(MAGIC) + WORDS.size or hashlib.blake2b(body, digest_size=DIGEST).digest() != digest:
        raise DamagedFileError("the fingerprint was cut short or changed after it was made", path=path, remedy=again)
    try:
        found = _parsed(body, path)
    except _CONTRADICTIONS as error:
        if isinstance(error, CheckpointError):
            raise
        raise DamagedFileError("the fingerprint contradicts itself", path=path, remedy=again) from error
    found._content = content if is_kept else b""
    return found


def _parsed(body: bytes, path: str) -> Fingerprint:
    stored, size, stored_values, n_bytes = WORDS.unpack_from(body, len(MAGIC))
    start = len(MAGIC) + WORDS.size
    if start + stored + stored_values != len(body):
        raise ValueError("lengths")
    header = parsed_json(_inflated(body[start : start + stored], size, "header", path), path)
    if header["plan"] != PLAN:
        reason = f"made by another sampling plan ({header['plan']!r} instead of {PLAN}), so nothing compares with it"
        raise UnsupportedFormatError(reason, path=path, remedy="Make it again with nphylo fingerprint.")
    tensors = {entry[0]: _tensor(entry) for entry in header["tensors"]}
    check("tensors", len(tensors), path)
    check_crumbs(len(tensors), sum(tensor.size for tensor in tensors.values()) * 4, path)
    if sum(tensor.size for tensor in tensors.values()) >= 1 << 62:
        raise ValueError("sizes")
    if len(tensors) != len(header["tensors"]) or len(tensors) != len(header["stored"]):
        raise ValueError("tensors")
    values = _inflated(body[start + stored :], n_bytes, "buffer", path)
    dtypes = [_dtype(name) for name in header["stored"]]
    blocks = _unshuffled(values, [_kept_shape(tensor) for tensor in tensors.values()], dtypes)
    source = Source(*(str(header[key]) for key in ("name", "format", "identity")))
    return Fingerprint(tensors, dict(zip(tensors, blocks, strict=True)), source)


def _inflated(stored: bytes, size: int, limit: str, path: str) -> bytes:
    check(limit, size, path)
    machine = zlib.decompressobj()
    found = machine.decompress(stored, size + 1)
    if len(found) != size or not machine.eof:
        raise ValueError("lengths")
    return found


def _listed(tensors: Any) -> list[list[Any]]:
    return [[getattr(tensor, field) for field in _FIELDS] for tensor in tensors]


def _tensor(entry: Sequence[Any]) -> TensorInfo:
    found = dict(zip(_FIELDS, entry, strict=True))
    shape, grid = tuple(found["shape"]), found["grid"]
    numbers = [*shape, *(grid or ()), found["output_axis"], found["code_bits"]]
    if any(type(number) is not int for number in numbers) or min([0, *shape, *(grid or ())]) < 0:
        raise ValueError("numbers")
    if any(type(found[key]) is not str for key in ("name", "dtype", "codes")) or len(shape) > DIMENSIONS_LIMIT:
        raise ValueError("names")
    if not -max(1, len(shape)) <= found["output_axis"] < max(1, len(shape)) or math.prod(shape) >= 1 << 62:
        raise ValueError("shape")
    _dtype(found["dtype"])
    if grid is not None and len(grid) != len(shape):
        raise ValueError("grid")
    kept = None if grid is None else tuple(grid)
    return TensorInfo(**(found | {"shape": shape, "grid": kept, "is_trained": found["is_trained"] is True}))


def _dtype(name: Any) -> np.dtype[Any]:
    if not isinstance(name, str) or not re.fullmatch(r"[a-z]+[a-z0-9_]*", name):  # np.dtype parses an expression
        raise ValueError("dtype")
    found = np.dtype(getattr(ml_dtypes, name) if name.startswith(("bfloat", "float8")) else name)
    if found.hasobject or found.names or not 1 <= found.itemsize <= 16:
        raise ValueError("dtype")
    return found


def _kept_shape(tensor: TensorInfo) -> tuple[int, ...]:
    return tensor.shape if tensor.grid is None else kept_shape(tensor.shape, tensor.grid)


def _shuffled(blocks: Sequence[AnyArray]) -> bytes:
    """The values of all arrays, by width, byte plane by byte plane."""
    parts = []
    for width in sorted({block.itemsize for block in blocks}):
        together = b"".join(block.tobytes() for block in blocks if block.itemsize == width)
        parts.append(np.frombuffer(together, dtype=np.uint8).reshape(-1, width).T.tobytes())
    return b"".join(parts)


def _unshuffled(values: bytes, shapes: Sequence[tuple[int, ...]], dtypes: Sequence[np.dtype[Any]]) -> list[AnyArray]:
    """The inverse of ``_shuffled``; raises ValueError where there are more or fewer bytes."""
    found: list[AnyArray] = [np.zeros(0)] * len(shapes)
    start = 0
    for width in sorted({dtype.itemsize for dtype in dtypes}):
        of_width = [k for k, dtype in enumerate(dtypes) if dtype.itemsize == width]
        count = sum(math.prod(shapes[k]) for k in of_width)
        planes = np.frombuffer(values, dtype=np.uint8, count=count * width, offset=start).reshape(width, count)
        flat, start, first = np.ascontiguousarray(planes.T), start + count * width, 0
        for k in of_width:
            size = math.prod(shapes[k])
            found[k] = flat[first : first + size].reshape(-1).view(dtypes[k]).reshape(shapes[k])
            first += size
    if start != len(values):
        raise ValueError("lengths")
    return found
