"""Pipelines, archives within archives, headers that contradict themselves, names that deceive."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from tests.fuzz import seeds
from tests.hostile.corpus.base import case, external_data, field, h5, named, onnx_model, onnx_tensor, safetensors


@case
def pipeline_of_odd_components(folder: Path) -> list[str]:
    net = folder / "pipe"
    (net / "unet").mkdir(parents=True)
    named(net / "unet" / "diffusion_pytorch_model.safetensors", ["w"], (8, 8))
    named(folder / "secret_canary.safetensors", ["secret_canary"])
    index: dict[str, Any] = {f"c{k}": ["a", "b"] for k in range(10_000)}
    index |= {"unet": ["diffusers", "UNet"], "..": ["a", "b"], "/etc": ["a", "b"], "x\0": [], "vae": None}
    (net / "model_index.json").write_text(json.dumps(index))
    (net / "vae").symlink_to(net, target_is_directory=True)
    (net / "text_encoder").symlink_to("/etc", target_is_directory=True)
    return [str(net)]


def _zipped(content: bytes, name: str, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        archive.writestr(name, content)
    return stream.getvalue()


@case
def archives_inside_archives(folder: Path) -> list[str]:
    content = seeds.pytorch()[0]
    for _ in range(50):
        content = _zipped(content, "policy.pth")
    (folder / "deep.zip").write_bytes(content)
    bomb = bytes(60_000_000)
    for _ in range(4):
        bomb = _zipped(bomb, "policy.pth")
    (folder / "bomb.zip").write_bytes(bomb)
    (folder / "k.zip").write_bytes(_zipped(seeds.keras()[0], "model.weights.h5"))
    return [str(folder / name) for name in ("deep.zip", "bomb.zip", "k.zip")]


@case
def archive_of_one_member_twice(folder: Path) -> list[str]:
    paths = []
    for name, suffix in (("w.npy", "npz"), ("m/data.pkl", "pt"), ("policy.pth", "zip"), ("config.json", "keras")):
        path = folder / f"h.{suffix}"
        with zipfile.ZipFile(path, "w") as archive:
            for text in (b"a", b"b"):
                info = zipfile.ZipInfo(name)
                archive.NameToInfo.pop(name, None)
                archive.writestr(info, text)
        paths.append(str(path))
    return paths


@case
def npz_of_many_zeros(folder: Path) -> list[str]:
    with zipfile.ZipFile(folder / "h.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        stream = io.BytesIO()
        np.save(stream, np.zeros(15_000_000, np.float32))
        for k in range(60):
            archive.writestr(f"{k}.npy", stream.getvalue()) if k < 2 else archive.writestr(
                f"{k}.npy", bytes(60_000_000)
            )
    return [str(folder / "h.npz")]


def _header(path: Path, text: str, size: int) -> str:
    content = text.encode("utf-8", "surrogatepass")
    path.write_bytes(len(content).to_bytes(8, "little") + content + bytes(size))
    return str(path)


def _row(begin: int, end: int, shape: str = "[4,4]") -> str:
    return f'{{"dtype":"F32","shape":{shape},"data_offsets":[{begin},{end}]}}'


@case
def safetensors_of_odd_places(folder: Path) -> list[str]:
    overlap = f'{{"a":{_row(0, 64)},"b":{_row(32, 96)}}}'
    same = f'{{"a":{_row(0, 64)},"b":{_row(0, 64)}}}'
    twice = f'{{"a":{_row(0, 64)},"a":{_row(64, 128)}}}'
    backwards = f'{{"a":{_row(64, 0)}}}'
    floats = f'{{"a":{_row(0, 64, "[4.0,4]")}}}'
    huge = f'{{"a":{_row(0, 64, "[" + "9" * 5000 + "]")}}}'
    texts = (overlap, same, twice, backwards, floats, huge)
    return [_header(folder / f"{k}.safetensors", text, 128) for k, text in enumerate(texts)]


@case
def safetensors_of_deep_lists(folder: Path) -> list[str]:
    return [_header(folder / "h.safetensors", '{"a":' + "[" * 900_000 + "]" * 900_000 + "}", 0)]


@case
def safetensors_of_30_mb_of_remarks(folder: Path) -> list[str]:
    return [_header(folder / "h.safetensors", f'{{"__metadata__":{{"k":"{"v" * 30_000_000}"}},"w":{_row(0, 64)}}}', 64)]


@case
def names_that_look_alike(folder: Path) -> list[str]:
    names = [
        "W",
        "w",
        "é",
        "e\u0301",
        "a\u200bb",
        "ab",
        "\u202egpj.weight",
        "ａ.weight",
        "a.weight",
        "",
        " ",
        "ſ",
        "ı",
        "\u0130",
    ]
    alike = [folder / name for name in ("M.safetensors", "m.safetensors", "\u00e9.safetensors", "e\u0301.safetensors")]
    for path in alike:
        named(path, names)
    return list(map(str, alike))


@case
def names_of_half_letters(folder: Path) -> list[str]:
    return [_header(folder / "h.safetensors", f'{{"\\ud800":{_row(0, 64)},"\\udfff\\ud800":{_row(64, 128)}}}', 128)]


@case
def names_of_terminal_commands(folder: Path) -> list[str]:
    path = folder / "\x1b]0;owned\x07\x9b2J\r\nx.safetensors"
    named(path, ["\x1b]8;;http://x\x07w", "a\nb", "=cmd|' /C calc'!A0", "<script>alert(1)</script>", "{{7*7}}", "%s%n"])
    return [str(path)]


@case
def onnx_external_twice(folder: Path) -> list[str]:
    (folder / "d.bin").write_bytes(bytes(64))
    entry = field(13, field(1, b"location") + field(2, b"d.bin"))
    far = field(13, field(1, b"offset") + field(2, b"9" * 5000))
    rows = onnx_tensor("a", (4, 4), entry + b"\x70\x01") + onnx_tensor("b", (4, 4), entry + far + b"\x70\x01")
    (folder / "h.onnx").write_bytes(onnx_model(rows))
    (folder / "net").mkdir()
    (folder / "net" / "d.bin").symlink_to(folder / "d.bin")
    external_data(folder / "net" / "h.onnx", "d.bin")
    return [str(folder / "h.onnx"), str(folder / "net" / "h.onnx")]


@case
def onnx_of_odd_dimensions(folder: Path) -> list[str]:
    shapes = [(2**62, 2**62), (2**63,), (0, 2**63 - 1), (1,) * 70]
    paths = []
    for k, shape in enumerate(shapes):
        (folder / f"{k}.onnx").write_bytes(onnx_model(onnx_tensor("w", shape, field(9, bytes(8)))))
        paths.append(str(folder / f"{k}.onnx"))
    return paths


@case
def onnx_of_small_tensors(folder: Path) -> list[str]:
    rows = b"".join(onnx_tensor(f"w{k}", (2, 2), field(9, bytes(16))) for k in range(60_000))
    (folder / "h.onnx").write_bytes(onnx_model(rows))
    return [str(folder / "h.onnx")]


@case
def hdf5_of_claims(folder: Path) -> list[str]:
    def write(file: Any) -> None:
        file.create_dataset("huge", (2**40, 2**10), "f4", chunks=(1, 2**10))
        file["loop"] = file["/"]
        file.create_group("a")["up"] = file["/"]
        group = file.create_group("b")
        for _ in range(2000):
            group = group.create_group("b")
        group.create_dataset("w", data=np.ones((4, 4), "f4"))

    return h5(folder / "h.h5", write)


@case
def keras_config_of_deep_lists(folder: Path) -> list[str]:
    with zipfile.ZipFile(folder / "h.keras", "w") as archive:
        archive.writestr("config.json", "[" * 100_000 + "]" * 100_000)
        archive.writestr("metadata.json", "{" * 100_000)
        with zipfile.ZipFile(io.BytesIO(seeds.keras()[0])) as sound:
            archive.writestr("model.weights.h5", sound.read("model.weights.h5"))
    return [str(folder / "h.keras")]


@case
def two_files_of_6000_larger_tensors(folder: Path) -> list[str]:
    rng = np.random.default_rng(0)
    paths = []
    for own in "xy":
        arrays = {f"{own}.{k}": rng.standard_normal((10, 20)).astype(np.float32) for k in range(6000)}
        paths.append(str(safetensors(folder / f"{own}.safetensors", arrays)))
    return paths
