"""One ONNX file. Raw values are read in place, here and in files of external data; this module imports onnx."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, numpy_helper

from neural_phylogeny.errors import (
    CheckpointError,
    DamagedFileError,
    NoModelError,
    UnsafeFileError,
    UnsupportedFormatError,
    shortened,
)
from neural_phylogeny.formats.base import DIMENSIONS_LIMIT, AnyArray
from neural_phylogeny.formats.limits import Budget, check, check_crumbs
from neural_phylogeny.formats.onnx import protobuf
from neural_phylogeny.formats.onnx.graph import output_axes
from neural_phylogeny.formats.spans import Span, SpanFile
from neural_phylogeny.inputs import TensorInfo

MODEL_GRAPH, GRAPH_NODE, GRAPH_INITIALIZER, GRAPH_SPARSE_INITIALIZER, TENSOR_RAW_DATA = 7, 1, 5, 15, 9
NODE_ATTRIBUTE, ATTRIBUTE_TENSOR = 5, 5
"""Numbers of the fields that are looked for."""

NODE_KEPT = frozenset({1, 2, 4})
"""Of a node: inputs, outputs, operator."""

ATTRIBUTE_KEPT = frozenset({1, 3, 8, 20})
"""Of an attribute: name, number, numbers, type. Texts and graphs are passed over."""

TENSOR_KEPT = frozenset({1, 2, 4, 5, 7, 8, 10, 11, 13, 14})
"""Of a tensor: all but texts, raw values and remarks."""

PACKED_FLOATS = {4: 1, 10: 11}
"""Fields of packed float and double values, and the data type that they hold."""

INLINE = 1 << 16
"""Packed values of more bytes are read in place."""

WINDOW = 1 << 10
"""Bytes that are read at a time of what is kept: small fields, one after the other."""

_VALUE = b"\x0a\x05value"
"""The name of an attribute, as it is stored."""

DTYPES = {
    1: np.dtype("<f4"),
    2: np.dtype("<u1"),
    3: np.dtype("<i1"),
    4: np.dtype("<u2"),
    5: np.dtype("<i2"),
    6: np.dtype("<i4"),
    7: np.dtype("<i8"),
    9: np.dtype(np.bool_),
    10: np.dtype("<f2"),
    11: np.dtype("<f8"),
    12: np.dtype("<u4"),
    13: np.dtype("<u8"),
    14: np.dtype("<c8"),
    15: np.dtype("<c16"),
    16: np.dtype(ml_dtypes.bfloat16),
    17: np.dtype(ml_dtypes.float8_e4m3fn),
    18: np.dtype(ml_dtypes.float8_e4m3fnuz),
    19: np.dtype(ml_dtypes.float8_e5m2),
    20: np.dtype(ml_dtypes.float8_e5m2fnuz),
    21: np.dtype(ml_dtypes.uint4),
    22: np.dtype(ml_dtypes.int4),
    23: np.dtype(ml_dtypes.float4_e2m1fn),
    24: np.dtype(ml_dtypes.float8_e8m0fnu),
    25: np.dtype(ml_dtypes.uint2),
    26: np.dtype(ml_dtypes.int2),
}
"""ONNX's numbers of the data types that are read."""

PACKED = {21: 4, 22: 4, 23: 4, 25: 2, 26: 2}
"""Bits of types of which several values share a byte, the first in its lowest bits."""

FLOATS = frozenset({1, 10, 11, 16, 17, 18, 19, 20, 23})
"""Types of which a ``Constant`` is taken for a weight."""

_PARSE_ERRORS = (DecodeError, ValueError, TypeError, KeyError, RecursionError, OverflowError, MemoryError)

_REMEDY = "Export or download the model again."


@dataclass(frozen=True, slots=True)
class _Packed:
    """A tensor in a file of which several values share a byte."""

    file: SpanFile
    offset: int
    dtype: np.dtype
    bits: int

    def read(self, name: str, start: int, stop: int) -> AnyArray:
        per_byte = 8 // self.bits
        first, last = start // per_byte, -(-stop // per_byte)
        content = np.frombuffer(self.file.read_bytes(self.offset + first, last - first, name), dtype=np.uint8)
        shifts = np.arange(per_byte, dtype=np.uint8) * self.bits
        values = (content[:, np.newaxis] >> shifts) & (2**self.bits - 1)
        flat: AnyArray = values.astype(np.uint8).reshape(-1).view(self.dtype)
        return flat[start - first * per_byte : stop - first * per_byte]


class OnnxFile(SpanFile):
    """The weights of one ONNX model.

    Names of initializers are kept. ``output_axis`` follows from the node that uses the weight. Codes are integers here
    (``quantised`` makes weights of them, by the ``nodes``). Values that are not raw bytes, and those of ``Constant``
    nodes, are held in memory. Graphs inside control flow are not looked into.
    """

    format = "onnx"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.tensors = {}
        self._folders = (path.parent.resolve(), path.resolve().parent)
        self._inline: dict[str, AnyArray] = {}
        self._packed: dict[str, _Packed] = {}
        self._external: dict[str, _ExternalFile] = {}
        self._homes: dict[str, _ExternalFile] = {}
        self._window = 0, b""
        self._fields, self._held = Budget("fields", self.path), Budget("header", self.path)
        try:
            self.nodes, has_sparse = self._scan()
            self.axes = output_axes(self.nodes, {name: tensor.shape for name, tensor in self.tensors.items()})
        except CheckpointError:
            self.close()
            raise
        except _PARSE_ERRORS as error:
            self.close()
            raise self._damaged(f"it is not an ONNX model ({str(error)[:200]})") from error
        except BaseException:
            self.close()
            raise
        self.tensors = {
            name: TensorInfo(name=name, shape=tensor.shape, dtype=tensor.dtype, output_axis=self.axes.get(name, 0))
            for name, tensor in self.tensors.items()
        }
        self.notes = ("sparse initializers are left out",) if has_sparse else ()
        if not any(tensor.size > 1 for tensor in self.tensors.values()):
            self.close()
            raise NoModelError("an ONNX model without weights", "no weights", path=path, remedy=_REMEDY)

    def read(self, name: str, start: int = 0, stop: int | None = None) -> AnyArray:
        size = self.tensors[name].size
        stop = size if stop is None else min(stop, size)
        if name in self._inline:
            return self._inline[name][start:stop]
        if name in self._packed:
            return self._packed[name].read(name, start, stop)
        if name in self._homes:
            return self._homes[name].read(name, start, stop)
        return super().read(name, start, stop)

    def read_into(self, name: str, start: int, out: NDArray[np.float32]) -> None:
        if name in self._homes:
            self._homes[name].read_into(name, start, out)
        else:
            super().read_into(name, start, out)

    def close(self) -> None:
        for opened in self._external.values():
            opened.close()
        super().close()

    def _scan(self) -> tuple[list[Any], bool]:
        """Find all tensors without reading their raw values; the graph's nodes, and whether it has sparse weights."""
        stream = self.stream()
        nodes: list[Any] = []
        constants: list[tuple[str, protobuf.Field]] = []
        has_sparse = has_graph = False
        for graph in protobuf.fields(stream, 0, self.file_size, self._fields):
            if (graph.number, graph.wire_type) != (MODEL_GRAPH, protobuf.BYTES):
                continue
            has_graph = True
            for field in protobuf.fields(stream, graph.value, graph.end, self._fields):
                if field.wire_type != protobuf.BYTES:
                    continue
                if field.number == GRAPH_NODE:
                    node, value = self._node(field)
                    nodes.append(node)
                    check("nodes", len(nodes), self.path)
                    if value is not None and node.op_type == "Constant" and node.output:
                        constants.append((node.output[0], value))
                elif field.number == GRAPH_INITIALIZER:
                    proto, raw = self._tensor(field)
                    self._register(proto.name, proto, raw)
                has_sparse = has_sparse or field.number == GRAPH_SPARSE_INITIALIZER
        if not has_graph:
            raise ValueError("no graph in it")
        for name, field in constants:
            proto, raw = self._tensor(field)
            if proto.data_type in FLOATS and np.prod(proto.dims, dtype=float) > 1:
                self._register(name, proto, raw)
        return nodes, has_sparse

    def _node(self, message: protobuf.Field) -> tuple[Any, protobuf.Field | None]:
        """A node without its attributes but numbers, and where the tensor called ``value`` is, if there is one."""
        kept: list[bytes] = []
        value: protobuf.Field | None = None
        stream = self.stream()
        for field in protobuf.fields(stream, message.value, message.end, self._fields):
            if field.number != NODE_ATTRIBUTE or field.wire_type != protobuf.BYTES:
                if field.number in NODE_KEPT:
                    kept.append(self._kept(field))
                continue
            parts: list[bytes] = []
            tensor: protobuf.Field | None = None
            for part in protobuf.fields(stream, field.value, field.end, self._fields):
                if part.number in ATTRIBUTE_KEPT:
                    parts.append(self._kept(part))
                elif (part.number, part.wire_type) == (ATTRIBUTE_TENSOR, protobuf.BYTES):
                    tensor = part
            if tensor is not None and _VALUE in parts:
                value = tensor
            kept.append(protobuf.encoded(NODE_ATTRIBUTE, b"".join(parts)))
        return NodeProto.FromString(b"".join(kept)), value

    def _kept(self, field: protobuf.Field) -> bytes:
        """The bytes of a field that is held in memory; all of them together must stay below a limit."""
        length = field.end - field.begin
        self._held.spend(length)
        if length > WINDOW:
            return self.read_bytes(field.begin, length)
        start, window = self._window
        if not start <= field.begin <= field.end <= start + len(window):
            start, window = field.begin, self.read_bytes(field.begin, min(WINDOW, self.file_size - field.begin))
            self._window = start, window
        return window[field.begin - start : field.end - start]

    def _tensor(self, message: protobuf.Field) -> tuple[Any, tuple[int, int] | None]:
        """A tensor without its raw values, and where those are; packed floats lie there as raw ones do."""
        raw: tuple[int, int] | None = None
        floats: tuple[int, int, int] | None = None
        rest = []
        for field in protobuf.fields(self.stream(), message.value, message.end, self._fields):
            length = field.end - field.value
            if (field.number, field.wire_type) == (TENSOR_RAW_DATA, protobuf.BYTES):
                raw = (field.value, length)
            elif field.number in PACKED_FLOATS and field.wire_type == protobuf.BYTES and length > INLINE:
                floats = (field.number, field.value, length)
            elif field.number in TENSOR_KEPT:
                rest.append(self._kept(field))
        proto = TensorProto.FromString(b"".join(rest))
        if raw is None and floats is not None and PACKED_FLOATS[floats[0]] == proto.data_type:
            raw = floats[1:]
        return proto, raw

    def _register(self, name: str | bytes, proto: Any, raw: tuple[int, int] | None) -> None:
        if proto.data_type == TensorProto.STRING:
            return
        if not isinstance(name, str):  # protobuf gives bytes for what is not UTF-8
            raise self._damaged(f"a tensor's name is not text ({name[:100]!r})")
        if name in self.tensors:
            raise self._damaged("two tensors have this name", name)
        shape = tuple(proto.dims)
        check("tensors", len(self.tensors) + 1, self.path)
        beside = sum(file.file_size for file in self._external.values())
        check_crumbs(len(self.tensors) + 1, self.file_size + beside, self.path)
        if any(n < 0 for n in shape) or len(shape) > DIMENSIONS_LIMIT:
            raise self._damaged(f"no tensor has the shape it claims, {str(shape)[:200]}", name)
        if proto.data_type not in DTYPES:
            raise UnsupportedFormatError(
                f"its data type, number {proto.data_type}, is not read",
                path=self.path,
                tensor=name,
                remedy="Export the model in float32.",
            )
        dtype = DTYPES[proto.data_type]
        tensor = TensorInfo(name=name, shape=shape, dtype=dtype.name)
        nbytes = -(-tensor.size * PACKED.get(proto.data_type, 8 * dtype.itemsize) // 8)
        if proto.data_location == TensorProto.EXTERNAL:
            home, offset = self._external_place(proto, name, nbytes)
            self._place(tensor, proto.data_type, dtype, home, offset)
        elif raw is not None:
            if raw[1] != nbytes:
                raise self._damaged(f"its shape needs {nbytes} bytes but it has {raw[1]}", name)
            self._place(tensor, proto.data_type, dtype, self, raw[0])
        else:
            self._inline[name] = self._inline_values(proto, tensor, dtype)
        self.tensors[name] = tensor

    def _place(self, tensor: TensorInfo, data_type: int, dtype: np.dtype, home: SpanFile, offset: int) -> None:
        if data_type in PACKED:
            self._packed[tensor.name] = _Packed(home, offset, dtype, PACKED[data_type])
        elif isinstance(home, _ExternalFile):
            home.place(tensor.name, Span(offset, dtype, tensor.size))
            self._homes[tensor.name] = home
        else:
            self._spans[tensor.name] = Span(offset, dtype, tensor.size)

    def _inline_values(self, proto: Any, tensor: TensorInfo, dtype: np.dtype) -> AnyArray:
        try:
            values = numpy_helper.to_array(proto)
        except (*_PARSE_ERRORS, IndexError) as error:
            raise self._damaged(f"its values do not fit its shape ({str(error)[:200]})", tensor.name) from error
        return np.ascontiguousarray(values.astype(dtype, copy=False)).reshape(-1)

    def _external_place(self, proto: Any, name: str, nbytes: int) -> tuple[_ExternalFile, int]:
        """The file with a tensor's values and their offset, proven to lie in the model's folder and to be enough."""
        entries = {entry.key: entry.value for entry in proto.external_data}
        location = entries.get("location", "")
        try:
            offset, length = int(entries.get("offset", 0)), int(entries.get("length", nbytes))
        except ValueError as error:
            raise self._damaged("its offset or length is not a number", name) from error
        if location not in self._external:
            self._external[location] = _ExternalFile(self._inside(location, name))
        home = self._external[location]
        if length != nbytes:
            raise self._damaged(f"its shape needs {nbytes} bytes but it has {length}", name)
        if offset < 0 or offset + nbytes > home.file_size:
            raise self._damaged(
                f"it needs bytes {offset} to {offset + nbytes} of {shortened(location)!r}, which has {home.file_size}",
                name,
            )
        return home, offset

    def _inside(self, location: str, name: str) -> Path:
        """The path of a file of external data. A link may lead to where the model's own file really lies."""
        relative = Path(location.replace("\\", "/"))
        target = self._folders[0] / relative
        safe = location and "\0" not in location and not relative.is_absolute() and ".." not in relative.parts
        try:
            inside = safe and any(target.resolve().is_relative_to(folder) for folder in self._folders)
        except (OSError, RuntimeError) as error:  # a loop of links, a name too long
            raise self._damaged(f"no file can be called {shortened(location)!r}", name) from error
        if not inside:
            raise UnsafeFileError(
                f"its values lie outside the model's folder ({shortened(location)!r})",
                path=self.path,
                tensor=name,
                remedy="Export the model with its data beside it.",
            )
        return target

    def _damaged(self, reason: str, tensor: str = "") -> DamagedFileError:
        return DamagedFileError(reason, path=self.path, tensor=tensor, remedy=_REMEDY)


class _ExternalFile(SpanFile):
    """A file of external data."""

    format = "onnx"

    def place(self, name: str, span: Span) -> None:
        self._spans[name] = span
