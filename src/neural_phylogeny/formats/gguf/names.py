"""Hugging Face's names and layouts of GGUF's tensors, from a table of architectures (``names.toml``)."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

USUAL = "llama"
"""The architecture whose names are taken where one is not in the table: most name their tensors so."""

_BLOCK = re.compile(r"blk\.([0-9]{1,6})\.(.+)")
_LEAF = re.compile(r"(.*)\.(weight|bias|scale)(\.lora_[ab])?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Architecture:
    """Names of one architecture; ``permuted`` is None where the table does not know it."""

    layer: str
    outer: Mapping[str, str] = field(default_factory=dict)
    block: Mapping[str, str] = field(default_factory=dict)
    experts: Mapping[str, str] = field(default_factory=dict)
    transposed: frozenset[str] = frozenset()
    offset: float = 0.0
    permuted: bool | None = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tensor belongs: its name with ``{e}`` for the expert, its part such as ``attn_q``, and the ending."""

    name: str
    part: str
    leaf: str
    is_stack: bool = False


def architecture_of(metadata: Mapping[str, Any]) -> Architecture:
    """The row of the table for a file's metadata."""
    name = metadata.get("general.architecture")
    known = architecture(name) if isinstance(name, str) else None
    if known is not None:
        return known
    usual = architecture(USUAL)
    assert usual is not None
    return Architecture(usual.layer, usual.outer, usual.block, usual.experts, permuted=None)


@cache
def architecture(name: str) -> Architecture | None:
    """One row of the table; None where there is none. Reads the table on the first call."""
    row = _table().get(name)
    if row is None:
        return None
    like = architecture(row["like"]) if "like" in row else None
    base = like or Architecture("")
    return Architecture(
        layer=row.get("layer", base.layer),
        outer={**base.outer, **row.get("outer", {})},
        block={**base.block, **row.get("block", {})},
        experts={**base.experts, **row.get("experts", {})},
        transposed=frozenset(row.get("transposed", base.transposed)),
        offset=row.get("offset", base.offset),
        permuted=row.get("permuted", base.permuted),
    )


def architectures() -> list[str]:
    """The names in the table."""
    return list(_table())


def place_of(name: str, of: Architecture) -> Place | None:
    """What Hugging Face calls a tensor; None where the table does not say.

    Examples
    --------
    >>> place_of("blk.3.attn_q.weight", architecture("llama")).name
    'model.layers.3.self_attn.q_proj.weight'
    >>> place_of("blk.3.ffn_up_exps.weight", architecture("qwen3moe")).name
    'model.layers.3.mlp.experts.{e}.up_proj.weight'
    """
    leaf = _LEAF.fullmatch(name)
    if leaf is None:
        return None
    stem, ending, adapter = leaf[1], leaf[2], leaf[3]
    shown = f".lora_{adapter[-1].upper()}.weight" if adapter else f".{ending}"
    inside = _BLOCK.fullmatch(stem)
    if inside is None:
        return Place(of.outer[stem] + shown, stem, ending) if stem in of.outer else None
    number, part = inside[1], inside[2]
    layer = of.layer.replace("{n}", str(int(number)))
    if part in of.block:
        return Place(layer + of.block[part] + shown, part, ending)
    if part in of.experts and not adapter:
        return Place(layer + of.experts[part] + shown, part, ending, is_stack=True)
    return None


@cache
def _table() -> dict[str, Any]:
    text = files("neural_phylogeny.formats.gguf").joinpath("names.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
