"""Inputs against readers of GGUF, adapters, distributed checkpoints, pipelines and codes; names that deceive."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
from tests.fuzz import seeds
from tests.hostile.corpus.base import case, named, safetensors

U64 = 2**64 - 1


def _text(content: bytes) -> bytes:
    return struct.pack("<Q", len(content)) + content


def _gguf(path: Path, body: bytes, tensors: int = 0, entries: int = 0, values: bytes = b"") -> list[str]:
    head = b"GGUF" + struct.pack("<IQQ", 3, tensors, entries) + body
    path.write_bytes(head + bytes(-len(head) % 32) + values)
    return [str(path)]


def _record(name: str, shape: tuple[int, ...], kind: int = 0, offset: int = 0) -> bytes:
    return _text(name.encode()) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape[::-1], kind, offset)


def _entry(key: str, code: int, rest: bytes) -> bytes:
    return _text(key.encode()) + struct.pack("<I", code) + rest


@case
def gguf_counts_of_2_to_63(folder: Path) -> list[str]:
    paths = [_gguf(folder / f"{k}.gguf", b"", *counts) for k, counts in enumerate(((2**63, 0), (0, 2**63), (U64, U64)))]
    paths.append(_gguf(folder / "t.gguf", struct.pack("<Q", 2**63), 0, 1))
    paths.append(_gguf(folder / "a.gguf", _entry("k", 9, struct.pack("<IQ", 8, 2**63)), 0, 1))
    paths.append(_gguf(folder / "s.gguf", _record("w", (2**62, 2**62)), 1))
    return [path for (path,) in paths]


@case
def gguf_arrays_of_arrays(folder: Path) -> list[str]:
    inner = struct.pack("<IQ", 0, 0)
    for _ in range(9):
        inner = struct.pack("<IQ", 9, 1) + inner
    _gguf(folder / "d.gguf", _entry("k", 9, inner), 0, 1)
    count = 7_000_000
    _gguf(folder / "w.gguf", _entry("k", 9, struct.pack("<IQ", 9, count) + struct.pack("<IQ", 0, 0) * count), 0, 1)
    return [str(folder / "d.gguf"), str(folder / "w.gguf")]


@case
def gguf_of_empty_words(folder: Path) -> list[str]:
    count = 10_000_000
    return _gguf(folder / "h.gguf", _entry("k", 9, struct.pack("<IQ", 8, count) + bytes(8 * count)), 0, 1)


@case
def gguf_of_many_entries(folder: Path) -> list[str]:
    count = 2_500_000
    body = b"".join(_text(b"%d" % k) + struct.pack("<IB", 0, 1) for k in range(count))
    return _gguf(folder / "h.gguf", body, 0, count)


@case
def gguf_of_many_short_arrays(folder: Path) -> list[str]:
    one = struct.pack("<IQ", 0, 4000) + bytes(4000)
    body = b"".join(_entry(str(k), 9, one) for k in range(15_000))
    return _gguf(folder / "h.gguf", body, 0, 15_000)


@case
def gguf_stack_of_experts_without_values(folder: Path) -> list[str]:
    return _gguf(folder / "h.gguf", LLAMA + _record("blk.0.ffn_gate_exps.weight", (2**40, 1, 0)), 1, 1)


@case
def gguf_stack_of_a_million_experts(folder: Path) -> list[str]:
    record = _record("blk.0.ffn_gate_exps.weight", (1 << 20, 1, 1))
    return _gguf(folder / "h.gguf", LLAMA + record, 1, 1, bytes(4 << 20))


LLAMA = _entry("general.architecture", 8, _text(b"llama"))


@case
def gguf_tensors_that_overlap(folder: Path) -> list[str]:
    records = _record("a", (8, 8)) + _record("b", (8, 8), offset=32) + _record("a", (8, 8))
    return _gguf(folder / "h.gguf", records, 3, 0, bytes(4096))


@case
def gguf_of_odd_types_and_places(folder: Path) -> list[str]:
    rows = [
        ((8, 8), 4, 0),
        ((8, 7), 2, 0),
        ((8, 8), 0, U64),
        ((8, 8), 0, 31),
        ((), 0, 0),
        ((0,), 8, 0),
        ((1,) * 9, 0, 0),
    ]
    return [_gguf(folder / f"{k}.gguf", _record("w", *row), 1, 0, bytes(512))[0] for k, row in enumerate(rows)]


@case
def gguf_of_odd_alignment(folder: Path) -> list[str]:
    paths = []
    for k, number in enumerate((0, 3, 2**31, 1 << 24)):
        entry = _entry("general.alignment", 4, struct.pack("<I", number))
        paths += _gguf(folder / f"{k}.gguf", entry + _record("w", (4, 4)), 1, 1, bytes(64))
    return paths


def _distributed(folder: Path, **change: bytes) -> list[str]:
    net = folder / "run"
    net.mkdir(exist_ok=True)
    piece = seeds.distributed_piece()
    (net / ".metadata").write_bytes(seeds.distributed_metadata(len(piece), change))
    if not os.path.lexists(net / "__0_0.distcp"):
        (net / "__0_0.distcp").write_bytes(piece)
    return [str(net)]


@case
def distributed_points_outside(folder: Path) -> list[str]:
    (folder / "elsewhere").write_bytes(seeds.distributed_piece())
    return _distributed(folder, file=b"V../elsewhere\n")


@case
def distributed_links_outside(folder: Path) -> list[str]:
    (folder / "run").mkdir()
    named(folder / "x.safetensors", ["secret_canary"])
    (folder / "run" / "__0_0.distcp").symlink_to(folder / "x.safetensors")
    return _distributed(folder)


@case
def distributed_pipe_as_rank(folder: Path) -> list[str]:
    (folder / "run").mkdir()
    os.mkfifo(folder / "run" / "__0_0.distcp")
    return _distributed(folder)


@case
def distributed_huge_shape(folder: Path) -> list[str]:
    huge = b"ctorch\nSize\n((L4611686018427387904L\nL4611686018427387904L\nttR"
    return _distributed(folder, shape=huge, sizes=huge)


@case
def distributed_negative_places(folder: Path) -> list[str]:
    return _distributed(folder, offset=b"I-64\n", length=b"L18446744073709551615L\n")


@case
def distributed_of_20000_pieces(folder: Path) -> list[str]:
    net = folder / "run"
    net.mkdir()
    piece = seeds.distributed_piece()
    (net / "__0_0.distcp").write_bytes(piece)
    count = 20_000
    (net / ".metadata").write_bytes(seeds.distributed_rows(len(piece), count))
    return [str(net)]


def _in_pieces(folder: Path, pieces: list[bytes], count: int, width: int) -> list[str]:
    """A checkpoint of one tensor in ``count`` pieces: all of them, or the one again and again."""
    net = folder / "run"
    net.mkdir()
    (net / "__0_0.distcp").write_bytes(b"".join(pieces))
    size, step = len(pieces[0]), len(pieces[0]) if len(pieces) > 1 else 0
    (net / ".metadata").write_bytes(seeds.distributed_rows(size, count, width, step))
    return [str(net)]


@case
def distributed_of_4000_pieces(folder: Path) -> list[str]:
    return _in_pieces(folder, [seeds.distributed_piece()], 4000, 4)


@case
def distributed_of_20000_larger_pieces(folder: Path) -> list[str]:
    return _in_pieces(folder, [seeds.distributed_piece(400)], 20_000, 400)


@case
def distributed_of_pieces_unlike_each_other(folder: Path) -> list[str]:
    pieces = [seeds.distributed_piece(400, b"%05d" % k) for k in range(6000)]
    return _in_pieces(folder, pieces, len(pieces), 400)


@case
def distributed_metadata_of_60_mb(folder: Path) -> list[str]:
    net = folder / "run"
    net.mkdir()
    (net / ".metadata").write_bytes(b"\x80\x02](" + b"N" * 60_000_000 + b"e.")
    (net / "__0_0.distcp").write_bytes(seeds.distributed_piece())
    return [str(net)]


def _adapter(folder: Path, arrays: dict[str, np.ndarray], config: Any) -> list[str]:
    net = folder / "net"
    net.mkdir()
    (net / "adapter_config.json").write_text(config if isinstance(config, str) else json.dumps(config))
    safetensors(net / "adapter_model.safetensors", arrays)
    return [str(net)]


def _halves(rank: int, n: int = 8) -> dict[str, np.ndarray]:
    return {
        "base_model.model.layer0.lora_A.weight": np.ones((rank, n), np.float32),
        "base_model.model.layer0.lora_B.weight": np.ones((n, rank), np.float32),
    }


@case
def adapter_of_rank_0(folder: Path) -> list[str]:
    return _adapter(folder, _halves(0), {"peft_type": "LORA", "r": 0, "lora_alpha": 1})


@case
def adapter_of_odd_numbers(folder: Path) -> list[str]:
    config = '{"peft_type":"LORA","r":1e999,"lora_alpha":NaN,"rank_pattern":[1],"base_model_name_or_path":{"a":[]}}'
    return _adapter(folder, _halves(2), config)


@case
def adapter_of_the_sound_models(folder: Path) -> list[str]:
    halves = {
        f"layer{k}.lora_{half}.weight": np.full((60_000, 64) if half == "A" else (64, 60_000), np.nan, np.float32)
        for k in range(2)
        for half in "AB"
    }
    return _adapter(folder, halves, {"peft_type": "LORA", "r": 60_000})


@case
def adapter_halves_that_do_not_fit(folder: Path) -> list[str]:
    arrays = _halves(2) | {"base_model.model.layer0.lora_B.weight": np.ones((8, 3), np.float32)}
    arrays |= {"x.lora_A.weight": np.ones((2, 3, 4), np.float32), "x.lora_B.weight": np.ones((), np.float32)}
    return _adapter(folder, arrays, {})


@case
def adapter_config_of_deep_lists(folder: Path) -> list[str]:
    return _adapter(folder, _halves(2), "[" * 200_000 + "]" * 200_000)


@case
def codes_of_odd_settings(folder: Path) -> list[str]:
    paths = []
    whole, _, _ = seeds.quantised()[0].partition(seeds.SPLIT)
    odd: tuple[Any, ...] = (0, -1, 2**31, 10**400, "x", None, [], 1.5)
    for k, value in enumerate(odd):
        net = folder / f"q{k}"
        net.mkdir()
        (net / "model.safetensors").write_bytes(whole)
        settings = {"quant_method": "gptq", "bits": value, "group_size": value, "desc_act": value, "sym": value}
        (net / "config.json").write_text(json.dumps({"quantization_config": settings}))
        paths.append(str(net))
    return paths


@case
def codes_that_point_nowhere(folder: Path) -> list[str]:
    arrays = {
        "l.qweight": np.full((4, 32), -1, np.int32),
        "l.scales": np.full((1, 32), np.nan, np.float16),
        "l.qzeros": np.full((1, 4), -1, np.int32),
        "l.g_idx": np.full(32, 2**31 - 1, np.int32),
    }
    (folder / "h.safetensors").write_bytes(seeds.safetensors_bytes(arrays))
    return [str(folder / "h.safetensors")]


@case
def codes_of_huge_state(folder: Path) -> list[str]:
    state = {"quant_type": "nf4", "blocksize": 1, "dtype": "float16", "shape": [2**40, 2**40]}
    arrays = {
        "l.weight": np.zeros((64, 1), np.uint8),
        "l.weight.absmax": np.ones(2, np.float32),
        "l.weight.quant_map": np.ones(16, np.float32),
        "l.weight.quant_state.bitsandbytes__nf4": np.frombuffer(json.dumps(state).encode(), np.uint8),
    }
    (folder / "h.safetensors").write_bytes(seeds.safetensors_bytes(arrays))
    return [str(folder / "h.safetensors")]


@case
def stack_of_a_million_experts(folder: Path) -> list[str]:
    stack = np.zeros((1 << 20, 1, 2), np.float32)
    arrays: dict[str, Any] = {
        "model.layers.0.mlp.experts.gate_up_proj": stack,
        "model.layers.0.mlp.experts.down_proj": stack,
    }
    arrays["model.layers.0.mlp.router.weight"] = np.ones((1 << 20, 1), np.float32)
    plain: dict[str, Any] = {
        f"model.layers.0.mlp.experts.{k}.up_proj.weight": np.ones((1, 2), np.float32) for k in range(100)
    }
    return [str(safetensors(folder / f"{k}.safetensors", (arrays, plain)[k])) for k in range(2)]
