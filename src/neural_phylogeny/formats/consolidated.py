"""Meta's and Mistral's ``consolidated.*``: tensor-parallel shards joined, under Hugging Face's names and row order.

Each shard holds a part of every matrix: outputs of queries, keys, values, gates and of the head, inputs of the matrices
that follow them. Norms are in all of them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from neural_phylogeny.errors import DamagedFileError
from neural_phylogeny.formats.base import AnyArray, Checkpoint
from neural_phylogeny.formats.heads import run
from neural_phylogeny.formats.pieces import Piece, read_pieces
from neural_phylogeny.inputs import TensorInfo

NAME = re.compile(r"consolidated(?:\.(\d{2}))?\.(pth|pt|safetensors)")
"""What such files are called."""

MARK = "layers.0.attention.wq.weight"

OUTER = {"tok_embeddings": "model.embed_tokens", "norm": "model.norm", "output": "lm_head"}

INNER = {
    "attention.wq": "self_attn.q_proj",
    "attention.wk": "self_attn.k_proj",
    "attention.wv": "self_attn.v_proj",
    "attention.wo": "self_attn.o_proj",
    "feed_forward.w1": "mlp.gate_proj",
    "feed_forward.w2": "mlp.down_proj",
    "feed_forward.w3": "mlp.up_proj",
    "attention_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
}

BY_INPUTS = ("attention.wo", "feed_forward.w2")
"""Matrices of which each shard holds some inputs of all outputs."""

HEADS = {"attention.wq": "n_heads", "attention.wk": "n_kv_heads"}
"""Which number of ``params.json`` says how many heads a matrix has."""

_LAYER = re.compile(r"layers\.(\d{1,6})\.(.+)\.(weight|bias)")
_OUTER = re.compile(r"(.+)\.(weight|bias)")


class Consolidated(Checkpoint):
    """Opened shards as one model; ``settings`` is what ``params.json`` beside them says. Closing it closes them.

    Raises DamagedFileError where the shards do not fit each other.
    """

    format = "consolidated"

    def __init__(self, shards: Sequence[Checkpoint], settings: Mapping[str, Any], path: str = "") -> None:
        self.path = path
        self._shards = tuple(shards)
        self.format = shards[0].format  # type: ignore[misc]
        self.notes = tuple(dict.fromkeys(note for shard in shards for note in shard.notes))
        self.unread = shards[0].unread
        self._pieces: dict[str, list[Piece]] = {}
        self._heads: dict[str, int] = {}
        self.tensors = {}
        is_meta = MARK in shards[0].tensors
        for stored, first in shards[0].tensors.items():
            infos = [shard.tensors.get(stored) for shard in shards]
            if any(info is None or len(info.shape) != len(first.shape) or info.dtype != first.dtype for info in infos):
                raise self._misfit("the shards do not all hold it, in one number type", stored)
            part = _part(stored)
            axis = self._axis(stored, part, [info for info in infos if info is not None])
            name = _shown(stored) if is_meta else stored
            self._add(name, stored, first, axis)
            heads = settings.get(HEADS.get(part, ""), settings.get("n_heads") if part in HEADS else None)
            rows = self.tensors[name].shape[0] if first.shape else 0
            if is_meta and isinstance(heads, int) and heads > 0 and rows and rows % (2 * heads) == 0:
                self._heads[name] = rows // heads
        self._check_width(settings)
        joined = f"{len(shards)} tensor-parallel shards are joined" if len(shards) > 1 else ""
        self.notes = (*self.notes, *([joined] if joined else []))

    def read(self, name: str, start: int = 0, stop: int | None = None) -> AnyArray:
        tensor = self.tensors[name]
        stop = tensor.size if stop is None else min(stop, tensor.size)
        head, width = self._heads.get(name, 0), max(1, math.prod(tensor.shape[1:]))
        if not head or stop <= start:
            return self._stored(tensor, start, stop)
        first, last = start // width, -(-stop // width)
        rows, done = [], first
        while done < last:
            low, stride, count = run(done, last, head)
            high = low + (count - 1) * stride + 1
            rows.append(self._stored(tensor, low * width, high * width).reshape(-1, width)[::stride])
            done += count
        return np.concatenate(rows).reshape(-1)[start - first * width : stop - first * width]

    def close(self) -> None:
        for shard in self._shards:
            shard.close()

    def _stored(self, tensor: TensorInfo, start: int, stop: int) -> AnyArray:
        return read_pieces(tensor.shape, np.dtype(tensor.dtype), self._pieces[tensor.name], start, stop)

    def _axis(self, stored: str, part: str, infos: Sequence[TensorInfo]) -> int | None:
        """The axis along which the shards hold parts of a tensor; None where each holds all of it."""
        shapes = [info.shape for info in infos]
        if len(infos) == 1 or len(shapes[0]) < 2:
            if len({*shapes}) > 1:
                raise self._misfit("it has another length in each shard", stored)
            return None
        axis = 0
        width = self._width()
        if part in BY_INPUTS or (part == "tok_embeddings" and width and shapes[0][1] * len(infos) == width):
            axis = 1
        if len({shape[:axis] + shape[axis + 1 :] for shape in shapes}) > 1:
            raise self._misfit(f"its shapes in the shards do not fit: {shapes[0]}, {shapes[1]}", stored)
        return axis

    def _add(self, name: str, stored: str, first: TensorInfo, axis: int | None) -> None:
        shards = self._shards[:1] if axis is None else self._shards
        pieces, at = [], 0
        for shard in shards:
            sizes = shard.tensors[stored].shape
            offsets = tuple(at if k == axis else 0 for k in range(len(sizes)))
            pieces.append(Piece(offsets, sizes, _reader(shard, stored)))
            at += sizes[axis] if axis is not None else 0
        shape = tuple(at if k == axis else n for k, n in enumerate(first.shape))
        self._pieces[name] = pieces
        self.tensors[name] = TensorInfo(name=name, shape=shape, dtype=first.dtype)

    def _width(self) -> int:
        """Width of the model, from its last norm, which every shard holds."""
        norm = self._shards[0].tensors.get("norm.weight")
        return norm.size if norm is not None else 0

    def _check_width(self, settings: Mapping[str, Any]) -> None:
        """Where a shard is missing, the matrices are too narrow."""
        heads, kept = settings.get("n_heads"), self.tensors.get(_shown(MARK))
        head = settings.get("head_dim")
        if not isinstance(heads, int) or kept is None or heads <= 0:
            return
        wanted = heads * head if isinstance(head, int) and head > 0 else self._width()
        if wanted and kept.shape[0] != wanted:
            raise self._misfit(
                f"the {len(self._shards)} shards together have {kept.shape[0]:,} of its {wanted:,} rows: "
                "one is missing",
                MARK,
            )

    def _misfit(self, reason: str, tensor: str) -> DamagedFileError:
        return DamagedFileError(reason, path=self.path, tensor=tensor, remedy="Copy all shards into one folder.")


def _reader(shard: Checkpoint, stored: str) -> Any:
    return lambda start, stop: shard.read(stored, start, stop)


def _part(stored: str) -> str:
    """A tensor's name without the number of its layer and its ending."""
    inner = _LAYER.fullmatch(stored)
    if inner is not None:
        return inner[2]
    return stored.removesuffix(".weight").removesuffix(".bias")


def _shown(stored: str) -> str:
    """Hugging Face's name.

    Examples
    --------
    >>> _shown("layers.3.feed_forward.w2.weight"), _shown("output.weight"), _shown("rope.freqs")
    ('model.layers.3.mlp.down_proj.weight', 'lm_head.weight', 'rope.freqs')
    """
    inner, outer = _LAYER.fullmatch(stored), _OUTER.fullmatch(stored)
    if inner is not None and inner[2] in INNER:
        return f"model.layers.{inner[1]}.{INNER[inner[2]]}.{inner[3]}"
    if outer is not None and outer[1] in OUTER:
        return f"{OUTER[outer[1]]}.{outer[2]}"
    return stored
