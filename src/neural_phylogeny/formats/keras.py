"""Keras ``.h5 .hdf5 .keras``: the weights of a saved model or a weights file, in the order of its layers.

Only hard links inside the file are followed. Contiguous datasets are read in place, others through h5py.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from neural_phylogeny.errors import (
    CheckpointError,
    DamagedFileError,
    UnknownChoiceError,
    UnsafeFileError,
    UnsupportedFormatError,
)
from neural_phylogeny.formats.base import AnyArray, Checkpoint
from neural_phylogeny.formats.spans import Span, SpanFile
from neural_phylogeny.formats.zips import INFLATION_LIMIT, directory, inflate
from neural_phylogeny.records import TensorInfo

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
WEIGHTS_MEMBER = "model.weights.h5"
DEPTH = 32
"""How deep groups are walked."""

_H5_ERRORS = (OSError, KeyError, RuntimeError, ValueError, TypeError, AttributeError, OverflowError, MemoryError)


def matches(head: bytes, path: Path) -> bool:
    """An HDF5 file, or a zip named ``.keras``."""
    return head[:8] == HDF5_MAGIC or (head[:4] == b"PK\x03\x04" and path.suffix.lower() == ".keras")


def open_file(path: Path, component: str | None = None) -> Checkpoint:
    """Open a Keras file; costs a read of its groups."""
    if component is not None:
        raise UnknownChoiceError("component", component, ())
    with path.open("rb") as file:
        if file.read(8) == HDF5_MAGIC:
            return KerasFile(path)
        members = directory(file, str(path))
        if WEIGHTS_MEMBER not in members:
            raise UnsupportedFormatError(f"a .keras archive without {WEIGHTS_MEMBER}", path=path)
        return KerasFile(path, inflate(file, members[WEIGHTS_MEMBER], str(path)))


class KerasFile(SpanFile):
    """One HDF5 file of Keras weights; ``content`` is that of one inside a ``.keras`` archive."""

    format = "keras"

    def __init__(self, path: Path, content: bytes | None = None) -> None:
        super().__init__(path, content)
        self._datasets: dict[str, Any] = {}
        self._last: tuple[str, AnyArray] | None = None
        self._lock = threading.Lock()
        self._file: Any = None
        self.tensors = {}
        try:
            self._file = h5py.File(self.path if content is None else io.BytesIO(content), "r")
            for name, dataset in self._weights():
                self._register(name, dataset)
        except CheckpointError:
            self.close()
            raise
        except _H5_ERRORS as error:
            self.close()
            raise self._damaged(f"its HDF5 structure cannot be read ({str(error)[:200]})") from error
        if not self.tensors:
            self.close()
            raise UnsupportedFormatError(
                "an HDF5 file without weights",
                path=path,
                remedy="Save the model or its weights, not only its settings.",
            )

    def read(self, name: str, start: int = 0, stop: int | None = None) -> AnyArray:
        if name in self._spans:
            return super().read(name, start, stop)
        with self._lock:
            if self._last is None or self._last[0] != name:
                try:
                    self._last = (name, np.ascontiguousarray(self._datasets[name][()]).reshape(-1))
                except _H5_ERRORS as error:
                    raise self._damaged(f"its values cannot be read ({str(error)[:200]})", name) from error
            return self._last[1][start:stop]

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        super().close()

    def _weights(self) -> Iterator[tuple[str, Any]]:
        """(name, dataset) in the order of the layers where the file tells it, else as stored."""
        root = self._child(self._file, "model_weights") if "model_weights" in self._file else self._file
        if "layer_names" not in root.attrs:
            yield from self._walk(root, "", 0)
            return
        for layer in _texts(root.attrs["layer_names"]):
            group = self._child(root, layer)
            for weight in _texts(group.attrs.get("weight_names", ())):
                yield f"{layer}/{weight}", self._child(group, weight)

    def _walk(self, group: Any, prefix: str, depth: int) -> Iterator[tuple[str, Any]]:
        if depth > DEPTH:
            raise self._damaged("its groups are nested too deeply")
        for key in group:
            child = self._child(group, key)
            if isinstance(child, h5py.Dataset):
                yield f"{prefix}{key}", child
            elif not key.startswith("optimizer"):
                inside = prefix if key in ("layers", "_layer_checkpoint_dependencies", "vars") else f"{prefix}{key}/"
                yield from self._walk(child, inside, depth + 1)

    def _child(self, group: Any, path: str) -> Any:
        """Follow a path of hard links; any other link could lead out of the file."""
        for key in path.strip("/").split("/"):
            if not isinstance(group.get(key, getlink=True), h5py.HardLink):
                raise UnsafeFileError(
                    "a link that is not plain, and could lead to another file",
                    path=self.path,
                    tensor=path,
                    remedy="Save the model without links.",
                )
            group = group[key]
        return group

    def _register(self, name: str, dataset: Any) -> None:
        if not isinstance(dataset, h5py.Dataset) or dataset.dtype.kind not in "biuf" or dataset.shape is None:
            return
        if dataset.external or dataset.is_virtual:
            raise UnsafeFileError(
                "its values lie in another file", path=self.path, tensor=name, remedy="Save the model in one file."
            )
        axis = -1 if len(dataset.shape) > 1 else 0
        axis = -2 if len(dataset.shape) > 2 and "depthwise" in name else axis
        tensor = TensorInfo(name, tuple(dataset.shape), dataset.dtype.newbyteorder("=").name, axis)
        if tensor.size * dataset.dtype.itemsize > INFLATION_LIMIT * (dataset.id.get_storage_size() + 1024):
            raise self._damaged("it claims far more values than the file stores", name)
        offset = dataset.id.get_offset()
        if offset is not None and dataset.chunks is None and not dataset.compression:
            self._spans[name] = Span(offset, dataset.dtype, tensor.size)
        else:
            self._datasets[name] = dataset
        self.tensors[name] = tensor

    def _damaged(self, reason: str, tensor: str = "") -> DamagedFileError:
        return DamagedFileError(reason, path=self.path, tensor=tensor, remedy="Copy or download the file again.")


def _texts(names: Any) -> list[str]:
    return [name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name) for name in names]
