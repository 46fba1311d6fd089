"""Small valid files of every format, from which the mutators start."""

from __future__ import annotations

import io
import json
import pickle
import struct
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from tests.formats.gguf.conftest import gguf_bytes, interleaved, plain, q4_0, q8_0
from tests.hostile.corpus.base import (
    field,
    int_of,
    onnx_model,
    onnx_tensor,
    text_of,
    torch_pickle,
)

Arrays = dict[str, Any]

SPLIT = b"\n\x00--\x00\n"
"""Between the parts of an input that becomes several files."""

VALUES = np.arange(12, dtype=np.float32).reshape(3, 4)


def safetensors_bytes(arrays: Arrays, metadata: dict[str, str] | None = None) -> bytes:
    codes = {"float32": "F32", "float16": "F16", "uint8": "U8", "int8": "I8", "int32": "I32", "int64": "I64"}
    header: dict[str, Any] = {"__metadata__": metadata} if metadata else {}
    body = b""
    for name, array in arrays.items():
        raw = array.tobytes()
        header[name] = {
            "dtype": codes[array.dtype.name],
            "shape": list(array.shape),
            "data_offsets": [len(body), len(body) + len(raw)],
        }
        body += raw
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


def safetensors() -> list[bytes]:
    return [
        safetensors_bytes({"a.weight": VALUES, "a.bias": VALUES[0], "n": np.int64(3).reshape(())}),
        safetensors_bytes({"w": VALUES.astype(np.float16), "empty": np.zeros((0, 4), np.float32)}, {"format": "pt"}),
    ]


def quantised() -> list[bytes]:
    """Codes as GPTQ, AWQ and bitsandbytes store them."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 2**31, (4, 32), dtype=np.int32)
    scales, zeros = np.ones((1, 32), np.float16), rng.integers(0, 2**31, (1, 4), dtype=np.int32)
    gptq = {"l.qweight": codes, "l.scales": scales, "l.qzeros": zeros, "l.g_idx": np.zeros(32, np.int32)}
    awq = {"l.qweight": codes.reshape(32, 4), "l.scales": scales, "l.qzeros": zeros, "o.weight": VALUES}
    eight = {"l.weight": rng.integers(-127, 127, (8, 16)).astype(np.int8), "l.SCB": np.ones(8, np.float32)}
    four = {
        "l.weight": rng.integers(0, 255, (64, 1)).astype(np.uint8),
        "l.weight.absmax": np.ones(2, np.float32),
        "l.weight.quant_map": np.linspace(-1, 1, 16, dtype=np.float32),
        "l.weight.quant_state.bitsandbytes__nf4": np.frombuffer(
            json.dumps({"quant_type": "nf4", "blocksize": 64, "dtype": "float16", "shape": [8, 16]}).encode(), np.uint8
        ),
    }
    config = json.dumps({"quantization_config": {"quant_method": "gptq", "bits": 4, "group_size": 32}}).encode()
    plain_config = json.dumps({"quantization_config": {"quant_method": "awq", "bits": 4}}).encode()
    return [
        safetensors_bytes(gptq) + SPLIT + config,
        safetensors_bytes(awq) + SPLIT + plain_config,
        safetensors_bytes(eight) + SPLIT + b"{}",
        safetensors_bytes(four) + SPLIT + b"{}",
    ]


def adapter() -> list[bytes]:
    rng = np.random.default_rng(0)
    halves = {
        "base_model.model.l.lora_A.weight": rng.standard_normal((2, 8), dtype=np.float32),
        "base_model.model.l.lora_B.weight": rng.standard_normal((6, 2), dtype=np.float32),
    }
    base = {"l.weight": rng.standard_normal((6, 8), dtype=np.float32), "m.weight": VALUES}
    config = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "base_model_name_or_path": "x/y", "rank_pattern": {"l": 2}}
    loha = {f"l.hada_w{k}_{s}": rng.standard_normal((4, 4), dtype=np.float32) for k in (1, 2) for s in "ab"}
    kohya = {"lora_unet_l.lora_down.weight": VALUES, "lora_unet_l.lora_up.weight": VALUES.T.copy()}
    return [
        SPLIT.join([safetensors_bytes(one), json.dumps(config).encode(), safetensors_bytes(base)])
        for one in (halves, loha, kohya)
    ]


def gguf() -> list[bytes]:
    rng = np.random.default_rng(0)
    weight = rng.standard_normal((8, 32), dtype=np.float32)
    metadata = {
        "general.architecture": "llama",
        "llama.attention.head_count": 2,
        "llama.attention.head_count_kv": 2,
        "tokenizer.ggml.tokens": ["a", "b"],
        "general.alignment": 32,
        "x.y": (1, 2, 3),
    }
    tensors = {
        "token_embd.weight": plain(weight),
        "blk.0.attn_q.weight": q8_0(interleaved(weight, 2)),
        "blk.0.ffn_up.weight": q4_0(weight),
        "blk.0.attn_norm.weight": plain(weight[0]),
        "blk.0.ffn_gate_exps.weight": plain(weight.reshape(2, 4, 32).astype(np.float16)),
    }
    return [gguf_bytes(tensors, metadata), gguf_bytes({"w": plain(weight)}, {"general.architecture": "gpt2"})]


def npz() -> list[bytes]:
    found = []
    for save, arrays in (
        (np.savez, {"w": VALUES, "b": VALUES[0]}),
        (np.savez_compressed, {"w": np.asfortranarray(VALUES), "f": VALUES.astype(">f2"), "c": VALUES[:2] * 1j}),
    ):
        stream = io.BytesIO()
        save(stream, **arrays)
        found.append(stream.getvalue())
    return found


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return stream.getvalue()


def _state_dict(name: str = "a.weight") -> bytes:
    return torch_pickle(
        {
            name: ("FloatStorage", "0", 12, 0, (3, 4), (4, 1)),
            "b.weight": ("FloatStorage", "0", 12, 2, (2, 3), (1, 3)),
            "c.bias": ("HalfStorage", "1", 4, 0, (4,), (1,)),
        }
    )


_STORAGES = {"m/data/0": VALUES.tobytes(), "m/data/1": bytes(8)}


def _legacy() -> bytes:
    head = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + pickle.dumps({"little_endian": True}, 2)
    body = torch_pickle({"w": ("FloatStorage", "0", 12, 0, (3, 4), (4, 1))})
    return head + body + pickle.dumps(["0"], 2) + struct.pack("<q", 12) + VALUES.tobytes()


def _quantised_tensor() -> bytes:
    content = b"\x80\x02}" + text_of("w") + b"ctorch._utils\n_rebuild_qtensor\n((" + text_of("storage")
    content += b"ctorch\nQInt8Storage\n" + text_of("0") + text_of("cpu") + int_of(48) + b"tQ" + int_of(0)
    content += b"(" + int_of(6) + int_of(8) + b"t(" + int_of(8) + int_of(1) + b"t(ctorch\nper_tensor_affine\nG"
    return content + struct.pack(">d", 0.5) + int_of(0) + b"t\x89}tRs."


def pytorch() -> list[bytes]:
    nested = {"epoch": 3, "state_dict": {"a": [1, 2.5, None, True]}, "args": (b"x", {"y"}, frozenset("z"))}
    return [
        zipped({"m/data.pkl": _state_dict(), **_STORAGES}),
        zipped({"m/data.pkl": _state_dict(), "m/byteorder": b"little", "m/version": b"3\n", **_STORAGES}, 8),
        zipped({"m/data.pkl": _quantised_tensor(), **_STORAGES}),
        _legacy(),
        pickle.dumps({"a.w": np.eye(3), "n": np.float32(1), **nested}, 4),
    ]


def archive() -> list[bytes]:
    inner, legacy = pytorch()[0], _legacy()
    return [
        zipped({"policy.pth": inner, "data": b"{}"}),
        zipped({"policy.pth": inner, "extra.pth": legacy, "policy.optimizer.pth": inner}, zipfile.ZIP_DEFLATED),
    ]


def h5(write: Callable[[Any], None]) -> bytes:
    import h5py

    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        write(file)
    return stream.getvalue()


def _keras_2(file: Any) -> None:
    file.attrs["layer_names"] = np.array([b"dense"])
    group = file.create_group("dense")
    group.attrs["weight_names"] = np.array([b"dense/kernel:0", b"dense/bias:0"])
    group.create_dataset("dense/kernel:0", data=VALUES)
    group.create_dataset("dense/bias:0", data=VALUES[0])


def _keras_3(file: Any) -> None:
    file.create_dataset("layers/dense/vars/0", data=VALUES, chunks=(2, 2), compression="gzip")
    file.create_dataset("layers/dense/vars/1", data=VALUES[0].astype(">f4"))


def hdf5() -> list[bytes]:
    return [h5(_keras_2), h5(_keras_3)]


def keras() -> list[bytes]:
    config = json.dumps({"config": {"layers": [{"class_name": "Dense", "config": {"name": "dense"}}]}}).encode()
    weights = h5(_keras_3)
    return [
        zipped({"config.json": config, "metadata.json": b"{}", "model.weights.h5": weights}),
        zipped({"config.json": config, "model.weights.h5": weights}, zipfile.ZIP_DEFLATED),
    ]


def onnx() -> list[bytes]:
    raw = onnx_tensor("w", (3, 4), field(9, VALUES.tobytes()))
    floats = onnx_tensor("v", (4,), field(4, VALUES[0].tobytes()))
    node = field(1, field(1, b"x") + field(1, b"w") + field(2, b"y") + field(4, b"Gemm"))
    constant = field(5, field(1, b"value") + field(5, b"\x08\x02\x10\x01" + field(9, bytes(8))) + b"\xa0\x01\x04")
    constant = field(1, field(2, b"k") + field(4, b"Constant") + constant)
    external = field(13, field(1, b"location") + field(2, b"d.bin"))
    outside = onnx_tensor("e", (3, 4), external + b"\x70\x01")
    quantised_node = field(
        1, field(1, b"q") + field(1, b"s") + field(1, b"z") + field(2, b"d") + field(4, b"DequantizeLinear")
    )
    codes = field(5, b"\x08\x04\x10\x03" + field(8, b"q") + field(9, bytes(4)))
    scale = onnx_tensor("s", (), field(4, b"\0\0\x80?"))
    zero = field(5, b"\x10\x03" + field(8, b"z") + field(9, b"\0"))
    return [
        onnx_model(node + constant + raw + floats) + SPLIT + VALUES.tobytes(),
        onnx_model(outside) + SPLIT + VALUES.tobytes(),
        onnx_model(quantised_node + codes + scale + zero) + SPLIT + b"",
    ]


def _object(name: str, **state: bytes) -> bytes:
    """A pickled record of torch's distributed checkpoints; the values of its fields are pickled already."""
    module, _, kind = name.rpartition(".")
    items = b"".join(b"V" + key.encode() + b"\n" + value for key, value in state.items())
    return b"c" + module.encode() + b"\n" + kind.encode() + b"\n)\x81}(" + items + b"ub"


def numbers(*sizes: int) -> bytes:
    return b"ctorch\nSize\n((" + b"".join(b"I%d\n" % size for size in sizes) + b"ttR"


def pickled_dict(*pairs: tuple[bytes, bytes]) -> bytes:
    return b"}(" + b"".join(key + value for key, value in pairs) + b"u"


def distributed_metadata(size: int, change: dict[str, bytes] | None = None) -> bytes:
    """``.metadata`` of one tensor in two pieces, both of which are the one file of ``size`` bytes."""
    records, files = "torch.distributed.checkpoint.metadata.", "torch.distributed.checkpoint.filesystem."
    name = b"Vmodel.w\n"
    parts = {"shape": numbers(6, 4), "first": numbers(0, 0), "second": numbers(3, 0), "sizes": numbers(3, 4)}
    parts |= {"length": b"I%d\n" % size, "offset": b"I0\n", "file": b"V__0_0.distcp\n"}
    parts |= change or {}
    chunks = [
        _object(records + "ChunkStorageMetadata", offsets=parts[key], sizes=parts["sizes"])
        for key in ("first", "second")
    ]
    places = [
        (
            _object(records + "MetadataIndex", fqn=name, offset=parts[key], index=b"N"),
            _object(
                files + "_StorageInfo", relative_path=parts["file"], offset=parts["offset"], length=parts["length"]
            ),
        )
        for key in ("first", "second")
    ]
    properties = _object(records + "TensorProperties", dtype=b"ctorch\nfloat32\n")
    tensor = _object(
        records + "TensorStorageMetadata",
        properties=properties,
        size=parts["shape"],
        chunks=b"](" + b"".join(chunks) + b"e",
    )
    whole = _object(
        records + "Metadata",
        state_dict_metadata=pickled_dict((name, tensor)),
        planner_data=pickled_dict((name, b"(Vmodel\nVw\nt")),
        storage_data=pickled_dict(*places),
    )
    return b"\x80\x02" + whole + b"."


def distributed_rows(size: int, count: int, width: int = 4, step: int = 0) -> bytes:
    """``.metadata`` of one tensor in ``count`` pieces of 3 rows, each ``size`` bytes, ``step`` bytes from the last."""
    records, files = "torch.distributed.checkpoint.metadata.", "torch.distributed.checkpoint.filesystem."
    name, sizes = b"Vmodel.w\n", numbers(3, width)
    chunks, places = [], []
    for k in range(count):
        at = numbers(3 * k, 0)
        chunks.append(_object(records + "ChunkStorageMetadata", offsets=at, sizes=sizes))
        info = _object(
            files + "_StorageInfo",
            relative_path=b"V__0_0.distcp\n",
            offset=b"I%d\n" % (step * k),
            length=b"I%d\n" % size,
        )
        places.append((_object(records + "MetadataIndex", fqn=name, offset=at, index=b"N"), info))
    tensor = _object(
        records + "TensorStorageMetadata",
        properties=_object(records + "TensorProperties", dtype=b"ctorch\nfloat32\n"),
        size=numbers(3 * count, width),
        chunks=b"](" + b"".join(chunks) + b"e",
    )
    whole = _object(
        records + "Metadata",
        state_dict_metadata=pickled_dict((name, tensor)),
        planner_data=pickled_dict(),
        storage_data=pickled_dict(*places),
    )
    return b"\x80\x02" + whole + b"."


def distributed_piece(width: int = 4, remark: bytes = b"") -> bytes:
    """One piece of 3 rows, with a remark in its pickle that changes nothing."""
    content = b"\x80\x02" + torch_pickle({"w": ("FloatStorage", "0", 3 * width, 0, (3, width), (width, 1))})[2:]
    at = content.index(b"ctorch._utils")
    said = b"C%c%b0" % (len(remark), remark) if remark else b""
    values = np.resize(VALUES, 3 * width).tobytes()
    return zipped({"m/data.pkl": b"\x80\x02" + said + content[at:-2] + b".", "m/data/0": values})


def distributed() -> list[bytes]:
    piece = distributed_piece()
    return [distributed_metadata(len(piece)) + SPLIT + piece]


def manifest_csv() -> list[bytes]:
    return [b"name,path\na,m.safetensors\nb,./m.safetensors\n", b"\xef\xbb\xbfpath,name,x\n*.safetensors,c,1\n"]


def manifest_json() -> list[bytes]:
    return [b'[{"name":"a","path":"m.safetensors"}]', b'{"a":"m.safetensors","b":"*.safetensors"}']


def index() -> list[bytes]:
    return [
        json.dumps(
            {"metadata": {"total_size": 64}, "weight_map": dict.fromkeys(("a.weight", "a.bias", "n"), "m.safetensors")}
        ).encode()
    ]


def statistics() -> list[bytes]:
    """The statistics file of two small models."""
    from neural_phylogeny import reconstruct

    rng = np.random.default_rng(0)
    one = {"l.weight": rng.standard_normal((24, 24), dtype=np.float32), "l.bias": rng.standard_normal(24).astype("f4")}
    other = {name: value + np.float32(0.01) for name, value in one.items()}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s"
        reconstruct({"a": one, "b": other}, save_stats=path)
        return [path.read_bytes()]


def result() -> list[bytes]:
    from neural_phylogeny import reconstruct

    rng = np.random.default_rng(0)
    one = {"l.weight": rng.standard_normal((24, 24), dtype=np.float32)}
    return [reconstruct({"a": one, "b": {"l.weight": one["l.weight"] + np.float32(0.01)}}).to_json().encode()]


def truth() -> list[bytes]:
    edge, pair = {"parent": "a", "child": "b", "kind": "finetune"}, {"a": "a", "b": "c", "certainty": "sure"}
    whole = {
        "group": "g",
        "edges": [edge],
        "unrelated": [pair],
        "copies": [{"source": "a", "copy": "d"}],
        "roots": ["a"],
    }
    return [json.dumps(whole).encode(), b'{"siblings":[{"a":"x","b":"y"}],"complete":true}']
