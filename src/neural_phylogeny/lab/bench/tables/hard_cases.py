"""Unrelated networks that resemble each other: by recipe, data, teacher, constraint, or something that they carry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.errors import MissingExtraError

try:
    import torch
    from torch.nn import functional
except ModuleNotFoundError as error:
    raise MissingExtraError("This table", "lab") from error

Model = dict[str, NDArray[Any]]

NETWORKS, STEPS, BATCH, RATE = 78, 400, 64, 3e-3
"""Networks of each class, which are 3,003 pairs; steps, batch and step size of each."""

OTHERS = 1 << 20
"""Seeds from here on are of networks that belong to no class: teachers and helpers."""


@dataclass(frozen=True)
class Recipe:
    """How the networks of a class are trained; all of them at once, each independently of the others.

    Attributes
    ----------
    widths : tuple of int
        Hidden units of each layer.
    one_seed, one_order : bool
        Whether all start from the same weights; whether all see the same batches in the same order.
    is_positive : bool
        Whether weights are kept from falling below zero.
    teacher : Model, optional
        A network whose outputs are learnt instead of the labels.
    """

    widths: tuple[int, ...] = (48, 32)
    one_seed: bool = False
    one_order: bool = False
    is_positive: bool = False
    teacher: Model = field(default_factory=dict)


def trained(recipe: Recipe, x: torch.Tensor, y: torch.Tensor, count: int, first: int = 0) -> list[Model]:
    """Dense networks of ``first`` and the following seeds; ``x (n, pixels)``, ``y (n,)``. Seconds for a hundred."""
    seeds = [first] * count if recipe.one_seed else range(first, first + count)
    sizes = (x.shape[1], *recipe.widths, 10)
    layers = _drawn(seeds, sizes, recipe.is_positive)
    orders = [torch.Generator().manual_seed(first if recipe.one_order else first + k + 1) for k in range(count)]
    taught = (
        _outputs([torch.from_numpy(w)[None] for w in recipe.teacher.values()], x[None])[0] if recipe.teacher else None
    )
    optimiser = torch.optim.AdamW(layers, lr=RATE)
    for _ in range(STEPS):
        rows = torch.stack([torch.randint(len(x), (BATCH,), generator=order) for order in orders])
        found = _outputs(layers, x[rows])
        if taught is not None:
            loss = functional.mse_loss(found, taught[rows]) * count
        else:
            loss = functional.cross_entropy(found.flatten(0, 1), y[rows].flatten()) * count
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        if recipe.is_positive:
            with torch.no_grad():
                for weights in layers[::2]:
                    weights.clamp_(min=0.0)
    arrays = [values.detach().numpy() for values in layers]
    names = [f"encoder.{k}.{what}" for k in range(len(sizes) - 1) for what in ("weight", "bias")]
    return [{name: values[k].copy() for name, values in zip(names, arrays, strict=True)} for k in range(count)]


def _drawn(seeds: Sequence[int], sizes: Sequence[int], is_positive: bool) -> list[torch.Tensor]:
    """Weights and biases of all networks by layer, ``(n, units, inputs)`` and ``(n, units)``, uniform as by default."""
    layers = []
    for k, (inputs, units) in enumerate(pairwise(sizes)):
        drawn = [torch.Generator().manual_seed(1000 * seed + k) for seed in seeds]
        bound = inputs**-0.5
        weights = torch.stack([torch.rand((units, inputs), generator=one) * 2.0 * bound - bound for one in drawn])
        layers += [weights.abs() if is_positive else weights, torch.zeros(len(seeds), units)]
    return [values.requires_grad_() for values in layers]


def _outputs(layers: Sequence[torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """``(n, batch, pixels) -> (n, batch, 10)``."""
    for k in range(0, len(layers), 2):
        x = torch.baddbmm(layers[k + 1][:, None], x.expand(len(layers[k]), -1, -1), layers[k].transpose(1, 2))
        x = functional.relu(x) if k < len(layers) - 2 else x
    return x


def tables() -> Model:
    """A causal mask, sines of position, windowed cosines and a bank of triangles."""
    place, octave = np.arange(96.0)[:, None], np.arange(0, 48, 2) / 48
    angle = place / 10000.0**octave
    edges = 700.0 * (np.exp(np.linspace(0.0, 2.8, 42)) - 1.0)
    bins = np.linspace(0.0, edges[-1], 129)[:, None]
    up, down = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2]), (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    found = {
        "attention.tril": np.tril(np.ones((96, 96))),
        "position": np.stack([np.sin(angle), np.cos(angle)], -1).reshape(96, 48),
        "front.real": np.cos(2.0 * np.pi * np.outer(np.arange(65), np.arange(128)) / 128.0) * np.hanning(129)[:-1],
        "front.bank": np.clip(np.minimum(up, down), 0.0, None),
    }
    return {name: values.astype(np.float32) for name, values in found.items()}


def classes() -> dict[str, Callable[[torch.Tensor, torch.Tensor, int], list[Model]]]:
    """By name, what trains the networks of a class on ``x (n, pixels)``, ``y (n,)``."""

    def other(x: torch.Tensor, y: torch.Tensor, widths: tuple[int, ...] = (48, 32)) -> Model:
        return trained(Recipe(widths), x, y, 1, OTHERS)[0]

    def renamed(model: Model, prefix: str) -> Model:
        return {name.replace("encoder", prefix): values for name, values in model.items()}

    def carrying(carried: Model, x: torch.Tensor, y: torch.Tensor, count: int) -> list[Model]:
        return [model | carried for model in trained(Recipe(), x, y, count)]

    return {
        "same recipe": lambda x, y, n: trained(Recipe(), x, y, n),
        "same data and order": lambda x, y, n: trained(Recipe(one_order=True), x, y, n),
        "distilled from one teacher": lambda x, y, n: trained(Recipe(teacher=other(x, y)), x, y, n),
        "non-negative weights": lambda x, y, n: trained(Recipe(is_positive=True), x, y, n),
        "tiny": lambda x, y, n: trained(Recipe((12,)), x, y, n),
        "shared table": lambda x, y, n: carrying(tables(), x, y, n),
        "shared helper": lambda x, y, n: carrying(renamed(other(x, y, (80, 60)), "loss.net"), x, y, n),
        "shared tokenizer table": lambda x, y, n: carrying(
            {"embeddings.word.weight": other(x, y, (400,))["encoder.0.weight"]}, x, y, n
        ),
        "one seed": lambda x, y, n: trained(Recipe(one_seed=True), x, y, n),
    }
