"""Distributed checkpoints of PyTorch, as FSDP writes them: ``.metadata`` beside a ``.distcp`` file for each rank.

``.metadata`` is a pickle, read as inert records, that says in which file, and where in it, each piece of a tensor lies.
A piece is a small PyTorch file within the ``.distcp`` file.
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np

from neural_phylogeny.errors import (
    DamagedFileError,
    NoModelError,
    UnknownChoiceError,
    UnreadableFileError,
    UnsafeFileError,
    UnsupportedFormatError,
)
from neural_phylogeny.formats.base import AnyArray, Checkpoint
from neural_phylogeny.formats.limits import check, check_crumbs, tick
from neural_phylogeny.formats.pieces import Ordered, Piece, read_pieces, tiles
from neural_phylogeny.formats.pytorch import unpickler
from neural_phylogeny.formats.pytorch.enumerations import EnumerationUnpickler
from neural_phylogeny.formats.pytorch.inert import Inert, Storage, StorageType, TensorRecord
from neural_phylogeny.formats.pytorch.state_dicts import find_state_dicts
from neural_phylogeny.formats.pytorch.strides import is_count
from neural_phylogeny.formats.ranks import Pieces, RankFile
from neural_phylogeny.formats.spans import Span, SpanFile
from neural_phylogeny.formats.trainer_files import METADATA, SUFFIX
from neural_phylogeny.inputs import TensorInfo

DIMENSIONS = 32

AGAIN = "Copy the folder again, with the files of all ranks."


def matches(head: bytes, path: Path) -> bool:
    """A pickle that is called as torch calls it, or the file of a rank."""
    return (path.name == METADATA and head[:1] == b"\x80") or path.suffix == SUFFIX


def open_file(path: Path, component: str | None = None) -> Checkpoint:
    """Open a distributed checkpoint by its ``.metadata``; costs a look at each piece of each tensor.

    ``component`` names one of several state dicts. Raises the errors of ``open_checkpoint``.
    """
    if path.suffix == SUFFIX:
        raise UnsupportedFormatError(
            "a part of a distributed checkpoint",
            path=path,
            remedy=f"Give its folder, where {METADATA} says what the files of all ranks hold.",
        )
    return DistributedCheckpoint(path, component)


class DistributedCheckpoint(Checkpoint):
    """The tensors of all ranks put together."""

    format = "distributed"

    def __init__(self, path: Path, component: str | None = None) -> None:
        self.path = str(path)
        self._files: dict[str, RankFile] = {}
        self._pieces: dict[str, Ordered] = {}
        self._known = Pieces(self.path)
        self._dtypes: dict[str, np.dtype] = {}
        self._n_pieces = self._in_pieces = 0
        self.tensors = {}
        try:
            described, places, paths = self._metadata()
            for name, key in self._choose(described, paths, component).items():
                self._register(name, key, described[key], places)
        except BaseException:
            self.close()
            raise

    def read(self, name: str, start: int = 0, stop: int | None = None) -> AnyArray:
        size = self.tensors[name].size
        stop = size if stop is None else min(stop, size)
        return read_pieces(self.tensors[name].shape, self._dtypes[name], self._pieces[name], start, stop)

    def close(self) -> None:
        for file in self._files.values():
            file.close()
        self._files.clear()

    def _metadata(self) -> tuple[dict[str, Inert], dict[tuple[str, Any], Inert], Mapping[str, Any]]:
        """What is said of each tensor, where its pieces lie, and its keys in the nested state dict."""
        with SpanFileOf(self.path) as file:
            check("header", file.file_size, self.path, what="bytes of metadata")
            content = io.BytesIO(file.read_bytes(0, file.file_size))
            root = unpickler.load(content, self.path, None, 16 * file.file_size, EnumerationUnpickler)
        state = root.state if isinstance(root, Inert) else {}
        described, stored = state.get("state_dict_metadata"), state.get("storage_data")
        if not isinstance(described, dict) or not isinstance(stored, dict):
            raise UnsupportedFormatError("not the metadata of a distributed checkpoint", path=self.path)
        places = {}
        for key, info in stored.items():
            if isinstance(key, Inert) and isinstance(info, Inert):
                offset = key.state.get("offset")
                places[str(key.state.get("fqn")), tuple(offset) if isinstance(offset, list | tuple) else None] = info
        lengths = [info.state.get("length") for info in places.values()]
        check_crumbs(len(lengths), sum(length for length in lengths if _is_int(length)), self.path)
        paths = state.get("planner_data")
        tensors = {name: item for name, item in described.items() if isinstance(item, Inert) and "chunks" in item.state}
        if not all(isinstance(name, str) for name in tensors):
            raise self._damaged("a tensor whose name is no text")
        return tensors, places, paths if isinstance(paths, dict) else {}

    def _choose(
        self, described: Mapping[str, Inert], paths: Mapping[str, Any], component: str | None
    ) -> dict[str, str]:
        """The names of the chosen state dict's tensors, and what the metadata calls them."""
        root: dict[str, Any] = {}
        for key, item in described.items():
            path = paths.get(key)
            keys = [str(part) for part in path] if isinstance(path, list | tuple) and path else _split(key)
            node = root
            for part in keys[:-1]:
                inner = node.setdefault(part, {})
                node = inner if isinstance(inner, dict) else node
            dtype = _dtype_of(item)
            storage = Storage(key, dtype or np.dtype(np.uint8), 0)
            node[keys[-1]] = TensorRecord(storage, 0, item.state.get("size"), (), dtype)
        passed_over: list[str] = []
        found = find_state_dicts(root, self.path, passed_over)
        if not found:
            reason = "no model in it" + (
                f", only the state of a training ({passed_over[0][:100]!r})" if passed_over else ""
            )
            kind = "training state" if passed_over else "no weights"
            raise NoModelError(reason, kind, path=self.path, remedy="Give the folder that holds the model's weights.")
        if component is not None and component not in found:
            raise UnknownChoiceError("component", component, found)
        chosen = next(iter(found)) if component is None else component
        self.components = (chosen, *(name for name in found if name != chosen)) if len(found) > 1 else ()
        return {name: tensor.storage.key for name, tensor in found[chosen].items() if isinstance(tensor, TensorRecord)}

    def _register(self, name: str, key: str, item: Inert, places: Mapping[tuple[str, Any], Inert]) -> None:
        """Prove that the pieces of a tensor tile it, and find each."""
        shape, chunks = _shape(item.state.get("size")), item.state.get("chunks")
        if shape is None or not isinstance(chunks, list):
            raise self._damaged("its shape or its pieces are not given", name)
        boxes = []
        for chunk in chunks:
            tick()
            state = chunk.state if isinstance(chunk, Inert) else {}
            offsets, sizes = _shape(state.get("offsets")), _shape(state.get("sizes"))
            if offsets is None or sizes is None:
                raise self._damaged("a piece has no place", name)
            boxes.append((offsets, sizes))
        problem = tiles(shape, boxes)
        if problem:
            raise self._damaged(problem, name)
        pieces = []
        for offsets, sizes in boxes:
            info = places.get((key, offsets)) or places.get((key, None))
            if info is None:
                raise self._damaged(f"no file is named for its piece at {offsets}", name)
            file, span = self._found(name, info, sizes)
            pieces.append(Piece(offsets, sizes, lambda start, stop, f=file, s=span: f.values(s, start, stop)))  # type: ignore[misc]
            if self._dtypes.setdefault(name, span.dtype) != span.dtype:
                raise self._damaged("its pieces have different number types", name)
        if not pieces:
            self._dtypes[name] = _dtype_of(item) or np.dtype(np.float32)
        self._pieces[name] = Ordered(pieces)
        self.tensors[name] = TensorInfo(name=name, shape=shape, dtype=self._dtypes[name].name)

    def _found(self, name: str, info: Inert, sizes: tuple[int, ...]) -> tuple[RankFile, Span]:
        """The file of a piece and where its values lie in it."""
        place, offset, length = (info.state.get(key) for key in ("relative_path", "offset", "length"))
        if not isinstance(place, str) or not _is_int(offset) or not _is_int(length):
            raise self._damaged("a piece has no place in a file", name)
        if transforms := info.state.get("transform_descriptors"):
            raise UnsupportedFormatError(
                f"pieces that are compressed ({str(transforms)[:100]})",
                path=self.path,
                tensor=name,
                remedy="Load and save it again without extensions, as torch does by default.",
            )
        file = self._file(place)
        if offset + length > file.file_size:
            raise self._damaged(f"{place[:200]!r} ends before a piece that it should hold", name)
        self._n_pieces, self._in_pieces = self._n_pieces + 1, self._in_pieces + length
        check_crumbs(self._n_pieces, self._in_pieces, self.path)
        span = self._known.span(file, offset, length, name)
        if span.size != math.prod(sizes):
            raise self._damaged(f"a piece holds {span.size:,} values where {math.prod(sizes):,} are expected", name)
        return file, span

    def _file(self, place: str) -> RankFile:
        if place not in self._files:
            if os.path.basename(place) != place or place in ("", ".", ".."):
                raise UnsafeFileError(
                    f"the metadata points outside its folder ({place[:200]!r})",
                    path=self.path,
                    remedy="Do not trust this folder.",
                )
            full = os.path.join(os.path.dirname(self.path), place)
            if not os.path.isfile(full):
                raise UnreadableFileError(
                    f"{place[:200]!r}, the file of a rank, is missing", path=self.path, remedy=AGAIN
                )
            self._files[place] = RankFile(full)
        return self._files[place]

    def _damaged(self, reason: str, tensor: str = "") -> DamagedFileError:
        return DamagedFileError(reason, path=self.path, tensor=tensor, remedy=AGAIN)


class SpanFileOf(SpanFile):
    """The metadata file while it is read."""

    format = "distributed"


def _is_int(value: object) -> TypeGuard[int]:
    return is_count(value)


def _split(key: str) -> list[str]:
    """The keys of a tensor whose place in the nested state dict is not said: by its first word where that is usual."""
    first, dot, rest = key.partition(".")
    return [first, rest] if dot and first in ("model", "optimizer", "optim", "state_dict", "ema") else [key]


def _shape(value: Any) -> tuple[int, ...] | None:
    if not isinstance(value, list | tuple) or len(value) > DIMENSIONS or not all(map(is_count, value)):
        return None
    return tuple(value)


def _dtype_of(item: Inert) -> np.dtype | None:
    """The number type that the metadata gives a tensor."""
    properties = item.state.get("properties")
    if not isinstance(properties, Inert):
        return None
    given = [*properties.state.values(), *properties.items, *properties.args]
    return next((value.dtype for value in given if isinstance(value, StorageType)), None)
