"""Many networks of one architecture run at once: every tensor has the networks as its first dimension; needs torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn import functional

from neural_phylogeny.lab.families.architectures import Architecture, NetworkShape
from neural_phylogeny.lab.families.composed import Network

Tensors = Mapping[str, Tensor]

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "gelu": functional.gelu,
}

EPSILON = 1e-5


def forward(architecture: NetworkShape, p: Tensors, x: Tensor, seen: dict[str, Tensor] | None = None) -> Tensor:
    """Logits of all networks.

    Parameters
    ----------
    p : tensors (n_networks, ...) by name
    x : tensor (n_networks, batch, side * side)
    seen : dict, optional
        Filled with the mean and variance of each batch norm while training; None uses the running ones.

    Returns
    -------
    tensor (n_networks, batch, classes)
    """
    if isinstance(architecture, Network):
        return architecture.part.run(p, x, seen)
    assert isinstance(architecture, Architecture)
    match architecture.kind:
        case "dense":
            return _dense(architecture, p, x)
        case "attention":
            return _attention(architecture, p, x)
        case "recurrent":
            return _recurrent(architecture, p, x)
        case _:
            return _conv(architecture, p, x, seen)


def linear(p: Tensors, name: str, x: Tensor) -> Tensor:
    """(m, n, inputs) -> (m, n, outputs), weights stored as (m, outputs, inputs)."""
    return torch.baddbmm(p[f"{name}.bias"].unsqueeze(1), x, p[f"{name}.weight"].transpose(1, 2))


def _dense(architecture: Architecture, p: Tensors, x: Tensor) -> Tensor:
    activation = ACTIVATIONS[architecture.activation]
    for k in range(len(architecture.widths)):
        x = activation(linear(p, str(2 * k), x))
    return linear(p, str(2 * len(architecture.widths)), x)


def _conv(architecture: Architecture, p: Tensors, x: Tensor, seen: dict[str, Tensor] | None) -> Tensor:
    activation = ACTIVATIONS[architecture.activation]
    m, b, _ = x.shape
    per_layer = 3 if architecture.kind == "conv-norm" else 2
    image = x.reshape(m * b, 1, architecture.side, architecture.side)
    for k, width in enumerate(architecture.widths):
        after = architecture.sides[k + 1]
        patches = functional.unfold(image, 3, padding=1, stride=2)  # (m * b, inputs * 9, places)
        rows = patches.transpose(1, 2).reshape(m, b * after * after, -1)
        weight = p[f"{per_layer * k}.weight"].flatten(2).transpose(1, 2)
        if architecture.kind == "conv":
            y = torch.baddbmm(p[f"{per_layer * k}.bias"].unsqueeze(1), rows, weight)
        else:
            y = _batch_norm(p, str(per_layer * k + 1), torch.bmm(rows, weight), seen)
        y = activation(y)  # (m, b * places, width)
        image = y.reshape(m * b, after * after, width).transpose(1, 2).reshape(m * b, width, after, after)
    return linear(p, str(per_layer * len(architecture.widths) + 1), image.reshape(m, b, -1))


def _batch_norm(p: Tensors, name: str, x: Tensor, seen: dict[str, Tensor] | None) -> Tensor:
    if seen is None:
        mean, var = p[f"{name}.running_mean"], p[f"{name}.running_var"]
    else:
        var, mean = torch.var_mean(x, dim=1, correction=0)
        seen[f"{name}.running_mean"] = mean.detach()
        seen[f"{name}.running_var"] = var.detach()
    scale = p[f"{name}.weight"] * torch.rsqrt(var + EPSILON)
    return x * scale.unsqueeze(1) + (p[f"{name}.bias"] - mean * scale).unsqueeze(1)


def _layer_norm(p: Tensors, name: str, x: Tensor) -> Tensor:
    plain = functional.layer_norm(x, x.shape[-1:], eps=EPSILON)
    return torch.addcmul(p[f"{name}.bias"].unsqueeze(1), plain, p[f"{name}.weight"].unsqueeze(1))


def _attention(architecture: Architecture, p: Tensors, x: Tensor) -> Tensor:
    m, b, _ = x.shape
    patch, width = architecture.patch, architecture.widths[0]
    across = architecture.side // patch
    tokens = across * across
    x = x.reshape(m, b, across, patch, across, patch).transpose(3, 4).reshape(m, b * tokens, patch * patch)
    x = linear(p, "patches", x).view(m, b, tokens, width) + p["positions"].unsqueeze(1)
    x = x.reshape(m, b * tokens, width)
    qkv = linear(p, "block.qkv", _layer_norm(p, "block.norm1", x)).view(m * b, tokens, 3, width)
    q, k, v = qkv.unbind(2)  # 3 x (m * b, tokens, width)
    weights = torch.softmax(torch.bmm(q, k.transpose(1, 2)) * width**-0.5, dim=-1)
    x = x + linear(p, "block.proj", torch.bmm(weights, v).view(m, b * tokens, width))
    inner = functional.gelu(linear(p, "block.fc1", _layer_norm(p, "block.norm2", x)))
    x = _layer_norm(p, "norm", x + linear(p, "block.fc2", inner))
    return linear(p, "head", x.view(m, b, tokens, width).mean(2))


def _recurrent(architecture: Architecture, p: Tensors, x: Tensor) -> Tensor:
    """The cell reads the image row by row."""
    m, b, _ = x.shape
    side, width = architecture.side, architecture.widths[0]
    rows = x.view(m, b, side, side).transpose(1, 2).reshape(m, side * b, side)
    into = torch.baddbmm(p["rnn.bias_ih_l0"].unsqueeze(1), rows, p["rnn.weight_ih_l0"].transpose(1, 2))
    steps = into.view(m, side, b, -1).unbind(1)
    again, bias = p["rnn.weight_hh_l0"].transpose(1, 2), p["rnn.bias_hh_l0"].unsqueeze(1)
    h = x.new_zeros(m, b, width)
    c = h
    for step in steps:
        inner = torch.baddbmm(bias, h, again)
        if architecture.cell == "elman":
            h = torch.tanh(step + inner)
        elif architecture.cell == "gru":
            reset, update = torch.sigmoid(step[..., : 2 * width] + inner[..., : 2 * width]).chunk(2, -1)
            new = torch.tanh(torch.addcmul(step[..., 2 * width :], reset, inner[..., 2 * width :]))
            h = torch.lerp(new, h, update)
        else:
            gates = step + inner
            enter, forget, leave = torch.sigmoid(
                torch.cat([gates[..., : 2 * width], gates[..., 3 * width :]], -1)
            ).chunk(3, -1)
            c = torch.addcmul(forget * c, enter, torch.tanh(gates[..., 2 * width : 3 * width]))
            h = leave * torch.tanh(c)
    return linear(p, "head", h)
