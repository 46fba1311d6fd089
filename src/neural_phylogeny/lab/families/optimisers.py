"""Steps of many optimisers on stacked networks: every tensor is (networks, n_learnt), rates are (networks, 1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import torch
from torch import Tensor

from neural_phylogeny.lab.families.layout import Layout

Kind = TypeVar("Kind")

MOMENTUM, BETAS, EPSILON = 0.9, (0.9, 0.999), 1e-8

LION = (0.9, 0.99)
RMS, ADAGRAD = 0.99, 1e-10

DECOUPLED = frozenset({"adamw", "lion", "adafactor"})
"""Optimisers that shrink the weights apart from the gradient; the others add the decay to it."""


def runs(kinds: Sequence[Kind]) -> list[tuple[Kind, slice]]:
    """Rows of a stack, given the kind of each, that follow each other and are of one kind.

    Examples
    --------
    >>> runs(["adam", "adam", "sgd"])
    [('adam', slice(0, 2, None)), ('sgd', slice(2, 3, None))]
    """
    starts = [k for k in range(len(kinds)) if k == 0 or kinds[k] != kinds[k - 1]]
    return [(kinds[a], slice(a, b)) for a, b in pairwise([*starts, len(kinds)])]


@dataclass
class Part:
    """Some networks of a stack that have one optimiser, for one step.

    Attributes
    ----------
    weights, gradient, first, second : (networks, n_learnt)
        ``first`` and ``second`` are what the optimiser remembers; changed in place, as are the weights.
    moved : (networks, 1) float64
        Steps with this one.
    rate : (networks, 1)
    decay : (networks, 1) or (networks, n_learnt)
    mask : (networks, n_learnt) or None
        1 where a weight may move.
    """

    weights: Tensor
    gradient: Tensor
    first: Tensor
    second: Tensor
    moved: Tensor
    rate: Tensor
    decay: Tensor
    mask: Tensor | None
    layout: Layout

    def decayed_gradient(self) -> Tensor:
        """The gradient with the derivative of the decay's penalty, in place."""
        self.gradient.addcmul_(self.weights, self.decay)
        if self.mask is not None:
            self.gradient *= self.mask
        return self.gradient

    def shrink(self) -> None:
        """The decay apart from the gradient."""
        lost = self.rate * self.decay
        if self.mask is None:
            self.weights.mul_(1.0 - lost)
        else:
            self.weights.sub_(self.weights * self.mask * lost)


def sgd(part: Part) -> None:
    """With momentum."""
    part.first.mul_(MOMENTUM).add_(part.decayed_gradient())
    part.weights.addcmul_(part.first, part.rate, value=-1.0)


def plain(part: Part) -> None:
    """Gradient descent without momentum."""
    part.weights.addcmul_(part.decayed_gradient(), part.rate, value=-1.0)


def nesterov(part: Part) -> None:
    """With Nesterov's momentum."""
    gradient = part.decayed_gradient()
    part.first.mul_(MOMENTUM).add_(gradient)
    part.weights.addcmul_(gradient + MOMENTUM * part.first, part.rate, value=-1.0)


def adam(part: Part) -> None:
    """With the decay in the gradient."""
    part.decayed_gradient()
    _adam_step(part)


def adamw(part: Part) -> None:
    """With the decay apart from the gradient."""
    part.first.lerp_(part.gradient, 1.0 - BETAS[0])
    part.second.mul_(BETAS[1]).addcmul_(part.gradient, part.gradient, value=1.0 - BETAS[1])
    part.shrink()
    _move(part)


def rmsprop(part: Part) -> None:
    """Without momentum."""
    gradient = part.decayed_gradient()
    part.second.mul_(RMS).addcmul_(gradient, gradient, value=1.0 - RMS)
    part.weights.addcdiv_(gradient * part.rate, part.second.sqrt().add_(EPSILON), value=-1.0)


def adagrad(part: Part) -> None:
    """Rates fall with the sum of squared gradients."""
    gradient = part.decayed_gradient()
    part.second.addcmul_(gradient, gradient)
    part.weights.addcdiv_(gradient * part.rate, part.second.sqrt().add_(ADAGRAD), value=-1.0)


def lion(part: Part) -> None:
    """Steps of one size for all weights: the sign of a mean of gradients (Chen et al. 2023)."""
    direction = torch.sign(part.first * LION[0] + part.gradient * (1.0 - LION[0]))
    if part.mask is not None:
        direction *= part.mask
    part.first.lerp_(part.gradient, 1.0 - LION[1])
    part.shrink()
    part.weights.addcmul_(direction, part.rate, value=-1.0)


def adafactor(part: Part) -> None:
    """Mean squares of a matrix from those of its rows and columns, steps clipped at a root mean square of 1.

    After Shazeer and Stern (2018), without momentum and without relative rates.
    """
    part.second.mul_(BETAS[1]).addcmul_(part.gradient, part.gradient, value=1.0 - BETAS[1])
    square = part.second / (1.0 - BETAS[1] ** part.moved).float()
    for spec, where in zip(part.layout.specs, part.layout.slices, strict=True):
        if spec.is_learnt and len(spec.shape) > 1:
            rows = square[:, where].view(len(square), spec.shape[0], -1)
            by_row, by_column = rows.mean(2, keepdim=True), rows.mean(1, keepdim=True)
            square[:, where] = (by_row * by_column / by_row.mean(1, keepdim=True).clamp_min(1e-30)).flatten(1)
    step = part.gradient / square.sqrt().add_(EPSILON)
    step /= step.square().mean(1, keepdim=True).sqrt().clamp_min(1.0)
    part.shrink()
    part.weights.addcmul_(step, part.rate, value=-1.0)


def _adam_step(part: Part) -> None:
    part.first.lerp_(part.gradient, 1.0 - BETAS[0])
    part.second.mul_(BETAS[1]).addcmul_(part.gradient, part.gradient, value=1.0 - BETAS[1])
    _move(part)


def _move(part: Part) -> None:
    first, second = (1.0 - BETAS[0] ** part.moved).float(), (1.0 - BETAS[1] ** part.moved).sqrt().float()
    root = part.second.sqrt().div_(second).add_(EPSILON)
    part.weights.addcdiv_(part.first * (part.rate / first), root, value=-1.0)


OPTIMISERS: dict[str, Callable[[Part], None]] = {
    "sgd": sgd,
    "plain": plain,
    "nesterov": nesterov,
    "adam": adam,
    "adamw": adamw,
    "rmsprop": rmsprop,
    "adagrad": adagrad,
    "lion": lion,
    "adafactor": adafactor,
}
"""By the names that plans have."""
