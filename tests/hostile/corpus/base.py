"""Hostile inputs by kind, written as bytes: what a stranger could put beside two sound models.

``CASES`` maps a name to a writer that takes a folder and returns the arguments of the command line.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

Writer = Callable[[Path], list[str]]

CASES: dict[str, Writer] = {}

LARGE = 400_000_000


def case(function: Writer) -> Writer:
    """A row of the table; its name is the function's."""
    CASES[function.__name__] = function
    return function


def sound_models(folder: Path) -> list[str]:
    """A parent and its fine-tuned child, whose edge must survive whatever lies beside them."""
    rng = np.random.default_rng(0)
    paths = []
    base = {f"layer{k}.weight": rng.standard_normal((64, 64), dtype=np.float32) for k in range(4)}
    for name, step in (("parent", 0.0), ("child", 0.02)):
        moved = {
            key: value + np.float32(step) * rng.standard_normal(value.shape, dtype=np.float32)
            for key, value in base.items()
        }
        paths.append(folder / f"{name}.safetensors")
        safetensors(paths[-1], moved)
    return [str(path) for path in paths]


def safetensors(path: Path, arrays: dict[str, Any]) -> Path:
    header, offset = {}, 0
    for name, array in arrays.items():
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [offset, offset + array.nbytes]}
        offset += array.nbytes
    text = json.dumps(header).encode("utf-8", "surrogatepass")
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for array in arrays.values():
            file.write(np.ascontiguousarray(array, dtype="<f4").tobytes())
    return path


def named(path: Path, names: list[str], shape: tuple[int, ...] = (4, 4)) -> list[str]:
    """A safetensors file of equal tensors of these names."""
    rng = np.random.default_rng(1)
    return [str(safetensors(path, {name: rng.standard_normal(shape).astype(np.float32) for name in names}))]


def sparse_file(path: Path, head: bytes, size: int, tail: bytes = b"") -> list[str]:
    """A file with a hole in it: ``size`` bytes that take no room on the disk."""
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + size)
        file.seek(0, os.SEEK_END)
        file.write(tail)
    return [str(path)]


def torch_pickle(tensors: Mapping[str, Any]) -> bytes:
    """A state dict of (storage class, key, storage size, offset, shape, strides), protocol 2."""
    out = io.BytesIO()
    write = out.write
    write(b"\x80\x02}(")
    for name, (kind, key, size, offset, shape, strides) in tensors.items():
        write(text_of(name) + b"ctorch._utils\n_rebuild_tensor_v2\n((" + text_of("storage"))
        write(f"ctorch\n{kind}\n".encode() + text_of(key) + text_of("cpu") + int_of(size) + b"tQ" + int_of(offset))
        write(b"(" + b"".join(map(int_of, shape)) + b"t(" + b"".join(map(int_of, strides)) + b"t\x89}tR")
    write(b"u.")
    return out.getvalue()


def text_of(text: str) -> bytes:
    raw = text.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(raw)) + raw


def int_of(number: int) -> bytes:
    return pickle.dumps(number, 2)[2:-1]


def torch_zip(
    path: Path, content: bytes, storages: Mapping[str, bytes | int], method: int = zipfile.ZIP_STORED
) -> list[str]:
    """A file of torch's; a storage given as a number is of that many zeros."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("m/data.pkl", content)
        for key, values in storages.items():
            member(archive, f"m/data/{key}", values, method)
    return [str(path)]


def member(archive: zipfile.ZipFile, name: str, values: bytes | int, method: int) -> None:
    info = zipfile.ZipInfo(name)
    info.compress_type = method
    if isinstance(values, bytes):
        archive.writestr(info, values)
        return
    with archive.open(info, "w", force_zip64=True) as out:
        for start in range(0, values, 1 << 24):
            out.write(bytes(min(1 << 24, values - start)))


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def onnx_model(graph: bytes, graph_size: int | None = None) -> bytes:
    length = len(graph) if graph_size is None else graph_size
    return b"\x08\x08\x12\x01x" + varint(7 << 3 | 2) + varint(length) + graph


def onnx_tensor(name: str, dims: tuple[int, ...], rest: bytes) -> bytes:
    return field(5, b"".join(b"\x08" + varint(n) for n in dims) + b"\x10\x01" + field(8, name.encode()) + rest)


def h5(path: Path, write: Callable[[Any], None]) -> list[str]:
    import h5py

    with h5py.File(path, "w") as file:
        write(file)
    return [str(path)]


def external_data(path: Path, location: str) -> None:
    entry = field(13, field(1, b"location") + field(2, location.encode()))
    path.write_bytes(onnx_model(onnx_tensor("w", (4, 4), entry + b"\x70\x01")))


def npz(path: Path, fortran: bool, shape: str, size: int, method: int) -> list[str]:
    text = f"{{'descr': '<f4', 'fortran_order': {fortran}, 'shape': {shape}, }}"
    head = b"\x93NUMPY\x02\x00" + struct.pack("<I", len(text) + 1) + text.encode() + b"\n"
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo("w.npy")
        info.compress_type = method
        with archive.open(info, "w", force_zip64=True) as out:
            out.write(head)
            for start in range(0, size, 1 << 24):
                out.write(bytes(min(1 << 24, size - start)))
    return [str(path)]
