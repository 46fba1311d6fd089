"""PyTorch ``.pt .pth .bin .ckpt``, without torch: the zip format and the one before version 1.6.

Both hold a pickle that describes tensors as views of storages, and the storages as plain values. The pickle is
loaded as inert records (see ``unpickler``), the state dict found in it (see ``state_dicts``), the views proven (see
``views``), and contiguous tensors are then read like those of any other file.
"""

from __future__ import annotations

import math
import threading
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.errors import DamagedFileError, NoModelError, UnknownChoiceError, UnsupportedFormatError
from neural_phylogeny.formats.base import AnyArray, Checkpoint
from neural_phylogeny.formats.pytorch.container import Place, unpack
from neural_phylogeny.formats.pytorch.dtypes import PACKED_BITS
from neural_phylogeny.formats.pytorch.inert import Inert, LeftOut, Quantizer, Storage, TensorRecord
from neural_phylogeny.formats.pytorch.state_dicts import Tensors, find_state_dicts
from neural_phylogeny.formats.pytorch.strides import View, is_count, prove
from neural_phylogeny.formats.quantised.affine import Affine
from neural_phylogeny.formats.quantised.packing import stream
from neural_phylogeny.formats.spans import Span, SpanFile
from neural_phylogeny.formats.strided import check_turns
from neural_phylogeny.formats.strided import window as values_of
from neural_phylogeny.formats.windows import WINDOW, Windows
from neural_phylogeny.formats.zips import inflate
from neural_phylogeny.inputs import TensorInfo

CLAIM_LIMIT = 64
"""All tensors together may claim this many times the bytes of all storages (tied weights claim theirs twice) ..."""

SMALL_CLAIM = 1 << 30
"""... or this many bytes, whichever is more."""

UNPACKED = 4
"""Compressed members that are kept unpacked."""

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

    Contiguous, uncompressed tensors are read in place by slice. Others are put together in windows; a compressed
    member is unpacked once, into a temporary file where it is large: read one tensor to its end, then the next.
    """

    format = "pytorch"

    def __init__(
        self,
        path: str | Path,
        component: str | None = None,
        content: bytes | BinaryIO | None = None,
        window: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(path, content, window)
        self._arrays: dict[str, AnyArray] = {}
        self._views: dict[str, tuple[View, Quantizer | None]] = {}
        self._coded: dict[str, Quantizer] = {}
        self._affine: dict[str, Affine] = {}
        self._packed: dict[str, int] = {}
        self._windows = Windows(self._fetch)
        self._unpacked: dict[str, SpanFile] = {}
        self._archive: zipfile.ZipFile | None = None
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
        if name in self._coded:
            return self._quantizer(name).apply(self._codes(name, start, stop), start)
        if name in self._spans:
            return super().read(name, start, stop)
        if name in self._arrays:
            return self._arrays[name][start:stop]
        size = self.tensors[name].size
        return self._windows.read(name, start, size if stop is None else min(stop, size), size)

    def close(self) -> None:
        with self._lock:
            for unpacked in self._unpacked.values():
                unpacked.close()
            self._unpacked.clear()
        super().close()

    def _choose(self, root: Any, component: str | None) -> Tensors:
        """Pick the state dict; the others become the components that follow it."""
        passed_over: list[str] = []
        found = find_state_dicts(root, self.path, passed_over)
        if not found:
            raise self._no_model(root, passed_over)
        if component is not None and component not in found:
            raise UnknownChoiceError("component", component, found)
        chosen = next(iter(found)) if component is None else component
        self.components = (chosen, *(name for name in found if name != chosen)) if len(found) > 1 else ()
        return found[chosen]

    def _no_model(self, root: Any, passed_over: list[str]) -> NoModelError:
        remedy = "Give the file that holds the model's weights."
        if passed_over:
            reason = f"no model in it, only the state of a training ({passed_over[0][:100]!r})"
            return NoModelError(reason, "training state", path=self.path, remedy=remedy)
        kind = root.qualified_name if isinstance(root, Inert) else type(root).__name__.lower()
        reason = f"no state dict with floating-point tensors in it, only a {kind}"
        return NoModelError(reason, "no weights", path=self.path, remedy=remedy)

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
        if isinstance(record.storage, Storage) and record.storage.dtype.name in PACKED_BITS:
            self._register_packed(name, record, PACKED_BITS[record.storage.dtype.name])
            return
        view, place = self._prove(name, record)
        dtype = self._stored_dtype(name, view)
        in_place = view.contiguous and place.member is None and place.content is None
        if in_place:
            self._spans[name] = Span(place.offset + view.offset * dtype.itemsize, dtype, view.size)
        else:
            self._views[name] = (view, record.quantizer)
            check_turns(view.shape, view.strides, WINDOW, self.path, name)
        if record.quantizer is None:
            self.tensors[name] = TensorInfo(name=name, shape=view.shape, dtype=view.dtype.name)
            return
        if in_place:
            self._coded[name] = record.quantizer
        bits = 8 * dtype.itemsize
        self.tensors[name] = TensorInfo(name=name, shape=view.shape, dtype="float32", codes="torch", code_bits=bits)

    def _register_packed(self, name: str, record: TensorRecord, bits: int) -> None:
        """The same of codes that share a byte: proven as the bytes that hold them, which must lie in order."""
        storage, shape = record.storage, record.shape
        if not isinstance(shape, list | tuple) or not all(is_count(n) for n in shape):
            raise self._damaged("its shape is not of non-negative integers", name)
        size = math.prod(shape)
        as_bytes = Storage(storage.key, np.dtype(np.uint8), storage.size, storage.content)
        view, place = self._prove(name, TensorRecord(as_bytes, record.offset, (-(-size * bits // 8),), (1,)))
        in_order = [math.prod(shape[k + 1 :]) for k in range(len(shape))]
        if record.offset or record.strides not in (tuple(in_order), in_order) or record.quantizer is None:
            raise UnsupportedFormatError(
                "packed codes that do not lie in order", path=self.path, tensor=name, remedy="Save them as float32."
            )
        if place.member is not None or place.content is not None:
            raise UnsupportedFormatError(
                "packed codes in a compressed file", path=self.path, tensor=name, remedy="Save the file uncompressed."
            )
        self._spans[name] = Span(place.offset, view.dtype, view.size)
        self._coded[name], self._packed[name] = record.quantizer, bits
        self.tensors[name] = TensorInfo(name=name, shape=tuple(shape), dtype="float32", codes="torch", code_bits=bits)

    def _codes(self, name: str, start: int, stop: int | None) -> AnyArray:
        """Stored codes ``start:stop`` of a tensor that is read in place."""
        if name not in self._packed:
            return super().read(name, start, stop)
        per_byte = 8 // self._packed[name]
        stop = self.tensors[name].size if stop is None else min(stop, self.tensors[name].size)
        first = start // per_byte
        codes = stream(super().read(name, first, -(-stop // per_byte)), self._packed[name])
        return codes[start - first * per_byte : stop - first * per_byte]

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

    def _fetch(self, name: str, start: int, stop: int) -> AnyArray:
        """Values of a tensor that is strided, compressed or quantised."""
        view, quantizer = self._views[name]
        values = self._shown(name, view, start, stop)
        if quantizer is None:
            return values
        if name not in self._affine:
            self._affine[name] = self._affine_of(name, view.shape, quantizer)
        return self._affine[name].apply(np.ascontiguousarray(values), start)

    def _quantizer(self, name: str) -> Affine:
        """The scales and zero points of a tensor that is read in place."""
        if name not in self._affine:
            self._affine[name] = self._affine_of(name, self.tensors[name].shape, self._coded[name])
        return self._affine[name]

    def _affine_of(self, name: str, shape: tuple[int, ...], quantizer: Quantizer) -> Affine:
        """A quantiser's numbers, which must go with the tensor's shape."""
        channels, axis = 1, 0
        if quantizer.axis is not None:
            if not isinstance(quantizer.axis, int) or quantizer.axis not in range(len(shape)):
                raise self._damaged("its quantisation axis is not one of its axes", name)
            axis, channels = quantizer.axis, shape[quantizer.axis]
        scale, zero = (self._parameter(name, value, channels) for value in (quantizer.scale, quantizer.zero))
        scale, zero = np.broadcast_to(scale, channels), np.broadcast_to(zero, channels)
        return Affine(scale, zero, max(1, math.prod(shape[axis + 1 :])))

    def _shown(self, name: str, view: View, start: int, stop: int) -> AnyArray:
        """What a view shows, over that part of its storage alone, flat."""
        place, dtype = self._place(view.storage), self._stored_dtype(name, view)
        assert place is not None  # proven when the file was opened

        def read(first: int, count: int) -> AnyArray:
            begin, nbytes = first * dtype.itemsize, count * dtype.itemsize
            if place.content is not None:
                content = place.content[begin : begin + nbytes]
            elif place.member is not None:
                content = self._unpacked_member(place.member).read_bytes(begin, nbytes, name)
            else:
                content = self.read_bytes(place.offset + begin, nbytes, name)
            return np.frombuffer(content, dtype=dtype)

        return values_of(read, view.offset, view.shape, view.strides, start, min(stop, view.size))

    def _unpacked_member(self, info: zipfile.ZipInfo) -> SpanFile:
        """The bytes of a compressed member; the latest few are kept."""
        with self._lock:
            if info.filename not in self._unpacked:
                if self._archive is None:
                    self._archive = zipfile.ZipFile(self.stream())
                while len(self._unpacked) >= UNPACKED:
                    self._unpacked.pop(next(iter(self._unpacked))).close()
                content = inflate(self._archive, info, self.path)
                self._unpacked[info.filename] = SpanFile(self.path, content)
                if not isinstance(content, bytes):
                    content.close()
            return self._unpacked[info.filename]

    def _parameter(self, name: str, value: Any, channels: int) -> NDArray[np.float32]:
        """A quantiser's scale or zero point: a number, or a tensor with one per channel."""
        if isinstance(value, TensorRecord):
            view, _ = self._prove(name, value)
            if view.size != channels:
                raise self._damaged(f"it has {view.size} scales or zero points for {channels} channels", name)
            return self._shown(name, view, 0, view.size).astype(np.float32)
        if isinstance(value, int | float) and abs(value) < 2**63:
            return np.array(value, dtype=np.float32)
        raise self._damaged("its scale or zero point is not a number", name)

    def _damaged(self, reason: str, tensor: str = "") -> DamagedFileError:
        return DamagedFileError(reason, path=self.path, tensor=tensor, remedy="Copy or download the file again.")
