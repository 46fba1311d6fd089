"""Seven small architectures, and which units of theirs can be permuted, rescaled or rotated without a change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

SIDE, CLASSES, TOKENS, PLACES = 8, 10, 64, 16
"""Pixels of a side, classes; size of the vocabulary, places of a sequence."""


@dataclass(frozen=True)
class Units:
    """A group of units: the axes that write them and those that read them, ``(tensor, axis)`` each.

    ``blocks`` is how many times the units follow each other along a writing axis of ``stacked`` tensors, as the four
    gates of an LSTM do. ``scaled`` are the writers and readers whose units can be multiplied and divided by positive
    numbers, ``None`` where none can; with ``odd`` only signs can be reversed.
    """

    writes: tuple[tuple[str, int], ...]
    reads: tuple[tuple[str, int], ...]
    blocks: int = 1
    stacked: tuple[str, ...] = ()
    scaled: tuple[tuple[str, ...], tuple[str, ...]] | None = None
    odd: bool = False


@dataclass(frozen=True)
class Rotation:
    """Writers (rows) and readers (columns) of units that can be rotated; ``heads`` blocks are rotated each alone.

    Norm gains are multiplied into ``folded`` readers first, by name of the gain.
    """

    writes: tuple[str, ...]
    reads: tuple[str, ...]
    heads: int = 1
    folded: tuple[tuple[str, tuple[str, ...]], ...] = ()


class Dense(nn.Module):
    """Two hidden layers of rectified units."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Linear(SIDE * SIDE, width)
        self.second = nn.Linear(width, width)
        self.third = nn.Linear(width, width // 2)
        self.head = nn.Linear(width // 2, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """``(n, 1, side, side) -> (n, classes)``."""
        x = self.third(self.second(self.first(x.flatten(1)).relu()).relu()).relu()
        return self.head(x)  # type: ignore[no-any-return]


class Conv(nn.Module):
    """Three convolutions with batch norm."""

    def __init__(self, width: int) -> None:
        super().__init__()
        sizes = [1, width, 2 * width, 2 * width]
        for k in range(3):
            self.add_module(f"conv{k}", nn.Conv2d(sizes[k], sizes[k + 1], 3, 1 if k != 1 else 2, 1, bias=False))
            self.add_module(f"bn{k}", nn.BatchNorm2d(sizes[k + 1]))
        self.head = nn.Linear(2 * width, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """``(n, 1, side, side) -> (n, classes)``."""
        for k in range(3):
            x = getattr(self, f"bn{k}")(getattr(self, f"conv{k}")(x)).relu()
        return self.head(x.mean(dim=(2, 3)))  # type: ignore[no-any-return]


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu()))
        return (x + y).relu()  # type: ignore[no-any-return]


class Residual(nn.Module):
    """A stem and three residual blocks of one width."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, width, 3, 2, 1, bias=False)
        self.bn = nn.BatchNorm2d(width)
        self.blocks = nn.ModuleList(_Residual(width) for _ in range(3))
        self.head = nn.Linear(width, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """``(n, 1, side, side) -> (n, classes)``."""
        x = self.bn(self.stem(x)).relu()
        for block in self.blocks:
            x = block(x)
        return self.head(x.mean(dim=(2, 3)))  # type: ignore[no-any-return]


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int, *, bias: bool, causal: bool) -> None:
        super().__init__()
        self.heads, self.causal = heads, causal
        for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
            self.add_module(name, nn.Linear(width, width, bias=bias))

    def forward(self, x: Tensor) -> Tensor:
        n, places, width = x.shape
        q, k, v = (
            getattr(self, name)(x).view(n, places, self.heads, width // self.heads).transpose(1, 2)
            for name in ("q_proj", "k_proj", "v_proj")
        )
        if self.causal:
            q, k = turned(q), turned(k)
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        return self.get_submodule("o_proj")(y.transpose(1, 2).reshape(n, places, width))  # type: ignore[no-any-return]


def turned(x: Tensor) -> Tensor:
    """Rotary positions on ``(n, heads, places, width)``."""
    half = x.shape[-1] // 2
    angles = torch.arange(x.shape[2])[:, None] * 100.0 ** (-torch.arange(half) / half)[None, :]
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * angles.cos() - b * angles.sin(), a * angles.sin() + b * angles.cos()], dim=-1)


class _Encoder(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = _Attention(width, heads, bias=True, causal=False)
        self.fc1, self.fc2 = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.fc2(functional.gelu(self.fc1(self.norm2(x))))  # type: ignore[no-any-return]


class ViT(nn.Module):
    """Patches of two pixels, three layers with layer norm before."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.patch = nn.Conv2d(1, width, 2, 2)
        self.position = nn.Parameter(0.1 * torch.randn(1, SIDE * SIDE // 4, width))
        self.layers = nn.ModuleList(_Encoder(width, 4) for _ in range(3))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """``(n, 1, side, side) -> (n, classes)``."""
        x = self.patch(x).flatten(2).transpose(1, 2) + self.position
        for layer in self.layers:
            x = layer(x)
        return self.head(self.norm(x).mean(dim=1))  # type: ignore[no-any-return]


class Recurrent(nn.Module):
    """Rows of the image as a sequence."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(SIDE, width, batch_first=True)
        self.head = nn.Linear(width, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """``(n, 1, side, side) -> (n, classes)``."""
        return self.head(self.lstm(x.flatten(1, 2))[0][:, -1])  # type: ignore[no-any-return]


class _Decoder(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.input_layernorm, self.post_attention_layernorm = nn.RMSNorm(width), nn.RMSNorm(width)
        self.self_attn = _Attention(width, heads, bias=False, causal=True)
        self.mlp = nn.ModuleDict(
            {
                "gate_proj": nn.Linear(width, 2 * width, bias=False),
                "up_proj": nn.Linear(width, 2 * width, bias=False),
                "down_proj": nn.Linear(2 * width, width, bias=False),
            }
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.self_attn(self.input_layernorm(x))
        y = self.post_attention_layernorm(x)
        y = functional.silu(self.mlp["gate_proj"](y)) * self.mlp["up_proj"](y)
        return x + self.mlp["down_proj"](y)  # type: ignore[no-any-return]


class _Body(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(TOKENS, width)
        self.layers = nn.ModuleList(_Decoder(width, 4) for _ in range(3))
        self.norm = nn.RMSNorm(width)
        nn.init.normal_(self.embed_tokens.weight, std=0.3)

    def forward(self, x: Tensor) -> Tensor:
        y = self.embed_tokens(x)
        for layer in self.layers:
            y = layer(y)
        return self.norm(y)  # type: ignore[no-any-return]


class Llama(nn.Module):
    """Tokens, three layers with RMS norm, rotary positions and gated units; the head may be the embedding."""

    def __init__(self, width: int, *, tied: bool) -> None:
        super().__init__()
        self.model = _Body(width)
        self.lm_head = None if tied else nn.Linear(width, TOKENS, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """``(n, places) -> (n, places, tokens)``."""
        weight = self.model.embed_tokens.weight if self.lm_head is None else self.lm_head.weight
        return functional.linear(self.model(x), weight)


def _dense_units() -> list[Units]:
    names = ("first", "second", "third", "head")
    found = []
    for name, after in pairwise(names):
        own = (f"{name}.weight", f"{name}.bias")
        found.append(Units(tuple((n, 0) for n in own), ((f"{after}.weight", 1),), scaled=(own, (f"{after}.weight",))))
    return found


def _norm_of(name: str) -> tuple[str, ...]:
    return tuple(f"{name}.{part}" for part in ("weight", "bias", "running_mean", "running_var"))


def _conv_units() -> list[Units]:
    found = []
    for k, after in enumerate(("conv1", "conv2", "head")):
        writes = ((f"conv{k}.weight", 0), *((n, 0) for n in _norm_of(f"bn{k}")))
        gains = (f"bn{k}.weight", f"bn{k}.bias")
        found.append(Units(writes, ((f"{after}.weight", 1),), scaled=(gains, (f"{after}.weight",))))
    return found


def _residual_units() -> list[Units]:
    found, writes, reads = [], [("stem.weight", 0), *((n, 0) for n in _norm_of("bn"))], [("head.weight", 1)]
    for k in range(3):
        at = f"blocks.{k}."
        inner = ((f"{at}conv1.weight", 0), *((n, 0) for n in _norm_of(f"{at}bn1")))
        gains = (f"{at}bn1.weight", f"{at}bn1.bias")
        found.append(Units(inner, ((f"{at}conv2.weight", 1),), scaled=(gains, (f"{at}conv2.weight",))))
        writes += [(f"{at}conv2.weight", 0), *((n, 0) for n in _norm_of(f"{at}bn2"))]
        reads += [(f"{at}conv1.weight", 1)]
    return [*found, Units(tuple(writes), tuple(reads))]


def _vit_units() -> list[Units]:
    found = []
    writes = [("patch.weight", 0), ("patch.bias", 0), ("position", 2), ("norm.weight", 0), ("norm.bias", 0)]
    reads = [("head.weight", 1)]
    for k in range(3):
        at = f"layers.{k}."
        found.append(Units(((f"{at}fc1.weight", 0), (f"{at}fc1.bias", 0)), ((f"{at}fc2.weight", 1),)))
        writes += [(f"{at}{n}", 0) for n in ("fc2.weight", "fc2.bias", "attn.o_proj.weight", "attn.o_proj.bias")]
        writes += [(f"{at}norm{m}.{part}", 0) for m in (1, 2) for part in ("weight", "bias")]
        reads += [(f"{at}fc1.weight", 1), *((f"{at}attn.{n}_proj.weight", 1) for n in "qkv")]
    return [*found, Units(tuple(writes), tuple(reads))]


def _scaled_values(at: str, *, bias: bool) -> Units:
    own = (f"{at}v_proj.weight", *((f"{at}v_proj.bias",) if bias else ()))
    return Units((), (), scaled=(own, (f"{at}o_proj.weight",)))


def _lstm_units() -> list[Units]:
    stacked = ("lstm.weight_ih_l0", "lstm.weight_hh_l0", "lstm.bias_ih_l0", "lstm.bias_hh_l0")
    reads = (("lstm.weight_hh_l0", 1), ("head.weight", 1))
    return [
        Units(tuple((n, 0) for n in stacked), reads, 4, stacked, (stacked, ("lstm.weight_hh_l0", "head.weight")), True)
    ]


def _llama_units(*, tied: bool) -> list[Units]:
    found, writes, reads = [], [("model.embed_tokens.weight", 1), ("model.norm.weight", 0)], []
    reads += [] if tied else [("lm_head.weight", 1)]
    for k in range(3):
        at = f"model.layers.{k}."
        inner = ((f"{at}mlp.gate_proj.weight", 0), (f"{at}mlp.up_proj.weight", 0))
        scaled = ((f"{at}mlp.up_proj.weight",), (f"{at}mlp.down_proj.weight",))
        found.append(Units(inner, ((f"{at}mlp.down_proj.weight", 1),), scaled=scaled))
        writes += [(f"{at}{n}", 0) for n in ("mlp.down_proj.weight", "self_attn.o_proj.weight")]
        writes += [(f"{at}{n}.weight", 0) for n in ("input_layernorm", "post_attention_layernorm")]
        reads += [(f"{at}{n}.weight", 1) for n in ("mlp.gate_proj", "mlp.up_proj")]
        reads += [(f"{at}self_attn.{n}_proj.weight", 1) for n in "qkv"]
    return [*found, Units(tuple(writes), tuple(reads))]


def _llama_rotation() -> list[Rotation]:
    writes: list[str] = []
    folded: list[tuple[str, tuple[str, ...]]] = [("model.norm.weight", ("lm_head.weight",))]
    reads = ["model.embed_tokens.weight", "lm_head.weight"]
    for k in range(3):
        at = f"model.layers.{k}."
        writes += [f"{at}mlp.down_proj.weight", f"{at}self_attn.o_proj.weight"]
        inner = [f"{at}mlp.gate_proj.weight", f"{at}mlp.up_proj.weight"]
        own = [f"{at}self_attn.{n}_proj.weight" for n in "qkv"]
        folded += [(f"{at}input_layernorm.weight", tuple(own)), (f"{at}post_attention_layernorm.weight", tuple(inner))]
        reads += inner + own
    return [Rotation(tuple(writes), tuple(reads), 1, tuple(folded))]


def _head_rotations(at: str, *, bias: bool) -> list[Rotation]:
    found = []
    for k in range(3):
        own = at.format(k)
        writes = (f"{own}v_proj.weight", *((f"{own}v_proj.bias",) if bias else ()))
        found.append(Rotation(writes, (f"{own}o_proj.weight",), 4))
    return found


@dataclass(frozen=True)
class Architecture:
    """How a network is built for a width, and its symmetries."""

    name: str
    build: Callable[[int], nn.Module]
    widths: tuple[int, int]
    units: list[Units]
    rotations: list[Rotation]
    values: list[Units]
    """Attention values, which can be rescaled as well."""
    layers: str = ""
    """Pattern of the names of numbered layers, where there are any."""
    text: bool = False


ARCHITECTURES = (
    Architecture("dense", Dense, (128, 160), _dense_units(), [], []),
    Architecture("conv", Conv, (20, 24), _conv_units(), [], []),
    Architecture("residual", Residual, (24, 28), _residual_units(), [], [], "blocks."),
    Architecture(
        "vit",
        ViT,
        (32, 40),
        _vit_units(),
        _head_rotations("layers.{}.attn.", bias=True),
        [_scaled_values(f"layers.{k}.attn.", bias=True) for k in range(3)],
        "layers.",
    ),
    Architecture("lstm", Recurrent, (64, 80), _lstm_units(), [], []),
    Architecture(
        "llama",
        lambda width: Llama(width, tied=False),
        (48, 64),
        _llama_units(tied=False),
        _llama_rotation(),
        [_scaled_values(f"model.layers.{k}.self_attn.", bias=False) for k in range(3)],
        "model.layers.",
        True,
    ),
    Architecture(
        "llama-tied",
        lambda width: Llama(width, tied=True),
        (48, 64),
        _llama_units(tied=True),
        _head_rotations("model.layers.{}.self_attn.", bias=False),
        [_scaled_values(f"model.layers.{k}.self_attn.", bias=False) for k in range(3)],
        "model.layers.",
        True,
    ),
)
