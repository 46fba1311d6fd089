"""ONNX: initializers and constants; external data only from inside the model's own folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto, helper, numpy_helper

from neural_phylogeny.errors import DamagedFileError, UnknownChoiceError, UnsafeFileError, UnsupportedFormatError
from neural_phylogeny.formats.base import AnyArray, Checkpoint
from neural_phylogeny.formats.spans import Span, SpanFile
from neural_phylogeny.records import TensorInfo


def matches(head: bytes, path: Path) -> bool:
    """ONNX files have no magic number: the suffix decides."""
    return path.suffix.lower() == ".onnx"


def open_file(path: Path, component: str | None = None) -> Checkpoint:
    """Open an ONNX model; costs a read of the file, without its external data."""
    if component is not None:
        raise UnknownChoiceError("component", component, ())
    return OnnxFile(path)


class OnnxFile(Checkpoint):
    """The weights of one ONNX model.

    Names of initializers are kept. ``output_axis`` follows from the node that uses the weight. Integer weights
    behind a ``DequantizeLinear`` are read as the weights they stand for.
    """

    format = "onnx"

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self._folder = path.resolve().parent
        try:
            self._model = onnx.load(self.path, load_external_data=False)
        except (DecodeError, ValueError, TypeError, OSError, RecursionError) as error:
            raise self._damaged(f"it is not an ONNX model ({str(error)[:200]})") from error
        graph = self._model.graph
        self._protos = {proto.name: proto for proto in (*graph.initializer, *_constants(graph))}
        self._external: dict[str, _ExternalFile] = {}
        self._quantised = _dequantised(graph, self._protos)
        axes = _output_axes(graph)
        self.tensors = {
            name: self._info(name, proto, axes.get(name, 0))
            for name, proto in self._protos.items()
            if proto.data_type != TensorProto.STRING
        }
        if not any(tensor.size > 1 for tensor in self.tensors.values()):
            raise UnsupportedFormatError("an ONNX model without weights", path=path)
        if self._quantised:
            self.notes = ("quantised weights are read as the weights they stand for",)
        self._last: tuple[str, AnyArray] = ("", np.empty(0))

    def read(self, name: str, start: int = 0, stop: int | None = None) -> AnyArray:
        if name in self._external:
            stop = self.tensors[name].size if stop is None else stop
            return self._external[name].read(name, start, stop)
        cached, values = self._last
        if cached != name:
            values = self._whole(name)
            self._last = (name, values)
        return values[start:stop]

    def close(self) -> None:
        for opened in self._external.values():
            opened.close()
        self._external = {}

    def _info(self, name: str, proto: Any, axis: int) -> TensorInfo:
        shape = tuple(proto.dims)
        if any(n < 0 for n in shape):
            raise self._damaged("a negative dimension", name)
        try:
            dtype = np.dtype(helper.tensor_dtype_to_np_dtype(proto.data_type))
        except (KeyError, ValueError, TypeError) as error:
            raise UnsupportedFormatError(f"data type {proto.data_type}", path=self.path, tensor=name) from error
        if name in self._quantised:
            dtype = np.dtype(np.float32)
        info = TensorInfo(name, shape, dtype.name, axis)
        if proto.data_location == TensorProto.EXTERNAL:
            self._external[name] = self._open_external(proto, dtype, info)
        elif proto.HasField("raw_data") and len(proto.raw_data) < info.size and dtype.itemsize >= 1:
            raise self._damaged(f"its shape needs {info.size} values but it holds {len(proto.raw_data)} bytes", name)
        return info

    def _open_external(self, proto: Any, dtype: np.dtype, info: TensorInfo) -> _ExternalFile:
        """Open a tensor's file after proving that it lies in the model's folder and is long enough."""
        entries = {entry.key: entry.value for entry in proto.external_data}
        location = entries.get("location", "")
        target = (self._folder / location).resolve()
        if not location or Path(location).is_absolute() or not target.is_relative_to(self._folder):
            raise UnsafeFileError(
                f"its values lie outside the model's folder ({location!r})",
                path=self.path,
                tensor=info.name,
                remedy="Export the model with its data beside it.",
            )
        try:
            offset, nbytes = int(entries.get("offset", 0)), info.size * dtype.itemsize
        except ValueError as error:
            raise self._damaged("its offset is not a number", info.name) from error
        opened = _ExternalFile(target)
        if offset < 0 or offset + nbytes > opened.file_size:
            opened.close()
            raise self._damaged(f"{location!r} ends before the tensor does", info.name)
        opened.place(info.name, offset, dtype, info.size)
        return opened

    def _whole(self, name: str) -> AnyArray:
        proto = self._protos[name]
        try:
            values = numpy_helper.to_array(proto)
            if name in self._quantised:
                scale, zero, axis = self._quantised[name]
                along = [1] * values.ndim
                if scale.size > 1:
                    along[axis] = -1
                values = (values.astype(np.float32) - zero.reshape(along)) * scale.reshape(along)
        except (ValueError, TypeError, IndexError) as error:
            raise self._damaged(f"its values do not fit its shape ({str(error)[:100]})", name) from error
        return np.ascontiguousarray(values).reshape(-1)

    def _damaged(self, reason: str, tensor: str = "") -> DamagedFileError:
        return DamagedFileError(reason, path=self.path, tensor=tensor, remedy="Export or download the model again.")


class _ExternalFile(SpanFile):
    """One tensor in a file of external data."""

    format = "onnx"

    def place(self, name: str, offset: int, dtype: np.dtype, size: int) -> None:
        self._spans[name] = Span(offset, dtype, size)


def _constants(graph: Any) -> list[Any]:
    """Tensors of ``Constant`` nodes with more than one value, under the name of the node's output."""
    found = []
    for node in graph.node:
        for attribute in node.attribute if node.op_type == "Constant" else ():
            if attribute.name == "value" and np.prod(attribute.t.dims, dtype=float) > 1:
                proto = TensorProto()
                proto.CopyFrom(attribute.t)
                proto.name = node.output[0]
                found.append(proto)
    return found


def _output_axes(graph: Any) -> dict[str, int]:
    """Axis of the output units of each weight, from the node that consumes it."""
    axes: dict[str, int] = {}
    for node in graph.node:
        if len(node.input) < 2:
            continue
        transposed = any(a.name == "transB" and a.i for a in node.attribute)
        axis = {"Gemm": 0 if transposed else 1, "MatMul": -1, "ConvTranspose": 1}.get(node.op_type)
        if axis is not None:
            axes[node.input[1]] = axis
    return axes


def _dequantised(graph: Any, protos: dict[str, Any]) -> dict[str, tuple[AnyArray, AnyArray, int]]:
    """(scale, zero point, axis) of weights whose ``DequantizeLinear`` has constant parameters."""
    found = {}
    for node in graph.node:
        if node.op_type != "DequantizeLinear" or not all(name in protos for name in node.input):
            continue
        scale = numpy_helper.to_array(protos[node.input[1]]).astype(np.float32)
        has_zero = len(node.input) > 2
        zero = numpy_helper.to_array(protos[node.input[2]]).astype(np.float32) if has_zero else np.zeros_like(scale)
        axis = next((a.i for a in node.attribute if a.name == "axis"), 1)
        found[node.input[0]] = (scale, zero, axis)
    return found
