"""Small valid inputs of readers that see more than one file, or an answer of a server."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import struct
import tempfile
import zlib
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from tests.formats.gguf.conftest import gguf_bytes
from tests.fuzz.seeds import SPLIT, VALUES, numbers, pickled_dict, safetensors_bytes, zipped
from tests.hostile.corpus.base import text_of, torch_pickle
from tests.index.conftest import printed

from neural_phylogeny.formats.gguf.types import KINDS
from neural_phylogeny.index.store import Index


def _tensors(rows: dict[str, tuple[str, tuple[int, ...]]]) -> bytes:
    """The pickled mapping of tensors of float32, by (storage key, shape), without the ends of a pickle."""
    stored = {}
    for name, (key, shape) in rows.items():
        strides = tuple(int(np.prod(shape[k + 1 :])) for k in range(len(shape)))
        stored[name] = ("FloatStorage", key, int(np.prod(shape)), 0, shape, strides)
    return torch_pickle(stored)[2:-1]


def zero() -> list[bytes]:
    """Model and optimiser states of two ranks of ZeRO-3: a matrix, a buffer and a part that was frozen."""
    parts = []
    for rank in range(2):
        listed = b"](" + pickled_dict((text_of("w"), numbers(3, 4))) + b"e"
        states = pickled_dict(
            (text_of("module"), _tensors({"w": ("0", (1,)), "scale": ("1", (4,))})),
            (text_of("buffer_names"), b"](" + text_of("scale") + b"e"),
            (text_of("param_shapes"), listed),
            (text_of("frozen_param_shapes"), pickled_dict((text_of("f"), numbers(2, 4)))),
            (text_of("frozen_param_fragments"), _tensors({"f": ("2", (4,))})),
        )
        flat = b"](" + _tensors({"g": ("0", (6,))})[2:-1].partition(text_of("g"))[2] + b"e"
        optimiser = pickled_dict((text_of("optimizer_state_dict"), pickled_dict((text_of("fp32_flat_groups"), flat))))
        stored = {"m/data/0": VALUES.tobytes()[:4], "m/data/1": bytes(16), "m/data/2": VALUES[rank].tobytes()}
        parts.append(zipped({"m/data.pkl": b"\x80\x02" + states + b".", **stored}))
        group = VALUES.ravel()[6 * rank : 6 * rank + 6].tobytes()
        parts.append(zipped({"m/data.pkl": b"\x80\x02" + optimiser + b".", "m/data/0": group}))
    return [SPLIT.join(parts)]


ZERO = tuple(f"zero_pp_rank_{rank}_mp_rank_00_{kind}_states.pt" for rank in range(2) for kind in ("model", "optim"))
"""The files that ``zero`` gives."""


def consolidated() -> list[bytes]:
    """Two shards of a model as Meta's files cut it, with its settings."""
    shapes = {
        "attention.wq": (8, 16),
        "attention.wo": (16, 8),
        "feed_forward.w1": (12, 16),
        "feed_forward.w2": (16, 12),
    }
    rows: dict[str, tuple[str, tuple[int, ...]]]
    rows = {f"layers.0.{name}.weight": (str(k), shape) for k, (name, shape) in enumerate(shapes.items())}
    rows |= {"tok_embeddings.weight": ("4", (10, 8)), "output.weight": ("5", (5, 16)), "norm.weight": ("6", (16,))}
    stored = {f"m/data/{key}": bytes(4 * int(np.prod(shape))) for key, shape in rows.values()}
    shard = zipped({"m/data.pkl": b"\x80\x02" + _tensors(rows) + b".", **stored})
    settings = json.dumps({"dim": 16, "n_heads": 4, "n_kv_heads": 4, "n_layers": 1, "vocab_size": 10}).encode()
    return [SPLIT.join([shard, shard, settings])]


def codes() -> list[bytes]:
    """GGUF tensors of every type of number, a few in a file."""
    rng = np.random.default_rng(0)
    tensors = {
        f"blk.0.t{code}.weight": (
            code,
            (2, max(kind.values, 32)),
            rng.bytes(2 * kind.nbytes * max(1, 32 // kind.values)),
        )
        for code, kind in KINDS.items()
    }
    names = list(tensors)
    metadata = {"general.architecture": "llama", "llama.attention.head_count": 2}
    return [gguf_bytes({name: tensors[name] for name in names[k::6]}, metadata) for k in range(6)]


def adapters() -> list[bytes]:
    """LoKr, IA3 and DoRA beside the model that they fit."""
    rng = np.random.default_rng(0)

    def normal(*shape: int) -> Any:
        return rng.standard_normal(shape, dtype=np.float32)

    base = safetensors_bytes({"l.weight": normal(6, 8), "m.weight": VALUES})
    low = {"base_model.model.l.lora_A.weight": normal(2, 8), "base_model.model.l.lora_B.weight": normal(6, 2)}
    kinds: dict[str, dict[str, Any]] = {
        "LOKR": {"base_model.model.l.lokr_w1": normal(2, 2), "base_model.model.l.lokr_w2": normal(3, 4)},
        "IA3": {"base_model.model.l.ia3_l": normal(6, 1)},
        "LORA": {**low, "base_model.model.l.lora_magnitude_vector": normal(6)},
        "LOHA": {
            f"base_model.model.l.hada_w{k}_{s}": normal(*((6, 2) if s == "a" else (2, 8))) for k in (1, 2) for s in "ab"
        },
    }
    return [
        SPLIT.join(
            [safetensors_bytes(one), json.dumps({"peft_type": kind, "r": 2, "use_dora": kind == "LORA"}).encode(), base]
        )
        for kind, one in kinds.items()
    ]


def weight_norm() -> list[bytes]:
    """A layer as its length and its direction, in two spellings."""
    old = {"l.weight_g": VALUES[:, :1].copy(), "l.weight_v": VALUES, "l.bias": VALUES[0]}
    new = {f"l.parametrizations.weight.original{k}": old[f"l.weight_{'gv'[k]}"] for k in range(2)}
    return [safetensors_bytes(one) + SPLIT + b"{}" for one in (old, new)]


def claims() -> list[bytes]:
    """What a folder says of its parents: a card, configurations, a trainer's state, a recipe, a list of claims."""
    card = b"---\nbase_model: [x/y, z]\nbase_model_relation: finetune\ntags:\n- a\n---\n# A model\n"
    config = json.dumps({"_name_or_path": "x/y", "base_model_name_or_path": "z"}).encode()
    state = json.dumps({"log_history": [{"step": 2}, {"step": 4}], "global_step": 4}).encode()
    recipe = b"merge_method: slerp\nbase_model: x\nslices:\n- sources:\n  - {model: a, layer_range: [0, 2]}\n"
    recipe += b"models:\n- model: b\n"
    rows = json.dumps({"claims": [{"model": "a", "parent": "b", "relation": "merge"}]}).encode()
    texts = [card, config, state, recipe, rows, b"model,parent,relation\na,b,merge\n"]
    return [name.encode() + SPLIT + text for name, text in zip(CLAIMS, texts, strict=True)]


CLAIMS = ("README.md", "config.json", "trainer_state.json", "mergekit_config.yml", "claims.json", "claims.csv")
"""The documents that ``claims`` gives."""


def web() -> list[bytes]:
    """Answers of a server to one request after the other."""
    head, body = b"HTTP/1.1 206 Partial Content\r\nContent-Length: 50\r\n", VALUES.tobytes() + b"ab"
    first = head + b'Content-Range: bytes 0-49/100\r\nETag: "x"\r\n\r\n' + body
    second = head + b"Content-Range: bytes 50-99/100\r\n\r\n" + body
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + body + body
    moved = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/other\r\nContent-Length: 0\r\n\r\n"
    later = b"HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n"
    return [
        first + SPLIT + second,
        whole,
        moved + SPLIT + whole + SPLIT + chunked,
        later + SPLIT + whole,
        whole + SPLIT + chunked + SPLIT,
    ]


def hub() -> list[bytes]:
    """A hub's answer on a repository."""
    files = [
        {"rfilename": "model.safetensors", "size": 100, "lfs": {"sha256": "a" * 64}},
        {"rfilename": "config.json", "size": 2},
        {"rfilename": "unet/m.bin", "size": 7},
    ]
    return [json.dumps({"sha": "0" * 40, "siblings": files}).encode()]


def fingerprint() -> list[bytes]:
    """The header and the values of a fingerprint; ``fingerprint_file`` makes the file with its lengths and its hash."""
    header = {
        "plan": 1,
        "name": "m",
        "format": "safetensors",
        "identity": "",
        "tensors": [["w", [3, 4], "float32", 0, "", 0, True, None], ["b", [4], "float16", 0, "", 0, False, None]],
        "stored": ["float32", "float16"],
    }
    return [json.dumps(header).encode() + SPLIT + bytes(range(56))]


def fingerprint_file(header: bytes, values: bytes) -> bytes:
    """The file of a fingerprint."""
    parts = [zlib.compress(header, 1), zlib.compress(values, 1)]
    words = struct.pack("<4Q", len(parts[0]), len(header), len(parts[1]), len(values))
    content = b"NPHYLOF\x01" + words + parts[0] + parts[1]
    return content + hashlib.blake2b(content, digest_size=32).digest()


SEGMENT = "0.segment"
"""Where ``index`` says that its fingerprints are."""


def index() -> list[bytes]:
    """The catalogue and the one segment of an index of two models."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rng = np.random.default_rng(0)
        with Index(folder, is_new=True) as made:
            models = []
            for model in "ab":
                values = {"w": rng.standard_normal((17, 16), dtype=np.float32)}
                models.append((model, f"{model}.pt", printed(model, values, "pytorch")))
            list(made.add(models))
        ((segment,),) = [list((folder / "segments").iterdir())]
        with closing(sqlite3.connect(folder / "catalogue.sqlite")) as catalogue:
            catalogue.execute("UPDATE fingerprints SET segment = ?", (SEGMENT,))
            catalogue.commit()
            catalogue.execute("PRAGMA journal_mode = DELETE")
            catalogue.execute("PRAGMA page_size = 512")
            catalogue.execute("VACUUM")
        return [(folder / "catalogue.sqlite").read_bytes() + SPLIT + segment.read_bytes()]
