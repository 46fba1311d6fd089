"""Hostile inputs by kind, written as bytes: what a stranger could put beside two sound models.

``CASES`` maps a name to a writer that takes a folder and returns the arguments of the command line.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import socket
import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

Writer = Callable[[Path], list[str]]

CASES: dict[str, Writer] = {}

LARGE = 1_200_000_000


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


# --- writers of the formats


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


def sparse(path: Path, head: bytes, size: int, tail: bytes = b"") -> list[str]:
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
        write(_text(name) + b"ctorch._utils\n_rebuild_tensor_v2\n((" + _text("storage"))
        write(f"ctorch\n{kind}\n".encode() + _text(key) + _text("cpu") + _int(size) + b"tQ" + _int(offset))
        write(b"(" + b"".join(map(_int, shape)) + b"t(" + b"".join(map(_int, strides)) + b"t\x89}tR")
    write(b"u.")
    return out.getvalue()


def _text(text: str) -> bytes:
    raw = text.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(raw)) + raw


def _int(number: int) -> bytes:
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


# --- hang


@case
def name_of_position_words(folder: Path) -> list[str]:
    words = "_" * 40 + "position" * 8 + "_" * 20
    return named(folder / "h.safetensors", [".".join([words] * 900), "a.weight"])


@case
def name_of_embed_words(folder: Path) -> list[str]:
    return named(folder / "h.safetensors", [".".join(["_embed" * 20 + "!"] * 900), "a.weight"])


@case
def many_names_of_underscores(folder: Path) -> list[str]:
    return named(folder / "h.safetensors", [f"{'_' * 100}{k}.{'_embed' * 20}!.weight" for k in range(3000)], (2, 2))


@case
def name_of_packed_params(folder: Path) -> list[str]:
    name = "_packed_params" * 7000 + "!"
    content = torch_pickle(
        {name: ("FloatStorage", "0", 16, 0, (4, 4), (4, 1)), "w": ("FloatStorage", "0", 16, 0, (4, 4), (4, 1))}
    )
    return torch_zip(folder / "h.pt", content, {"0": bytes(64)})


@case
def name_of_observers(folder: Path) -> list[str]:
    return named(folder / "h.safetensors", ["min_val" * 14000, "fake_" * 20000, "m" + "max_vals" * 12000 + "!"])


@case
def name_of_digits(folder: Path) -> list[str]:
    return named(folder / "h.safetensors", ["1" * 100_000, "a." + "9" * 100_000 + ".weight"])


@case
def name_of_components(folder: Path) -> list[str]:
    return named(folder / "h.safetensors", ["a." * 50_000 + "weight", "a/" * 50_000 + "kernel:0", "/" * 100_000])


@case
def keras_names_of_digits(folder: Path) -> list[str]:
    def write(file: Any) -> None:
        for k in range(3):
            file.create_dataset("9" * 60_000 + f"x{k}/" + "1a" * 20_000, data=np.ones((4, 4), "f4"))

    return h5(folder / "h.h5", write)


def _many_tensors(path: Path, count: int, prefix: str, shape: tuple[int, ...] = (2, 2)) -> str:
    rng = np.random.default_rng(count + len(prefix))
    values = rng.standard_normal((count, *shape)).astype(np.float32)
    return str(safetensors(path, {f"{prefix}{k}": values[k] for k in range(count)}))


@case
def two_files_of_20000_tensors(folder: Path) -> list[str]:
    return [
        _many_tensors(folder / "x.safetensors", 20_000, "x."),
        _many_tensors(folder / "y.safetensors", 20_000, "yy."),
    ]


@case
def two_files_of_20000_vectors(folder: Path) -> list[str]:
    return [
        _many_tensors(folder / "x.safetensors", 20_000, "x.", (3,)),
        _many_tensors(folder / "y.safetensors", 20_000, "yy.b", (3,)),
    ]


@case
def two_files_of_20000_shapes(folder: Path) -> list[str]:
    paths = []
    for own in ("x", "y"):
        arrays = {f"{own}.{k}.w": np.ones((2, 2 + k % 140 + (own == "y")), np.float32) for k in range(20_000)}
        paths.append(str(safetensors(folder / f"{own}.safetensors", arrays)))
    return paths


@case
def two_files_of_fused_parts(folder: Path) -> list[str]:
    a = {f"a.{k}.qkv.weight": np.ones((12, 4), np.float32) for k in range(5000)}
    b = {f"b.{k}.{part}.weight": np.ones((4, 4), np.float32) for k in range(5000) for part in "qkv"}
    return [str(safetensors(folder / "a.safetensors", a)), str(safetensors(folder / "b.safetensors", b))]


@case
def zip_of_6000_deflated_counters(folder: Path) -> list[str]:
    tensors: dict[str, Any] = {f"c{k}.num_batches_tracked": ("LongStorage", str(k), 1, 0, (), ()) for k in range(6000)}
    tensors["w"] = ("FloatStorage", "w", 16, 0, (4, 4), (4, 1))
    storages: Mapping[str, bytes | int] = {str(k): bytes(8) for k in range(6000)} | {"w": bytes(64)}
    return torch_zip(folder / "h.pt", torch_pickle(tensors), storages, zipfile.ZIP_DEFLATED)


@case
def zip_of_6000_views_of_one_deflated_member(folder: Path) -> list[str]:
    tensors = {f"c{k}.weight": ("FloatStorage", "0", 1 << 22, k, (2, 2), (2, 1)) for k in range(3000)}
    return torch_zip(folder / "h.pt", torch_pickle(tensors), {"0": 1 << 24}, zipfile.ZIP_DEFLATED)


@case
def onnx_of_empty_nodes(folder: Path) -> list[str]:
    (folder / "h.onnx").write_bytes(onnx_model(field(1, b"") * 3_000_000))
    return [str(folder / "h.onnx")]


@case
def onnx_of_empty_fields(folder: Path) -> list[str]:
    (folder / "h.onnx").write_bytes(b"\x08\x08\x12\x01x" + b"\x30\x01" * 6_000_000)
    return [str(folder / "h.onnx")]


@case
def onnx_of_attributes(folder: Path) -> list[str]:
    (folder / "h.onnx").write_bytes(
        onnx_model(field(1, field(4, b"Constant") + field(2, b"o") + field(5, b"") * 5_000_000))
    )
    return [str(folder / "h.onnx")]


@case
def onnx_of_empty_initializers(folder: Path) -> list[str]:
    (folder / "h.onnx").write_bytes(onnx_model(field(5, b"") * 3_000_000))
    return [str(folder / "h.onnx")]


@case
def onnx_of_fields_in_a_tensor(folder: Path) -> list[str]:
    (folder / "h.onnx").write_bytes(onnx_model(onnx_tensor("w", (2, 2), b"\x08\x01" * 3_000_000)))
    return [str(folder / "h.onnx")]


@case
def manifest_of_globs_over_the_disk(folder: Path) -> list[str]:
    (folder / "m.csv").write_text("name,path\na,/**/*.safetensors\nb,/usr/**/*\nc,/**\n")
    return [str(folder / "m.csv")]


@case
def manifest_of_many_globs(folder: Path) -> list[str]:
    (folder / "m.json").write_text(json.dumps({f"n{k}": "*/*/*/*/*" * 20 for k in range(20_000)}))
    return [str(folder / "m.json")]


@case
def manifest_of_missing_rows(folder: Path) -> list[str]:
    (folder / "m.csv").write_text("name,path\n" + "".join(f"n{k},missing{k}.pt\n" for k in range(100_000)))
    return [str(folder / "m.csv")]


@case
def device_kmsg(_: Path) -> list[str]:
    return ["/dev/kmsg", "/dev/zero", "/dev/tty"]


@case
def proc_files(_: Path) -> list[str]:
    return ["/proc/self/mem", "/proc/kmsg", "/proc/kcore", "/proc/self/environ"]


@case
def fifo_as_model(folder: Path) -> list[str]:
    os.mkfifo(folder / "f.safetensors")
    return [str(folder / "f.safetensors")]


@case
def fifo_as_manifest(folder: Path) -> list[str]:
    os.mkfifo(folder / "f.csv")
    return [str(folder / "f.csv")]


@case
def fifo_as_index(folder: Path) -> list[str]:
    inner = folder / "net"
    inner.mkdir()
    os.mkfifo(inner / "model.safetensors.index.json")
    (inner / "config.json").write_text("{}")
    named(inner / "model.safetensors", ["w"])
    return [str(inner)]


@case
def fifo_as_config(folder: Path) -> list[str]:
    inner = folder / "net"
    inner.mkdir()
    os.mkfifo(inner / "config.json")
    os.mkfifo(inner / "model_index.json")
    os.mkfifo(inner / "quantize_config.json")
    named(inner / "model.safetensors", ["w"])
    return [str(inner)]


@case
def fifo_as_stats(folder: Path) -> list[str]:
    os.mkfifo(folder / "stats")
    return ["--stats", str(folder / "stats")]


@case
def fifo_as_external_data(folder: Path) -> list[str]:
    os.mkfifo(folder / "d.bin")
    _external(folder / "h.onnx", "d.bin")
    return [str(folder / "h.onnx")]


@case
def socket_as_model(folder: Path) -> list[str]:
    here = os.getcwd()
    os.chdir(folder)
    try:
        with socket.socket(socket.AF_UNIX) as opened:
            opened.bind("s.safetensors")
    finally:
        os.chdir(here)
    return [str(folder / "s.safetensors")]


@case
def folder_of_10000_models(folder: Path) -> list[str]:
    inner = folder / "many"
    inner.mkdir()
    for k in range(10_000):
        (inner / f"m{k}.safetensors").write_bytes(b"\0" * 20)
    return [str(inner)]


@case
def folders_nested_deeply(folder: Path) -> list[str]:
    here = os.getcwd()
    os.chdir(folder)
    try:
        for _ in range(900):
            os.mkdir("d")
            os.chdir("d")
        named(Path("m.safetensors"), ["w"])
    finally:
        os.chdir(here)
    return [str(folder / "d")]


@case
def links_in_a_circle(folder: Path) -> list[str]:
    inner = folder / "net"
    inner.mkdir()
    for k in range(20):
        (inner / f"l{k}").symlink_to(inner, target_is_directory=True)
    (inner / "loop.safetensors").symlink_to("loop.safetensors")
    return [str(inner)]


# --- memory


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
    return sparse(folder / "h.pt", head, 4 * count)


@case
def strided_view_of_a_hole(folder: Path) -> list[str]:
    count = 250_000_000
    head = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + pickle.dumps({}, 2)
    head += torch_pickle({"w": ("FloatStorage", "0", count, 0, (2, 2), (count // 2, count // 4))})
    head += pickle.dumps(["0"], 2) + struct.pack("<q", count)
    return sparse(folder / "h.pt", head, 4 * count)


@case
def strides_of_zero(folder: Path) -> list[str]:
    content = torch_pickle({"w": ("FloatStorage", "0", 1 << 22, 0, (15_000, 16_000), (0, 1))})
    return torch_zip(folder / "h.pt", content, {"0": 1 << 24})


@case
def quantised_strides_of_zero(folder: Path) -> list[str]:
    n = 32_000
    content = b"\x80\x02}" + _text("w") + b"ctorch._utils\n_rebuild_qtensor\n((" + _text("storage")
    content += b"ctorch\nQInt8Storage\n" + _text("0") + _text("cpu") + _int(1 << 24) + b"tQ" + _int(0)
    content += b"(" + _int(n) + _int(n) + b"t(" + _int(0) + _int(1) + b"t(ctorch\nper_tensor_affine\nG"
    content += struct.pack(">d", 0.5) + _int(0) + b"t\x89}tRs."
    return torch_zip(folder / "h.pt", content, {"0": 1 << 24})


def _npz(path: Path, fortran: bool, shape: str, size: int, method: int) -> list[str]:
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


@case
def npz_c_order(folder: Path) -> list[str]:
    return _npz(folder / "h.npz", False, "(250, 1000000)", 1_000_000_000, zipfile.ZIP_DEFLATED)


@case
def npz_fortran_order(folder: Path) -> list[str]:
    return _npz(folder / "h.npz", True, "(250, 1000000)", 1_000_000_000, zipfile.ZIP_DEFLATED)


@case
def npz_fortran_order_stored(folder: Path) -> list[str]:
    return _npz(folder / "h.npz", True, "(50, 1000000)", 200_000_000, zipfile.ZIP_STORED)


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
        import zlib

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
    return sparse(folder / "h.onnx", onnx_model(node, len(node) + size), size)


@case
def onnx_sparse_tensor_name(folder: Path) -> list[str]:
    size = 1_000_000_000
    name = varint(8 << 3 | 2) + varint(size)
    tensor = varint(5 << 3 | 2) + varint(len(name) + size) + name
    return sparse(folder / "h.onnx", onnx_model(tensor, len(tensor) + size), size)


@case
def onnx_float_data(folder: Path) -> list[str]:
    size = 400_000_000
    head = b"\x08\x64\x08" + varint(1_000_000) + b"\x10\x01" + field(8, b"w") + varint(4 << 3 | 2) + varint(size)
    tensor = varint(5 << 3 | 2) + varint(len(head) + size) + head
    return sparse(folder / "h.onnx", onnx_model(tensor, len(tensor) + size), size)


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


# --- traceback


@case
def npz_shape_of_4000_digits(folder: Path) -> list[str]:
    return _npz(folder / "h.npz", False, f"({'9' * 4000},)", 64, zipfile.ZIP_STORED)


@case
def npz_shape_of_nested_tuples(folder: Path) -> list[str]:
    return _npz(folder / "h.npz", False, "(" * 150 + "1" + ",)" * 150, 64, zipfile.ZIP_STORED)


@case
def npz_shape_of_booleans(folder: Path) -> list[str]:
    return _npz(folder / "h.npz", False, "(True, 16)", 64, zipfile.ZIP_STORED)


@case
def npz_shape_zero_times_huge(folder: Path) -> list[str]:
    return _npz(folder / "h.npz", False, "(0, 99999999999999999999)", 0, zipfile.ZIP_STORED)


@case
def safetensors_zero_times_huge(folder: Path) -> list[str]:
    header = {
        "w": {"dtype": "F32", "shape": [0, 2**62, 2**62], "data_offsets": [0, 0]},
        "v": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]},
    }
    text = json.dumps(header).encode()
    (folder / "h.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + bytes(16))
    return [str(folder / "h.safetensors")]


def _external(path: Path, location: str) -> None:
    entry = field(13, field(1, b"location") + field(2, location.encode()))
    path.write_bytes(onnx_model(onnx_tensor("w", (4, 4), entry + b"\x70\x01")))


@case
def onnx_external_loop(folder: Path) -> list[str]:
    (folder / "d.bin").symlink_to("d.bin")
    _external(folder / "h.onnx", "d.bin")
    return [str(folder / "h.onnx")]


@case
def onnx_external_folder(folder: Path) -> list[str]:
    (folder / "d.bin").mkdir()
    _external(folder / "h.onnx", "d.bin")
    return [str(folder / "h.onnx")]


@case
def onnx_external_long_name(folder: Path) -> list[str]:
    _external(folder / "h.onnx", "d" * 5000)
    return [str(folder / "h.onnx")]


@case
def onnx_external_outside(folder: Path) -> list[str]:
    (folder / "net").mkdir()
    (folder / "net" / "d.bin").symlink_to("/etc/passwd")
    _external(folder / "net" / "h.onnx", "d.bin")
    return [str(folder / "net" / "h.onnx")]


@case
def save_stats_to_a_full_disk(_: Path) -> list[str]:
    return ["--save-stats", "/dev/full"]


@case
def save_stats_name_too_long(folder: Path) -> list[str]:
    return ["--save-stats", str(folder / ("s" * 300))]


@case
def save_stats_file_as_folder(folder: Path) -> list[str]:
    (folder / "f").write_text("")
    return ["--save-stats", str(folder / "f" / "s")]


@case
def save_stats_in_a_missing_folder(folder: Path) -> list[str]:
    return ["--save-stats", str(folder / "none" / "s")]


@case
def save_stats_with_nul(folder: Path) -> list[str]:
    return ["--save-stats", str(folder / "s\0t")]


@case
def output_name_too_long(folder: Path) -> list[str]:
    return ["-o", str(folder / ("s" * 240 + ".json"))]


@case
def output_name_much_too_long(folder: Path) -> list[str]:
    return ["-o", str(folder / ("s" * 5000 + ".json"))]


@case
def output_to_a_full_disk(_: Path) -> list[str]:
    return ["--format", "json", "-o", "/dev/full"]


@case
def output_with_nul(folder: Path) -> list[str]:
    return ["--format", "json", "-o", str(folder / "s\0.json")]


@case
def output_below_a_file(folder: Path) -> list[str]:
    (folder / "f").write_text("")
    return ["--format", "json", "-o", str(folder / "f" / "s.json")]


@case
def damaged_statistics(folder: Path) -> list[str]:
    rng = np.random.default_rng(5)
    (folder / "stats").write_bytes(rng.bytes(5000))
    return ["--stats", str(folder / "stats")]


@case
def statistics_is_a_folder(folder: Path) -> list[str]:
    return ["--stats", str(folder)]


@case
def statistics_is_a_zip_bomb(folder: Path) -> list[str]:
    with zipfile.ZipFile(folder / "stats", "w") as archive:
        member(archive, "header.npy", LARGE, zipfile.ZIP_BZIP2)
    return ["--stats", str(folder / "stats")]


@case
def statistics_device(_: Path) -> list[str]:
    return ["--stats", "/dev/zero"]


@case
def surrogate_names(folder: Path) -> list[str]:
    path = os.fsdecode(os.fsencode(str(folder)) + b"/h\xff\xfe\x80.safetensors")
    named(Path(path), ["w"])
    return [path]


# --- crash


@case
def hdf5_truncated(folder: Path) -> list[str]:
    h5(folder / "g.h5", lambda file: file.create_dataset("a/w", data=np.ones((64, 64), "f4"), chunks=(8, 8)))
    content = (folder / "g.h5").read_bytes()
    paths = []
    for k in range(1, 8):
        paths.append(folder / f"t{k}.h5")
        paths[-1].write_bytes(content[: len(content) * k // 8])
    return list(map(str, paths))


@case
def hdf5_mutated(folder: Path) -> list[str]:
    import h5py

    def write(file: Any) -> None:
        layout = h5py.VirtualLayout((8, 4), "f4")
        for k in range(2):
            layout[4 * k : 4 * k + 4] = h5py.VirtualSource(".", "a/w", (4, 4))
        file.create_dataset("a/w", data=np.ones((4, 4), "f4"), chunks=(2, 2), compression="gzip")
        file.create_virtual_dataset("v", layout)
        file.attrs["layer_names"] = np.array([b"a"])
        file["a"].attrs["weight_names"] = np.array([b"w"])

    h5(folder / "g.h5", write)
    content = (folder / "g.h5").read_bytes()
    rng = np.random.default_rng(7)
    paths = []
    for k in range(40):
        mutated = bytearray(content)
        for place in rng.integers(0, len(content), 8):
            mutated[place] = rng.integers(0, 256)
        paths.append(folder / f"x{k}.h5")
        paths[-1].write_bytes(mutated)
    return list(map(str, paths))


# --- flood


@case
def name_of_20_mb(folder: Path) -> list[str]:
    return named(folder / "h.safetensors", ["w" * 20_000_000, "v"])


@case
def name_of_20_mb_damaged(folder: Path) -> list[str]:
    named(folder / "h.safetensors", ["w" * 20_000_000])
    with (folder / "h.safetensors").open("ab") as file:
        file.write(b"1")
    return [str(folder / "h.safetensors")]


@case
def name_of_20_mb_without_dtype(folder: Path) -> list[str]:
    text = json.dumps({"w" * 20_000_000: {}}).encode()
    (folder / "h.safetensors").write_bytes(len(text).to_bytes(8, "little") + text)
    return [str(folder / "h.safetensors")]


@case
def class_of_20_mb(folder: Path) -> list[str]:
    content = b"\x80\x02c" + b"os\n" + b"n" * 20_000_000 + b"\n."
    return torch_zip(folder / "h.pt", content, {"0": bytes(64)})


@case
def storage_kind_of_20_mb(folder: Path) -> list[str]:
    name = "F" * 20_000_000
    return torch_zip(folder / "h.pt", torch_pickle({"w": (name, "0", 16, 0, (4, 4), (4, 1))}), {"0": bytes(64)})


@case
def components_of_20_mb(folder: Path) -> list[str]:
    inner = torch_pickle({"w": ("FloatStorage", "0", 16, 0, (4, 4), (4, 1))})[2:-1]
    content = b"\x80\x02}(" + _text("a" * 10_000_000) + inner + _text("b" * 10_000_000) + inner + b"u."
    return torch_zip(folder / "h.pt", content, {"0": bytes(64)})


@case
def member_name_of_60_kb(folder: Path) -> list[str]:
    with zipfile.ZipFile(folder / "h.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("n" * 60_000 + ".pth", b"x" * 100)
    return [str(folder / "h.zip")]


@case
def onnx_names_of_20_mb(folder: Path) -> list[str]:
    (folder / "h.onnx").write_bytes(
        onnx_model(onnx_tensor("w" * 20_000_000, (4, 4), b"") + onnx_tensor("w" * 20_000_000, (4, 4), b""))
    )
    return [str(folder / "h.onnx")]


@case
def manifest_of_long_names(folder: Path) -> list[str]:
    rows = {("n" * 5_000_000) + str(k): ("p" * 5_000_000) for k in range(4)}
    (folder / "m.json").write_text(json.dumps(rows))
    return [str(folder / "m.json")]


@case
def manifest_of_long_columns(folder: Path) -> list[str]:
    (folder / "m.csv").write_text("a" * 100_000 + "," + "b" * 100_000 + "\n")
    return [str(folder / "m.csv")]


@case
def component_missing_among_many(folder: Path) -> list[str]:
    with zipfile.ZipFile(folder / "h.zip", "w") as archive:
        for k in range(3000):
            archive.writestr("n" * 1000 + f"{k}.pth", b"x")
    return ["--component", "none", str(folder / "h.zip")]


# --- not named


@case
def manifest_of_odd_rows(folder: Path) -> list[str]:
    os.mkfifo(folder / "fifo")
    (folder / "empty").mkdir()
    rows = [
        {"name": "nul", "path": "a\0b.pt"},
        {"name": "surrogate", "path": "a\ud800.pt"},
        {"name": "fifo", "path": "fifo"},
        {"name": "folder", "path": "empty"},
        {"name": "device", "path": "/dev/zero"},
        {"name": "parent", "path": "../x.safetensors"},
        {"name": "dot", "path": "."},
    ]
    (folder / "m.json").write_text(json.dumps(rows))
    return [str(folder / "m.json")]


@case
def manifest_of_repeated_columns(folder: Path) -> list[str]:
    (folder / "m.csv").write_text("name,path,path\na,x.safetensors,y.safetensors\n")
    return [str(folder / "m.csv")]


@case
def manifest_with_byte_order_mark(folder: Path) -> list[str]:
    (folder / "m.csv").write_bytes(b"\xff\xfen\0a\0m\0e\0")
    return [str(folder / "m.csv")]


# --- leak


@case
def link_to_a_file_outside(folder: Path) -> list[str]:
    named(folder / "secret.safetensors", ["secret_canary"])
    inner = folder / "net"
    inner.mkdir()
    (inner / "config.json").write_text("{}")
    (inner / "model.safetensors").symlink_to(folder / "secret.safetensors")
    return [str(inner)]


@case
def link_to_a_folder_outside(folder: Path) -> list[str]:
    (folder / "private").mkdir()
    named(folder / "private" / "m.safetensors", ["secret_canary"])
    (folder / "net").mkdir()
    (folder / "net" / "sub").symlink_to(folder / "private", target_is_directory=True)
    return [str(folder / "net")]


@case
def link_to_a_shard_outside(folder: Path) -> list[str]:
    named(folder / "secret.safetensors", ["secret_canary"])
    inner = folder / "net"
    inner.mkdir()
    index = {
        "weight_map": {"secret_canary": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    }
    (inner / "model.safetensors.index.json").write_text(json.dumps(index))
    (inner / "model-00001-of-00002.safetensors").symlink_to(folder / "secret.safetensors")
    named(inner / "model-00002-of-00002.safetensors", ["b"])
    return [str(inner)]


# --- noise


@case
def control_characters(folder: Path) -> list[str]:
    return named(folder / "h.safetensors", ["a\r\x1b[2Jb", "c\x07\x9b1m", "d‮e"])


@case
def values_that_make_numpy_warn(folder: Path) -> list[str]:
    paths = []
    for name in "ab":
        arrays = {
            f"l{k}": np.full((32, 32), value, np.float32)
            for k, value in enumerate((np.inf, np.nan, 3e38, -3e38, 1e-45))
        }
        paths.append(str(safetensors(folder / f"{name}.safetensors", arrays)))
    return paths
