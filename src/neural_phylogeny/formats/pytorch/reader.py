"""PyTorch ``.pt .pth .bin .ckpt``, without torch: the zip format and the one before version 1.6.

Both hold a pickle that describes tensors as views of storages, and the storages as plain values. The pickle is
loaded as inert records (see ``unpickler``), the state dict found in it (see ``state_dicts``), the views proven (see
``views``), and contiguous tensors are then read like those of any other file.
"""

from __future__ import annotations

import math
import threading
from pathlib import Path
from typing import Any

import numpy as np

from neural_phylogeny.errors import DamagedFileError, UnknownChoiceError, UnsupportedFormatError
from neural_phylogeny.formats.base import AnyArray, Checkpoint
from neural_phylogeny.formats.pytorch.container import Place, unpack
from neural_phylogeny.formats.pytorch.inert import Inert, LeftOut, Quantizer, Storage, TensorRecord
from neural_phylogeny.formats.pytorch.state_dicts import Tensors, find_state_dicts
from neural_phylogeny.formats.pytorch.strides import View, prove
from neural_phylogeny.formats.spans import Span, SpanFile
from neural_phylogeny.formats.zips import inflate
from neural_phylogeny.records import TensorInfo

CLAIM_LIMIT = 64
"""All tensors together may claim this many times the bytes of all storages (tied weights claim theirs twice) ..."""

SMALL_CLAIM = 1 << 30
"""... or this many bytes, whichever is more."""

DEQUANTISED = "quantised tensors are read as the weights they stand for"


def matches(head: bytes, path: Path) -> bool:
    """A zip or a pickle, or an old tar archive by its magic."""
    return head[:4] == b"PK\x03\x04" or (head[:1] == b"\x80" and head[1:2] <= b"\x05") or head[257:262] == b"ustar"


def open_file(path: Path, component: str | None = None) -> Checkpoint:
    """Open a PyTorch checkpoint; costs a read of its directory and pickle.

    ``component`` names one of several state dicts in the file. Raises the errors of ``open_checkpoint``.
    """
    return PyTorchFile(path, component)


class PyTorchFile(SpanFile):
    """One PyTorch checkpoint; ``content`` or ``window`` say where one lies inside an archive.

    Contiguous, uncompressed tensors are read in place by slice. Others are put together when they are first asked
    for, and the last one is kept for the slices that follow: read one tensor to its end, then the next.
    """

    format = "pytorch"

    def __init__(
        self,
        path: str | Path,
        component: str | None = None,
        content: bytes | None = None,
        window: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(path, content, window)
        self._arrays: dict[str, AnyArray] = {}
        self._views: dict[str, tuple[View, Quantizer | None]] = {}
        self._last: tuple[str, AnyArray] | None = None
        self._lock = threading.Lock()
        self.tensors = {}
        try:
            container = unpack(self)
            self._places, self._big_endian = container.places, container.big_endian
            self._register_all(self._choose(container.root, component))
        except BaseException:
            self.close()
            raise

    def read(self, name: str, start: int = 0, stop: int | None = None) -> AnyArray:
        if name in self._spans:
            return super().read(name, start, stop)
        if name in self._arrays:
            return self._arrays[name][start:stop]
        with self._lock:
            if self._last is None or self._last[0] != name:
                self._last = (name, self._assemble(name, *self._views[name]))
            values = self._last[1]
            return values.reshape(-1)[start:stop] if values.flags.c_contiguous else values.flat[start:stop]

    def _choose(self, root: Any, component: str | None) -> Tensors:
        """Pick the state dict; the others become the components that follow it."""
        found = find_state_dicts(root, self.path)
        if not found:
            kind = root.qualified_name if isinstance(root, Inert) else type(root).__name__.lower()
            raise UnsupportedFormatError(
                f"no state dict with floating-point tensors in it, only a {kind}",
                path=self.path,
                remedy="Give the file that holds the model's weights.",
            )
        if component is not None and component not in found:
            raise UnknownChoiceError("component", component, found)
        chosen = next(iter(found)) if component is None else component
        self.components = (chosen, *(name for name in found if name != chosen)) if len(found) > 1 else ()
        return found[chosen]

    def _register_all(self, tensors: Tensors) -> None:
        """Prove every tensor, and that together they do not claim absurdly more than the file holds."""
        notes: list[str] = []
        for name, tensor in tensors.items():
            if isinstance(tensor, LeftOut):
                notes.append(f"tensor {name!r} is {tensor.kind} and left out")
            elif isinstance(tensor, TensorRecord):
                notes += [DEQUANTISED] if tensor.quantizer is not None else []
                self._register(name, tensor)
            else:
                native = tensor.dtype.newbyteorder("=")
                self._arrays[name] = np.ascontiguousarray(tensor, dtype=native).reshape(-1)
                self.tensors[name] = TensorInfo(name=name, shape=tensor.shape, dtype=tensor.dtype.name)
        self.notes = tuple(dict.fromkeys(notes))
        claimed = sum(tensor.size for tensor in self.tensors.values())
        held = sum(place.nbytes for place in self._places.values())
        if claimed > max(CLAIM_LIMIT * held, SMALL_CLAIM):
            raise self._damaged(f"its tensors claim {claimed} values of storages that hold {held} bytes")

    def _register(self, name: str, record: TensorRecord) -> None:
        """Prove one tensor and note how it will be read."""
        view, place = self._prove(name, record)
        dtype = self._stored_dtype(name, view)
        in_place = view.contiguous and place.member is None and place.content is None
        if in_place and record.quantizer is None:
            self._spans[name] = Span(place.offset + view.offset * dtype.itemsize, dtype, view.size)
        else:
            self._views[name] = (view, record.quantizer)
        read_as = view.dtype if record.quantizer is None else np.dtype(np.float32)
        self.tensors[name] = TensorInfo(name=name, shape=view.shape, dtype=read_as.name)

    def _prove(self, name: str, record: TensorRecord) -> tuple[View, Place]:
        place = self._place(record.storage) if isinstance(record.storage, Storage) else None
        if place is None:
            raise self._damaged("its storage is not in the file", name)
        return prove(record, place.nbytes, self.path, name), place

    def _place(self, storage: Storage) -> Place | None:
        if storage.content is not None:
            return Place(0, len(storage.content), content=storage.content)
        return self._places.get(storage.key)

    def _stored_dtype(self, name: str, view: View) -> np.dtype:
        """The dtype with the byte order of the file."""
        if not self._big_endian or view.dtype.itemsize == 1:
            return view.dtype
        if view.dtype.name == "bfloat16":
            raise UnsupportedFormatError(
                "big-endian bfloat16 values",
                path=self.path,
                tensor=name,
                remedy="Save the file again on a little-endian machine.",
            )
        return view.dtype.newbyteorder(">")

    def _assemble(self, name: str, view: View, quantizer: Quantizer | None) -> AnyArray:
        """A tensor that is strided, compressed or quantised, in its shape."""
        values = self._shown(name, view)
        if quantizer is None:
            return values
        along = [1] * len(view.shape)
        if quantizer.axis is not None:
            if not isinstance(quantizer.axis, int) or quantizer.axis not in range(len(view.shape)):
                raise self._damaged("its quantisation axis is not one of its axes", name)
            along[quantizer.axis] = view.shape[quantizer.axis]
        with np.errstate(over="ignore", invalid="ignore"):  # hostile scales give infinities, as torch has them too
            weights = values.astype(np.float32)
            weights -= self._parameter(name, quantizer.zero, along)
            weights *= self._parameter(name, quantizer.scale, along)
        return weights

    def _shown(self, name: str, view: View) -> AnyArray:
        """What a view shows, over that part of its storage alone."""
        place, dtype = self._place(view.storage), self._stored_dtype(name, view)
        assert place is not None  # proven when the file was opened
        start, extent = view.offset * dtype.itemsize, view.extent * dtype.itemsize
        if place.content is not None:
            content = place.content[start : start + extent]
        elif place.member is not None:
            content = inflate(self.stream(), place.member, self.path)[start : start + extent]
        else:
            content = self.read_bytes(place.offset + start, extent, name)
        return view.over(np.frombuffer(content, dtype=dtype))

    def _parameter(self, name: str, value: Any, along: list[int]) -> AnyArray:
        """A quantiser's scale or zero point as float32: a number, or a tensor with one per channel."""
        if isinstance(value, TensorRecord):
            view, _ = self._prove(name, value)
            if view.size != math.prod(along):
                raise self._damaged(f"it has {view.size} scales or zero points for {math.prod(along)} channels", name)
            return self._shown(name, view).astype(np.float32).reshape(along)
        if isinstance(value, int | float) and abs(value) < 2**63:
            return np.array(value, dtype=np.float32)
        raise self._damaged("its scale or zero point is not a number", name)

    def _damaged(self, reason: str, tensor: str = "") -> DamagedFileError:
        return DamagedFileError(reason, path=self.path, tensor=tensor, remedy="Copy or download the file again.")
