"""Parts of large kinds of networks, run on stacks as those of ``parts``: attention with a mask, experts, U-Nets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

import torch
from torch import Tensor
from torch.nn import functional

from neural_phylogeny.lab.families import parts
from neural_phylogeny.lab.families.architectures import TensorSpec
from neural_phylogeny.lab.families.parts import Part, Seen, Tensors

ROTARY = 10000.0
"""Base of the wave lengths of rotary positions (Su et al. 2021)."""


def self_attention(
    names: Sequence[str],
    width: int,
    heads: int,
    layer: int,
    *,
    shared: int = 1,
    causal: bool = False,
    rotary: bool = False,
    bias: bool = True,
    bias_out: bool = True,
) -> Part:
    """Self-attention on sequences.

    Parameters
    ----------
    names : sequence of str
        Of the projections for queries, keys, values and the output; of two, the first is of all three.
    shared : int
        Heads of queries that share one of keys and values.
    causal, rotary : bool
        Whether places see earlier ones alone; whether queries and keys are turned by their place.
    """
    each = width // heads
    few = heads // shared * each
    widths = [width, few, few]
    into = [parts.linear(names[0], width, width + 2 * few, layer, bias)]
    if len(names) == 4:
        into = [parts.linear(name, width, w, layer, bias) for name, w in zip(names[:3], widths, strict=True)]
    out = parts.linear(names[-1], width, width, layer + 1, bias_out)

    def run(p: Tensors, x: Tensor, seen: Seen) -> Tensor:
        m, b, places, _ = x.shape
        found = [part.run(p, x, seen) for part in into]
        pieces = found if len(found) == 3 else torch.split(found[0], widths, -1)
        q, k, v = (piece.reshape(m * b, places, -1, each).transpose(1, 2) for piece in pieces)
        if rotary:
            q, k = _turned(q), _turned(k)
        if shared > 1:
            k, v = k.repeat_interleave(shared, 1), v.repeat_interleave(shared, 1)
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=causal)
        return out.run(p, mixed.transpose(1, 2).reshape(m, b, places, width), seen)

    return Part(tuple(spec for part in (*into, out) for spec in part.specs), run)


def _turned(x: Tensor) -> Tensor:
    """Each pair of halves of (..., places, each) turned by an angle that grows with the place."""
    half = x.shape[-1] // 2
    wave = ROTARY ** (-torch.arange(half, device=x.device) / half)
    angle = torch.arange(x.shape[-2], device=x.device)[:, None] * wave
    cos, sin = angle.cos(), angle.sin()
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


def gated(names: Sequence[str], width: int, inner: int, layer: int) -> Part:
    """SiLU of one projection times another, and back (Shazeer 2020); names of gate, up and down."""
    gate, up = (parts.linear(name, width, inner, layer, False) for name in names[:2])
    down = parts.linear(names[2], inner, width, layer + 1, False)

    def run(p: Tensors, x: Tensor, seen: Seen) -> Tensor:
        return down.run(p, functional.silu(gate.run(p, x, seen)) * up.run(p, x, seen), seen)

    return Part((*gate.specs, *up.specs, *down.specs), run)


def experts(name: str, width: int, inner: int, number: int, layer: int) -> Part:
    """Gated layers of which each place uses the two that a router prefers (Jiang et al. 2024)."""
    router = parts.linear(f"{name}.gate", width, number, layer, False)
    each = [
        gated([f"{name}.experts.{k}.{which}" for which in ("w1", "w3", "w2")], width, inner, layer)
        for k in range(number)
    ]

    def run(p: Tensors, x: Tensor, seen: Seen) -> Tensor:
        share = torch.softmax(router.run(p, x, seen), -1)
        least = share.topk(2, -1).values[..., -1:]
        share = share * (share >= least)
        share = share / share.sum(-1, keepdim=True)
        return torch.stack([share[..., k : k + 1] * one.run(p, x, seen) for k, one in enumerate(each)]).sum(0)

    return Part((*router.specs, *(spec for one in each for spec in one.specs)), run)


def tied(embedding: str, bias: str = "", rows: int = 0, layer: int = 0) -> Part:
    """Scores of tokens by the table that embeds them, perhaps with a bias (rows,)."""
    specs = (TensorSpec(bias, (rows,), "zero", rows, layer),) if bias else ()

    def run(p: Tensors, x: Tensor, seen: Seen) -> Tensor:
        rows = x.reshape(len(x), -1, x.shape[-1])
        found = torch.bmm(rows, p[embedding].transpose(1, 2))
        if bias:
            found = found + p[bias].unsqueeze(1)
        return found.view(*x.shape[:-1], -1)

    return Part(specs, run)


def convolution(
    name: str,
    inputs: int,
    outputs: int,
    layer: int,
    *,
    size: tuple[int, int] = (3, 3),
    stride: int = 1,
    padded: bool = True,
    bias: bool = True,
) -> Part:
    """On images; on an accelerator by one matrix product for each network, since groups of channels are slow there."""
    fan = inputs * prod(size)
    specs = [TensorSpec(f"{name}.weight", (outputs, inputs, *size), "weight", fan, layer)]
    specs += [TensorSpec(f"{name}.bias", (outputs,), "bias", fan, layer)] if bias else []
    strides = (stride if size[0] > 1 or size[1] == 1 else 1, stride)
    padding = (size[0] // 2, size[1] // 2) if padded else (0, 0)

    def run(p: Tensors, x: Tensor, seen: Seen) -> Tensor:
        weight, m = p[f"{name}.weight"], x.shape[1] // inputs
        shift = p[f"{name}.bias"] if bias else None
        if x.is_cuda:
            return by_products(x, weight, shift, strides, padding)
        flat = None if shift is None else shift.reshape(-1)
        return functional.conv2d(x, weight.flatten(0, 1), flat, strides, padding, groups=m)

    return Part(tuple(specs), run)


def by_products(
    x: Tensor, weight: Tensor, shift: Tensor | None, strides: tuple[int, int], padding: tuple[int, int]
) -> Tensor:
    """Of ``x (batch, networks * inputs, height, width)`` with ``weight (networks, outputs, inputs, ...)``."""
    m, outputs, inputs, height, width = weight.shape
    padded = functional.pad(x, (padding[1], padding[1], padding[0], padding[0]))
    b = len(x)
    tiles = padded.view(b, m, inputs, *padded.shape[2:]).unfold(3, height, strides[0]).unfold(4, width, strides[1])
    rows, columns = tiles.shape[3:5]
    flat = tiles.permute(1, 0, 3, 4, 2, 5, 6).reshape(m, b * rows * columns, inputs * height * width)
    turned = weight.flatten(2).transpose(1, 2)
    found = torch.bmm(flat, turned) if shift is None else torch.baddbmm(shift.unsqueeze(1), flat, turned)
    return found.view(m, b, rows, columns, outputs).permute(1, 0, 4, 2, 3).reshape(b, m * outputs, rows, columns)


def images_as_rows(width: int) -> Part:
    """Images as sequences of their places."""
    return parts.plain(lambda x: x.reshape(len(x), -1, width, x.shape[2] * x.shape[3]).permute(1, 0, 3, 2).contiguous())


def rows_as_images(x: Tensor, height: int) -> Tensor:
    """The inverse of ``images_as_rows`` for images of this height."""
    m, b, places, width = x.shape
    return x.permute(1, 0, 3, 2).reshape(b, m * width, height, places // height)


def joined(one: Tensor, other: Tensor, width: int) -> Tensor:
    """Channels of two images side by side, network by network; ``width`` of the first."""
    b, m, place = len(one), one.shape[1] // width, one.shape[2:]
    return torch.cat([one.view(b, m, -1, *place), other.view(b, m, -1, *place)], 2).flatten(1, 2)


def token_first(name: str, width: int, layer: int) -> Part:
    """A learnt token before the others."""
    spec = TensorSpec(name, (1, width), "position", width, layer)
    return Part((spec,), lambda p, x, seen: torch.cat([p[name].unsqueeze(1).expand(-1, x.shape[1], -1, -1), x], 2))


def noisy_block(
    name: str, inputs: int, outputs: int, timed: int, layer: int, normed: str
) -> tuple[tuple[TensorSpec, ...], Callable[[Tensors, Tensor, Tensor], Tensor]]:
    """A residual block of a U-Net: its tensors, and how it runs on images and an embedded noise level (.., timed)."""
    first = parts.norm(normed, f"{name}.norm1", inputs, layer, images=True)
    second = parts.norm(normed, f"{name}.norm2", outputs, layer + 1, images=True)
    conv1 = convolution(f"{name}.conv1", inputs, outputs, layer)
    conv2 = convolution(f"{name}.conv2", outputs, outputs, layer + 1)
    level = parts.linear(f"{name}.time_emb_proj", timed, outputs, layer)
    short = [] if inputs == outputs else [convolution(f"{name}.conv_shortcut", inputs, outputs, layer, size=(1, 1))]

    def run(p: Tensors, x: Tensor, noise: Tensor) -> Tensor:
        shift = level.run(p, functional.silu(noise), None)  # (networks, batch, outputs)
        h = conv1.run(p, functional.silu(first.run(p, x, None)), None)
        h = h + shift.transpose(0, 1).flatten(1)[..., None, None]
        h = conv2.run(p, functional.silu(second.run(p, h, None)), None)
        return h + (short[0].run(p, x, None) if short else x)

    return tuple(s for part in (first, conv1, level, second, conv2, *short) for s in part.specs), run
