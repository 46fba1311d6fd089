"""Inputs that could end in a traceback, a crash, a flood of words or a leak."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from tests.hostile.corpus.base import (
    LARGE,
    case,
    external_data,
    h5,
    member,
    named,
    npz,
    onnx_model,
    onnx_tensor,
    safetensors,
    text_of,
    torch_pickle,
    torch_zip,
)


@case
def npz_shape_of_4000_digits(folder: Path) -> list[str]:
    return npz(folder / "h.npz", False, f"({'9' * 4000},)", 64, zipfile.ZIP_STORED)


@case
def npz_shape_of_nested_tuples(folder: Path) -> list[str]:
    return npz(folder / "h.npz", False, "(" * 150 + "1" + ",)" * 150, 64, zipfile.ZIP_STORED)


@case
def npz_shape_of_booleans(folder: Path) -> list[str]:
    return npz(folder / "h.npz", False, "(True, 16)", 64, zipfile.ZIP_STORED)


@case
def npz_shape_zero_times_huge(folder: Path) -> list[str]:
    return npz(folder / "h.npz", False, "(0, 99999999999999999999)", 0, zipfile.ZIP_STORED)


@case
def safetensors_zero_times_huge(folder: Path) -> list[str]:
    header = {
        "w": {"dtype": "F32", "shape": [0, 2**62, 2**62], "data_offsets": [0, 0]},
        "v": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]},
    }
    text = json.dumps(header).encode()
    (folder / "h.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + bytes(16))
    return [str(folder / "h.safetensors")]


@case
def onnx_external_loop(folder: Path) -> list[str]:
    (folder / "d.bin").symlink_to("d.bin")
    external_data(folder / "h.onnx", "d.bin")
    return [str(folder / "h.onnx")]


@case
def onnx_external_folder(folder: Path) -> list[str]:
    (folder / "d.bin").mkdir()
    external_data(folder / "h.onnx", "d.bin")
    return [str(folder / "h.onnx")]


@case
def onnx_external_long_name(folder: Path) -> list[str]:
    external_data(folder / "h.onnx", "d" * 5000)
    return [str(folder / "h.onnx")]


@case
def onnx_external_outside(folder: Path) -> list[str]:
    (folder / "net").mkdir()
    (folder / "net" / "d.bin").symlink_to("/etc/passwd")
    external_data(folder / "net" / "h.onnx", "d.bin")
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
    content = b"\x80\x02}(" + text_of("a" * 10_000_000) + inner + text_of("b" * 10_000_000) + inner + b"u."
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
