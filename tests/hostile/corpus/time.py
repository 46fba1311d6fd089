"""Inputs that could take forever."""

from __future__ import annotations

import json
import os
import socket
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from tests.hostile.corpus.base import (
    case,
    external_data,
    field,
    h5,
    named,
    onnx_model,
    onnx_tensor,
    safetensors,
    torch_pickle,
    torch_zip,
)


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
    external_data(folder / "h.onnx", "d.bin")
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
