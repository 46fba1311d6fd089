"""Inputs that could fill the memory."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from tests.hostile.corpus.base import (
    CASES,
    LARGE,
    Writer,
    case,
    field,
    h5,
    int_of,
    member,
    named,
    npz,
    onnx_model,
    sparse_file,
    text_of,
    torch_pickle,
    torch_zip,
    varint,
)


def _bomb(folder: Path, method: int) -> list[str]:
    count = LARGE // 4
    content = torch_pickle({"w": ("FloatStorage", "0", count, 0, (1000, count // 1000), (count // 1000, 1))})
    return torch_zip(folder / "h.pt", content, {"0": LARGE}, method)


@case
def torch_zip_bzip2(folder: Path) -> list[str]:
    return _bomb(folder, zipfile.ZIP_BZIP2)


@case
def torch_zip_lzma(folder: Path) -> list[str]:
    return _bomb(folder, zipfile.ZIP_LZMA)


@case
def torch_zip_deflate(folder: Path) -> list[str]:
    return _bomb(folder, zipfile.ZIP_DEFLATED)


@case
def torch_zip_pickle_bomb(folder: Path) -> list[str]:
    with zipfile.ZipFile(folder / "h.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("m/data.pkl", b"\x80\x02" + b"N0" * 100_000_000 + b"N.")
        archive.writestr("m/data/0", bytes(64))
    return [str(folder / "h.pt")]


def _bomb_in_archive(path: Path, name: str, method: int) -> list[str]:
    with zipfile.ZipFile(path, "w") as archive:
        member(archive, name, LARGE, method)
    return [str(path)]


@case
def keras_archive_bzip2(folder: Path) -> list[str]:
    return _bomb_in_archive(folder / "h.keras", "model.weights.h5", zipfile.ZIP_BZIP2)


@case
def keras_archive_lzma(folder: Path) -> list[str]:
    return _bomb_in_archive(folder / "h.keras", "model.weights.h5", zipfile.ZIP_LZMA)


@case
def archive_bzip2(folder: Path) -> list[str]:
    return _bomb_in_archive(folder / "h.zip", "policy.pth", zipfile.ZIP_BZIP2)


@case
def archive_lzma(folder: Path) -> list[str]:
    return _bomb_in_archive(folder / "h.zip", "policy.pth", zipfile.ZIP_LZMA)


@case
def archive_deflate(folder: Path) -> list[str]:
    return _bomb_in_archive(folder / "h.zip", "policy.pth", zipfile.ZIP_DEFLATED)


@case
def legacy_with_a_hole(folder: Path) -> list[str]:
    count = 750_000_000
    head = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + pickle.dumps({}, 2)
    head += torch_pickle({"w": ("FloatStorage", "0", count, 0, (1000, count // 1000), (1, 1000))})
    head += pickle.dumps(["0"], 2) + struct.pack("<q", count)
    return sparse_file(folder / "h.pt", head, 4 * count)


@case
def strided_view_of_a_hole(folder: Path) -> list[str]:
    count = 250_000_000
    head = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + pickle.dumps({}, 2)
    head += torch_pickle({"w": ("FloatStorage", "0", count, 0, (2, 2), (count // 2, count // 4))})
    head += pickle.dumps(["0"], 2) + struct.pack("<q", count)
    return sparse_file(folder / "h.pt", head, 4 * count)


@case
def strides_of_zero(folder: Path) -> list[str]:
    content = torch_pickle({"w": ("FloatStorage", "0", 1 << 22, 0, (15_000, 16_000), (0, 1))})
    return torch_zip(folder / "h.pt", content, {"0": 1 << 24})


@case
def quantised_strides_of_zero(folder: Path) -> list[str]:
    n = 32_000
    content = b"\x80\x02}" + text_of("w") + b"ctorch._utils\n_rebuild_qtensor\n((" + text_of("storage")
    content += b"ctorch\nQInt8Storage\n" + text_of("0") + text_of("cpu") + int_of(1 << 24) + b"tQ" + int_of(0)
    content += b"(" + int_of(n) + int_of(n) + b"t(" + int_of(0) + int_of(1) + b"t(ctorch\nper_tensor_affine\nG"
    content += struct.pack(">d", 0.5) + int_of(0) + b"t\x89}tRs."
    return torch_zip(folder / "h.pt", content, {"0": 1 << 24})


@case
def npz_c_order(folder: Path) -> list[str]:
    return npz(folder / "h.npz", False, "(250, 1000000)", 1_000_000_000, zipfile.ZIP_DEFLATED)


@case
def npz_fortran_order(folder: Path) -> list[str]:
    return npz(folder / "h.npz", True, "(250, 1000000)", 1_000_000_000, zipfile.ZIP_DEFLATED)


@case
def npz_fortran_order_stored(folder: Path) -> list[str]:
    return npz(folder / "h.npz", True, "(50, 1000000)", 200_000_000, zipfile.ZIP_STORED)


@case
def npz_many_members(folder: Path) -> list[str]:
    buffer = io.BytesIO()
    np.save(buffer, np.ones(2, np.float32))
    with zipfile.ZipFile(folder / "h.npz", "w") as archive:
        for k in range(60_000):
            archive.writestr(f"{k}.npy", buffer.getvalue())
    return [str(folder / "h.npz")]


@case
def hdf5_huge_chunk(folder: Path) -> list[str]:
    def write(file: Any) -> None:
        shape = (1000, 250_000)
        data = file.create_dataset("w", shape, "f4", chunks=shape, compression="gzip", compression_opts=1)
        data.id.write_direct_chunk((0, 0), zlib.compress(bytes(1_000_000_000), 1))

    return h5(folder / "h.h5", write)


@case
def hdf5_huge_row(folder: Path) -> list[str]:
    def write(file: Any) -> None:
        data = file.create_dataset("w", (2, 125_000_000), "f4", chunks=(1, 1 << 20), compression="gzip")
        data[:] = 0.0

    return h5(folder / "h.h5", write)


@case
def hdf5_row_without_chunks(folder: Path) -> list[str]:
    def write(file: Any) -> None:
        file.create_dataset("w", (2, 125_000_000), "f4", chunks=(1, 1 << 20), compression="gzip")
        file.create_dataset("v", (4, 4), "f4", data=np.ones((4, 4)))

    return h5(folder / "h.h5", write)


@case
def hdf5_big_endian_row(folder: Path) -> list[str]:
    return h5(folder / "h.h5", lambda file: file.create_dataset("w", data=np.zeros((2, 60_000_000), ">f4")))


@case
def hdf5_virtual(folder: Path) -> list[str]:
    import h5py

    def write(file: Any) -> None:
        layout = h5py.VirtualLayout((4, 4), "f4")
        layout[...] = h5py.VirtualSource("/etc/passwd", "w", (4, 4))
        file.create_virtual_dataset("w", layout)
        file.create_dataset("v", (4, 4), "f4", external=[("/etc/passwd", 0, 64)])
        file["soft"] = h5py.SoftLink("/v")
        file["out"] = h5py.ExternalLink("other.h5", "/w")

    return h5(folder / "h.h5", write)


@case
def hdf5_attribute_of_many_names(folder: Path) -> list[str]:
    return h5(folder / "h.h5", lambda file: file.attrs.create("layer_names", np.zeros(1000, dtype="S60")))


@case
def hdf5_many_groups(folder: Path) -> list[str]:
    def write(file: Any) -> None:
        for k in range(30_000):
            file.create_group(str(k))

    return h5(folder / "h.h5", write)


@case
def onnx_sparse_file(folder: Path) -> list[str]:
    size = 2_000_000_000
    node = varint(1 << 3 | 2) + varint(size)
    return sparse_file(folder / "h.onnx", onnx_model(node, len(node) + size), size)


@case
def onnx_sparse_tensor_name(folder: Path) -> list[str]:
    size = 1_000_000_000
    name = varint(8 << 3 | 2) + varint(size)
    tensor = varint(5 << 3 | 2) + varint(len(name) + size) + name
    return sparse_file(folder / "h.onnx", onnx_model(tensor, len(tensor) + size), size)


@case
def onnx_float_data(folder: Path) -> list[str]:
    size = 400_000_000
    head = b"\x08\x64\x08" + varint(1_000_000) + b"\x10\x01" + field(8, b"w") + varint(4 << 3 | 2) + varint(size)
    tensor = varint(5 << 3 | 2) + varint(len(head) + size) + head
    return sparse_file(folder / "h.onnx", onnx_model(tensor, len(tensor) + size), size)


@case
def json_header_of_30_mb(folder: Path) -> list[str]:
    text = json.dumps({"__metadata__": {f"k{k}": "v" for k in range(1_500_000)}}).encode()
    (folder / "h.safetensors").write_bytes(len(text).to_bytes(8, "little") + text)
    return [str(folder / "h.safetensors")]


@case
def json_header_of_90_mb(folder: Path) -> list[str]:
    text = b'{"a":[' + b"[]," * 30_000_000 + b"[]]}"
    (folder / "h.safetensors").write_bytes(len(text).to_bytes(8, "little") + text)
    return [str(folder / "h.safetensors")]


@case
def json_header_of_empty_tensors(folder: Path) -> list[str]:
    entries = (b'"%d":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}' % k for k in range(1_000_000))
    text = b"{" + b",".join(entries) + b"}"
    (folder / "h.safetensors").write_bytes(len(text).to_bytes(8, "little") + text)
    return [str(folder / "h.safetensors")]


@case
def index_of_60_mb(folder: Path) -> list[str]:
    inner = folder / "net"
    inner.mkdir()
    text = '{"weight_map":{' + ",".join(f'"{k}":"m.safetensors"' for k in range(2_000_000)) + "}}"
    (inner / "model.safetensors.index.json").write_text(text)
    named(inner / "m.safetensors", ["w"])
    return [str(inner)]


@case
def manifest_of_60_mb(folder: Path) -> list[str]:
    (folder / "m.json").write_text("[" + "[]," * 20_000_000 + "[]]")
    return [str(folder / "m.json")]


@case
def zip_directory_of_a_million_members(folder: Path) -> list[str]:
    count = 400_000
    entries = b"".join(
        struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 20, 20, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0) + b"%06d" % k
        for k in range(count)
    )
    local = struct.pack("<IHHHHHIIIHH", 0x04034B50, 20, 0, 0, 0, 0, 0, 0, 0, 6, 0) + b"000000"
    at = len(local)
    end64 = struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, count, count, len(entries), at)
    locator = struct.pack("<IIQI", 0x07064B50, 0, at + len(entries), 1)
    end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    (folder / "h.pt").write_bytes(local + entries + end64 + locator + end)
    return [str(folder / "h.pt")]


@case
def pickle_of_many_strings(folder: Path) -> list[str]:
    content = b"\x80\x02]" + b"(" + b"X\x40\0\0\0" * 0 + (b"X\x02\0\0\0ab" * 2_000_000) + b"e."
    return torch_zip(folder / "h.pt", content, {"0": bytes(64)})


@case
def pickle_of_many_dicts(folder: Path) -> list[str]:
    return torch_zip(folder / "h.pt", b"\x80\x02](" + b"}" * 4_500_000 + b"e.", {"0": bytes(64)})


@case
def pickle_of_long_numbers(folder: Path) -> list[str]:
    digits = b"9" * 4_000_000
    return torch_zip(folder / "h.pt", b"\x80\x02I" + digits + b"\n.", {"0": bytes(64)})


def twice(write: Writer) -> Writer:
    """The same file under two names: what two models share is read."""

    def both(folder: Path) -> list[str]:
        (path,) = write(folder)
        other = Path(path).with_stem("other")
        os.link(path, other)
        return [path, str(other)]

    return both


for _name in (
    *("torch_zip_bzip2", "torch_zip_lzma", "torch_zip_deflate", "legacy_with_a_hole", "strided_view_of_a_hole"),
    *("strides_of_zero", "quantised_strides_of_zero", "npz_c_order", "npz_fortran_order", "npz_fortran_order_stored"),
    *("hdf5_huge_chunk", "hdf5_huge_row", "hdf5_big_endian_row", "onnx_float_data"),
):
    CASES[f"two_{_name}"] = twice(CASES.pop(_name))
