"""Parts that networks are composed of, run on stacks: every tensor has the networks as its first dimension.

Sequences are (networks, batch, places, width), vectors (networks, batch, width), images (batch, networks * channels,
height, width), so that one call convolves those of all networks. Names and shapes are those of the framework's layers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor
from torch.nn import functional

from neural_phylogeny.lab.families.architectures import TensorSpec

Tensors = Mapping[str, Tensor]
Seen = dict[str, Tensor] | None
Run = Callable[[Tensors, Tensor, Seen], Tensor]

EPSILON = 1e-5

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "gelu": functional.gelu,
    "silu": functional.silu,
    "leaky": lambda x: functional.leaky_relu(x, 0.1),
}


@dataclass(frozen=True)
class Part:
    """A piece of a network: its tensors, and how it runs."""

    specs: tuple[TensorSpec, ...]
    run: Run


def chain(parts: Sequence[Part]) -> Part:
    """One after the other."""

    def run(p: Tensors, x: Tensor, seen: Seen) -> Tensor:
        for part in parts:
            x = part.run(p, x, seen)
        return x

    return Part(tuple(spec for part in parts for spec in part.specs), run)


def residual(inner: Part) -> Part:
    """What goes in, plus what comes out."""
    return Part(inner.specs, lambda p, x, seen: x + inner.run(p, x, seen))


def plain(function: Callable[[Tensor], Tensor]) -> Part:
    """A part without tensors."""
    return Part((), lambda p, x, seen: function(x))


def activation(name: str) -> Part:
    """A key of ``ACTIVATIONS``."""
    return plain(ACTIVATIONS[name])


def linear(name: str, inputs: int, outputs: int, layer: int, bias: bool = True) -> Part:
    """On vectors and sequences."""
    specs = [TensorSpec(f"{name}.weight", (outputs, inputs), "weight", inputs, layer)]
    specs += [TensorSpec(f"{name}.bias", (outputs,), "bias", inputs, layer)] if bias else []

    def run(p: Tensors, x: Tensor, seen: Seen) -> Tensor:
        rows = x.reshape(len(x), -1, inputs)
        weight = p[f"{name}.weight"].transpose(1, 2)
        y = torch.baddbmm(p[f"{name}.bias"].unsqueeze(1), rows, weight) if bias else torch.bmm(rows, weight)
        return y.view(*x.shape[:-1], outputs)

    return Part(tuple(specs), run)


def convolution(
    name: str,
    inputs: int,
    outputs: int,
    layer: int,
    *,
    size: tuple[int, ...] = (3, 3),
    stride: int = 1,
    depthwise: bool = False,
    bias: bool = True,
) -> Part:
    """On images; with one ``size`` on images of height 1. All networks in one call, as groups of channels."""
    each = 1 if depthwise else inputs
    fan = each * prod(size)
    specs = [TensorSpec(f"{name}.weight", (outputs, each, *size), "weight", fan, layer)]
    specs += [TensorSpec(f"{name}.bias", (outputs,), "bias", fan, layer)] if bias else []
    kernel = size if len(size) == 2 else (1, *size)
    padding = (kernel[0] // 2, kernel[1] // 2)
    strides = (stride if kernel[0] > 1 else 1, stride)

    def run(p: Tensors, x: Tensor, seen: Seen) -> Tensor:
        m = x.shape[1] // inputs
        weight = p[f"{name}.weight"].reshape(m * outputs, each, *kernel)
        shift = p[f"{name}.bias"].reshape(-1) if bias else None
        return functional.conv2d(x, weight, shift, strides, padding, groups=m * (inputs if depthwise else 1))

    return Part(tuple(specs), run)


def norm(kind: str, name: str, width: int, layer: int, *, images: bool) -> Part:
    """``batch``, ``layer``, ``group``, ``instance``, ``rms``; over channels of images, else over the last dimension."""
    if kind == "none":
        return plain(lambda x: x)
    roles = {"weight": "one", "bias": "zero"} if kind != "rms" else {"weight": "one"}
    if kind == "batch":
        roles |= {"running_mean": "mean", "running_var": "var"}
    specs = tuple(TensorSpec(f"{name}.{part}", (width,), role, width, layer) for part, role in roles.items())
    groups = 4 if width % 4 == 0 else 2 if width % 2 == 0 else 1

    def of_images(p: Tensors, x: Tensor, seen: Seen) -> Tensor:
        m, b = x.shape[1] // width, len(x)
        weight = p[f"{name}.weight"].reshape(-1)
        shift = p[f"{name}.bias"].reshape(-1) if kind != "rms" else torch.zeros_like(weight)
        if kind == "batch":
            return _batch(p, name, x, seen, weight, shift)
        if kind in ("group", "instance"):
            return functional.group_norm(x, m * (groups if kind == "group" else width), weight, shift, EPSILON)
        each = x.view(b, m, width, -1)
        centre = each.mean(2, keepdim=True) if kind == "layer" else 0.0
        y = (each - centre) * torch.rsqrt((each - centre).square().mean(2, keepdim=True) + EPSILON)
        return torch.addcmul(shift[:, None, None], y.view(x.shape), weight[:, None, None])

    def of_rows(p: Tensors, x: Tensor, seen: Seen) -> Tensor:
        m = len(x)
        wide = {part: p[f"{name}.{part}"].view(m, *[1] * (x.ndim - 2), width) for part in roles}
        if kind == "batch":
            flat = x.transpose(0, 1).reshape(-1, m, width) if x.ndim == 3 else x.flatten(1, 2).transpose(0, 1)
            y = _batch(
                p, name, flat.reshape(len(flat), m * width), seen, *(p[f"{name}.{k}"].reshape(-1) for k in roles)
            )
            return y.view(len(flat), m, width).transpose(0, 1).reshape(x.shape)
        if kind == "rms":
            return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + EPSILON) * wide["weight"]
        if kind == "group":
            parted = x.reshape(*x.shape[:-1], groups, width // groups)
            y = functional.layer_norm(parted, (width // groups,), eps=EPSILON).flatten(-2)
        else:
            y = functional.layer_norm(x, (width,), eps=EPSILON)
        return torch.addcmul(wide["bias"], y, wide["weight"])

    return Part(specs, of_images if images else of_rows)


def _batch(p: Tensors, name: str, x: Tensor, seen: Seen, weight: Tensor, shift: Tensor, *running: Tensor) -> Tensor:
    """On (batch, networks * width, ...)."""
    if seen is None:
        mean, variance = (p[f"{name}.{what}"].reshape(-1) for what in ("running_mean", "running_var"))
        return functional.batch_norm(x, mean, variance, weight, shift, False, 0.0, EPSILON)
    over = [0, *range(2, x.ndim)]
    with torch.no_grad():
        variance, mean = torch.var_mean(x, dim=over, correction=0)
        shape = p[f"{name}.weight"].shape
        seen[f"{name}.running_mean"], seen[f"{name}.running_var"] = mean.view(shape), variance.view(shape)
    return functional.batch_norm(x, None, None, weight, shift, True, 0.0, EPSILON)


def as_images(shape: tuple[int, int, int]) -> Part:
    """Vectors as images (channels, height, width)."""

    def run(p: Tensors, x: Tensor, seen: Seen) -> Tensor:
        m, b = x.shape[:2]
        return x.view(m, b, *shape).transpose(0, 1).reshape(b, m * shape[0], *shape[1:])

    return Part((), run)


def rows_as_images(width: int) -> Part:
    """Sequences as images of height 1."""

    def run(p: Tensors, x: Tensor, seen: Seen) -> Tensor:
        m, b, places, _ = x.shape
        return x.permute(1, 0, 3, 2).reshape(b, m * width, 1, places)

    return Part((), run)


def mean_of_images(width: int) -> Part:
    """Images as vectors, the mean over all places."""
    return plain(lambda x: x.mean((2, 3)).view(len(x), -1, width).transpose(0, 1).contiguous())


def embedding(name: str, rows: int, width: int, layer: int) -> Part:
    """Rows of a table by tokens; unused rows get no gradient."""
    spec = TensorSpec(f"{name}.weight", (rows, width), "embedding", width, layer)

    def run(p: Tensors, x: Tensor, seen: Seen) -> Tensor:
        m = len(x)
        first = (torch.arange(m, device=x.device) * rows).view(m, 1, 1)
        return functional.embedding(x.long() + first, p[spec.name].reshape(m * rows, width))

    return Part((spec,), run)


def positions(name: str, places: int, width: int, layer: int) -> Part:
    """A learnt table of positions."""
    spec = TensorSpec(name, (places, width), "position", width, layer)
    return Part((spec,), lambda p, x, seen: x + p[name].unsqueeze(1))


def scale(name: str, width: int, layer: int) -> Part:
    """A learnt factor for each unit, as vision transformers have after a block."""
    spec = TensorSpec(name, (width,), "one", width, layer)
    return Part((spec,), lambda p, x, seen: x * p[name].view(len(x), *[1] * (x.ndim - 2), width))


def attention(name: str, width: int, heads: int, layer: int, *, fused: bool, bias: bool) -> Part:
    """Self-attention on sequences, with one projection for queries, keys and values or three."""
    into = (
        [linear(f"{name}.qkv", width, 3 * width, layer, bias)]
        if fused
        else [linear(f"{name}.{which}_proj", width, width, layer, bias) for which in "qkv"]
    )
    out = linear(f"{name}.out_proj", width, width, layer + 1, bias)

    def run(p: Tensors, x: Tensor, seen: Seen) -> Tensor:
        m, b, places, _ = x.shape
        found = [part.run(p, x, seen) for part in into]
        parts = found[0].chunk(3, -1) if fused else found
        q, k, v = (
            part.reshape(m * b, places, heads, width // heads).transpose(1, 2).reshape(m * b * heads, places, -1)
            for part in parts
        )
        weights = torch.softmax(torch.bmm(q, k.transpose(1, 2)) * (width // heads) ** -0.5, dim=-1)
        mixed = torch.bmm(weights, v).view(m * b, heads, places, -1).transpose(1, 2).reshape(m, b, places, width)
        return out.run(p, mixed, seen)

    return Part(tuple(spec for part in (*into, out) for spec in part.specs), run)


def recurrent(name: str, cell: str, inputs: int, width: int, layer: int) -> Part:
    """One layer over a sequence; every state is kept."""
    gates = {"elman": 1, "gru": 3, "lstm": 4}[cell]
    into = TensorSpec(f"{name}.weight_ih_l0", (gates * width, inputs), "weight", width, layer)
    again = TensorSpec(f"{name}.weight_hh_l0", (gates * width, width), "weight", width, layer + 1)
    shifts = [TensorSpec(f"{name}.bias_{one}_l0", (gates * width,), "bias", width, layer) for one in ("ih", "hh")]

    def run(p: Tensors, x: Tensor, seen: Seen) -> Tensor:
        m, b, places, _ = x.shape
        rows = x.transpose(1, 2).reshape(m, places * b, inputs)
        inner = torch.baddbmm(p[shifts[0].name].unsqueeze(1), rows, p[into.name].transpose(1, 2))
        weight, bias = p[again.name].transpose(1, 2), p[shifts[1].name].unsqueeze(1)
        h = x.new_zeros(m, b, width)
        c, states = h, []
        for step in inner.view(m, places, b, -1).unbind(1):
            h, c = _stepped(cell, step, torch.baddbmm(bias, h, weight), h, c)
            states.append(h)
        return torch.stack(states, 2)

    return Part((into, shifts[0], again, shifts[1]), run)


def _stepped(cell: str, step: Tensor, inner: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    if cell == "elman":
        return torch.tanh(step + inner), c
    if cell == "gru":
        reset, update, new = step.chunk(3, -1)
        reset_h, update_h, new_h = inner.chunk(3, -1)
        found = torch.tanh(new + torch.sigmoid(reset + reset_h) * new_h)
        return torch.lerp(found, h, torch.sigmoid(update + update_h)), c
    enter, forget, new, leave = (step + inner).chunk(4, -1)
    c = torch.sigmoid(forget) * c + torch.sigmoid(enter) * torch.tanh(new)
    return torch.sigmoid(leave) * torch.tanh(c), c
