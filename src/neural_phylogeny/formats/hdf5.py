"""HDF5 as hostile input: only what lies in the file itself is reached, and only by plain means.

Links that could lead out of the file, values stored elsewhere and filters from outside the HDF5 library are
refused. This module alone imports h5py.
"""

from __future__ import annotations

import atexit
import math
import re
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import h5py
import ml_dtypes
import numpy as np

from neural_phylogeny.errors import CheckpointError, DamagedFileError, UnsafeFileError, UnsupportedFormatError
from neural_phylogeny.formats.base import AnyArray
from neural_phylogeny.formats.limits import check
from neural_phylogeny.formats.zips import is_believable

ROW = 1 << 20
"""Rows of more values are read in parts."""

_BUILT_IN_FILTERS = (h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32)

_H5_ERRORS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What h5py raises on a damaged file."""


_OPEN: weakref.WeakSet[Tree] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    """Close what was left open: HDF5 would otherwise call back into an interpreter that is gone, and crash."""
    for tree in list(_OPEN):
        tree.close()


class Tree:
    """The groups and datasets of one HDF5 file.

    Parameters
    ----------
    path : str
        The file's path, or its name for messages.
    size : int
        Its length in bytes.
    stream : binary file object, optional
        Its bytes, where they are not simply those at ``path``. Nothing in it may refer back to the tree: the library
        calls it when the tree goes, and a cycle collected in the wrong order would crash the process.
    """

    def __init__(self, path: str, size: int, stream: BinaryIO | None = None) -> None:
        self._path = path
        self._size = size
        self._grown = 0
        with self._reporting():
            self._file = h5py.File(path, "r", locking=False) if stream is None else h5py.File(stream, "r")
            self._in_place = self._file.userblock_size == 0
        _OPEN.add(self)

    @property
    def root(self) -> Any:
        """The outermost group."""
        with self._reporting():
            return self._file["/"]

    def close(self) -> None:
        """Release the file; safe to call twice."""
        self._file.close()

    def has(self, group: Any, key: str) -> bool:
        """Whether a group has an entry of that name."""
        with self._reporting():
            return bool(group.id.links.exists(key.encode()))

    def child(self, group: Any, path: str) -> Any:
        """Follow a path of hard links; any other link could lead to another file."""
        for key in path.strip("/").split("/"):
            with self._reporting(path):
                if not isinstance(group, h5py.Group) or not group.id.links.exists(key.encode()):
                    raise self._damaged("it is listed but not there", path)
                if group.id.links.get_info(key.encode()).type != h5py.h5l.TYPE_HARD:
                    raise UnsafeFileError(
                        "reached by a link, which could lead to another file",
                        path=self._path,
                        tensor=path,
                        remedy="Save the model without links.",
                    )
                group = group[key]
        return group

    def names(self, group: Any, attribute: str) -> list[str] | None:
        """The list of names in an attribute, or in its numbered pieces when it was too long for one.

        None without such a list, or where its texts are not of fixed length, as Keras writes them: the library
        may never come back from a damaged heap of others.
        """
        with self._reporting(attribute):
            if attribute in group.attrs:
                return self._texts(group, attribute)
            found: list[str] = []
            piece = 0
            while f"{attribute}{piece}" in group.attrs:
                texts = self._texts(group, f"{attribute}{piece}")
                if texts is None:
                    return None
                found += texts
                piece += 1
            return found if piece else None

    def walk(self, group: Any, passed_over: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
        """(path, dataset) of everything below a group, counters in their numeric order; each group is seen once."""
        seen: set[Any] = set()
        pending: list[tuple[tuple[str, ...], Any]] = [((), group)]
        while pending:
            path, item = pending.pop()
            with self._reporting("/".join(path)):
                if isinstance(item, h5py.Dataset):
                    yield path, item
                    continue
                if not isinstance(item, h5py.Group) or (address := h5py.h5o.get_info(item.id).addr) in seen:
                    continue
                seen.add(address)
                check("depth", len(path), self._path)
                check("members", len(seen), self._path)
                if not all(isinstance(key, str) for key in item):
                    raise self._damaged("a name in this group is not text", "/".join(path))
                keys = sorted(item, key=_by_count, reverse=True)
                kept = [key for key in keys if path or not key.startswith(passed_over)] if passed_over else keys
                pending += [((*path, key), self.child(item, key)) for key in kept]

    def place(self, dataset: Any, name: str) -> tuple[np.dtype, int | None] | None:
        """The dtype of a dataset's values, and their offset where they lie in the file as they are.

        None where it holds no numbers. Raises UnsafeFileError for values outside the file, DamagedFileError and
        UnsupportedFormatError for those that cannot be had.
        """
        with self._reporting(name):
            if not isinstance(dataset, h5py.Dataset) or dataset.shape is None:
                return None
            dtype = dataset.dtype
            if dtype == np.dtype("V2"):  # so h5py writes what NumPy calls bfloat16
                dtype = np.dtype(ml_dtypes.bfloat16)
            elif dtype.kind not in "biuf":
                return None
            self._check_storage(dataset, name)
            nbytes = dataset.size * dtype.itemsize
            offset = dataset.id.get_offset()
            as_is = dataset.id.get_type().equal(h5py.h5t.py_create(dataset.dtype, logical=True))
            if offset is None or dataset.chunks is not None or not as_is or not self._in_place:
                return dtype, None
            if offset + nbytes > self._size:
                raise self._damaged(f"its {nbytes} bytes lie beyond the end of the file", name)
            return dtype, offset

    def read(self, dataset: Any, dtype: np.dtype, start: int, stop: int, name: str) -> AnyArray:
        """Values ``start:stop`` of a dataset in flat C order; costs a read of the rows they lie in."""
        with self._reporting(name):
            if dataset.ndim == 0:
                values = np.asarray(dataset[()]).reshape(1)[start:stop]
            else:
                values = _flat(dataset, (), start, stop)
            return np.ascontiguousarray(values).view(dtype)

    def _check_storage(self, dataset: Any, name: str) -> None:
        if dataset.external or dataset.is_virtual:
            raise UnsafeFileError(
                "its values lie in another file", path=self._path, tensor=name, remedy="Save the model in one file."
            )
        settings = dataset.id.get_create_plist()
        for index in range(settings.get_nfilters()):
            code = settings.get_filter(index)[0]
            if code not in _BUILT_IN_FILTERS:
                raise UnsupportedFormatError(
                    f"compressed by filter {code}, which would have to be loaded",
                    path=self._path,
                    tensor=name,
                    remedy="Save it with gzip, or uncompressed.",
                )
        if dataset.chunks is not None:
            chunk = math.prod(dataset.chunks) * dataset.dtype.itemsize
            check("buffer", chunk, self._path, name, "bytes in a chunk")
        stored = dataset.id.get_storage_size()
        nbytes = dataset.size * dataset.dtype.itemsize
        self._grown += nbytes if dataset.chunks is not None else 0
        if not is_believable(nbytes, stored) or not is_believable(self._grown, self._size):
            raise self._damaged(f"it claims {dataset.size} values but stores {stored} bytes", name)

    def _texts(self, group: Any, attribute: str) -> list[str] | None:
        stored = group.attrs.get_id(attribute)
        if stored.shape is None or (stored.dtype.kind != "S" and stored.shape != (0,)):
            return None
        check("tensors", math.prod(stored.shape), self._path, attribute, "names")
        check("buffer", math.prod(stored.shape) * stored.dtype.itemsize, self._path, attribute, "bytes of names")
        names = np.empty(stored.shape, dtype=stored.dtype)
        stored.read(names)
        return [name.decode() for name in names.reshape(-1).tolist()] if names.size else []

    @contextmanager
    def _reporting(self, tensor: str = "") -> Iterator[None]:
        try:
            yield
        except CheckpointError:
            raise
        except _H5_ERRORS as error:
            raise self._damaged(f"its HDF5 structure cannot be read ({str(error)[:200]})", tensor) from error

    def _damaged(self, reason: str, tensor: str = "") -> DamagedFileError:
        return DamagedFileError(reason, path=self._path, tensor=tensor, remedy="Copy or download the file again.")


def _flat(dataset: Any, place: tuple[int, ...], start: int, stop: int) -> AnyArray:
    """Values ``start:stop`` of what lies at ``place`` of the first axes, in flat C order; few more are held."""
    inner = math.prod(dataset.shape[len(place) + 1 :])
    if len(place) + 1 == dataset.ndim:
        found: AnyArray = dataset[(*place, slice(start, stop))]
        return found
    first, last = start // inner, -(-stop // inner)
    if inner <= stop - start or inner <= ROW:
        rows: AnyArray = dataset[(*place, slice(first, last))].reshape(-1)
        return rows[start - first * inner : stop - first * inner]
    parts = []
    for row in range(first, last):
        low, high = max(start, row * inner), min(stop, (row + 1) * inner)
        parts.append(_flat(dataset, (*place, row), low - row * inner, high - row * inner))
    return np.concatenate(parts)


def _by_count(key: str) -> list[tuple[bool, int, str]]:
    """Sorts ``dense_2`` before ``dense_10``."""
    return [(not part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in re.split(r"(\d+)", key)]
