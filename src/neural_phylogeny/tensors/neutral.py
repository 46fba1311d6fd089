"""Names that no framework shapes: equal for one weight in PyTorch, Keras, TensorFlow and Flax.

Every rule is a look-up of name components or a pattern without choices, so that a name of any length costs its length.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Sequence

from neural_phylogeny.tensors.names import WRAPPERS

WEIGHT, BIAS = "weight", "bias"

LEAVES = {
    **dict.fromkeys(("weight", "kernel", "embedding", "embeddings", "gamma", "scale", "w", "weights"), WEIGHT),
    **dict.fromkeys(("depthwise_kernel", "pointwise_kernel"), WEIGHT),
    **dict.fromkeys(("bias", "beta", "offset", "b"), BIAS),
}
"""What frameworks call the weight and the bias of a layer, a norm's too."""

CONTAINERS = WRAPPERS | {"params", "variables", "model_weights", "layers", "self", "vars"}
"""Components that say where a weight is kept, not which it is."""

PARTS = {
    **dict.fromkeys(("q_proj", "query", "q", "to_q", "wq", "q_lin", "query_proj", "w_query", "q_attn"), "q"),
    **dict.fromkeys(("k_proj", "key", "k", "to_k", "wk", "k_lin", "key_proj", "w_key"), "k"),
    **dict.fromkeys(("v_proj", "value", "v", "to_v", "wv", "v_lin", "value_proj", "w_value"), "v"),
    **dict.fromkeys(("gate_proj", "gate", "w1", "wi_0"), "gate"),
    **dict.fromkeys(("up_proj", "up", "w3", "wi_1"), "up"),
}
"""Projections that some networks keep apart and others in one matrix."""

FUSED = {
    **dict.fromkeys(("c_attn", "qkv_proj", "in_proj", "query_key_value", "wqkv", "w_pack", "qkv", "to_qkv"), "qkv"),
    **dict.fromkeys(("gate_up_proj", "gate_up", "w13"), "gate_up"),
    **dict.fromkeys(("kv_proj", "to_kv", "kv"), "kv"),
}
"""Names of such matrices."""

PARTS_OF = {"qkv": ("q", "k", "v"), "gate_up": ("gate", "up"), "kv": ("k", "v")}
"""What lies in a fused matrix, in this order."""

LONGEST = 4096
"""A longer name is taken as one component: no framework writes it."""


def neutral_names(names: Sequence[str]) -> list[tuple[str, ...]]:
    """The path to each weight in names that no framework shapes; components that all of them begin with are dropped.

    Two weights may get the same path.

    Examples
    --------
    >>> neutral_names(["layers_0/attention/query/kernel:0", "head/bias"])
    [('0', 'attention', 'q', 'weight'), ('head', 'bias')]
    >>> neutral_names(["encoder.layers.0.attention.q_proj.weight", "encoder.head.bias"])
    [('0', 'attention', 'q', 'weight'), ('head', 'bias')]
    """
    paths = [_path(name) for name in names]
    while paths and all(len(path) > 2 and path[0] == paths[0][0] for path in paths):
        paths = [path[1:] for path in paths]
    return paths


def neutral_hashes(names: Sequence[str]) -> dict[str, int]:
    """A number of 32 bits for each name, by its ``neutral_names``: the same in every framework."""
    return {name: zlib.crc32("/".join(path).encode()) for name, path in zip(names, neutral_names(names), strict=True)}


def unique(paths: Sequence[tuple[str, ...]]) -> dict[tuple[str, ...], int]:
    """The position of every path that is there once."""
    counts = Counter(paths)
    return {path: place for place, path in enumerate(paths) if counts[path] == 1}


def _path(name: str) -> tuple[str, ...]:
    if len(name) > LONGEST:
        return (name,)
    parts = [part.strip("_").lower() for part in name.removesuffix(":0").replace("/", ".").split(".")]
    found: list[str] = []
    for part, before in zip(parts, ["", *parts], strict=False):
        found += _counted(part) if part and part != before else []
    *inner, leaf = found or [name]
    for ending in (WEIGHT, BIAS):
        if leaf.endswith(f"_{ending}") and leaf not in LEAVES:
            inner, leaf = [*inner, leaf.removesuffix(f"_{ending}")], ending
    kept = [PARTS.get(part, FUSED.get(part, part)) for part in inner if part and part not in CONTAINERS]
    return (*kept, LEAVES.get(leaf, leaf))


def _counted(part: str) -> list[str]:
    """``layers_0`` -> ``layers``, ``0``; other components as they are."""
    stem = part.rstrip("0123456789")
    if stem == part or not stem.endswith("_") or part in PARTS:
        return [part]
    return [stem.rstrip("_"), part[len(stem) :]]
