"""The inner loop: gradient steps of many networks held in one flat tensor; needs torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from neural_phylogeny.lab.families.architectures import Architecture
from neural_phylogeny.lab.families.layout import Layout
from neural_phylogeny.lab.families.networks import forward
from neural_phylogeny.lab.families.pictures import View
from neural_phylogeny.lab.families.plan import Training

MOMENTUM, BETAS, EPSILON = 0.9, (0.9, 0.999), 1e-8

RUNNING = 0.1
"""Weight of the new batch in the running statistics of a batch norm."""


@dataclass
class State:
    """A network on its way: weights (n_entries,), the batches (steps, batch) it will see, its optimiser.

    Attributes
    ----------
    pruned : (n_learnt,) what is not pruned away, None for all
    mask : (n_learnt,) what may move, None for all
    first, second : (n_learnt,) momentum and, for AdamW, mean square
    at : steps done
    moved : steps that the optimiser did, also before this training
    """

    training: Training
    weights: Tensor
    examples: Tensor
    pruned: NDArray[np.bool_] | None
    mask: NDArray[np.bool_] | None
    first: Tensor | None = None
    second: Tensor | None = None
    at: int = field(default=0)
    moved: int = field(default=0)

    @property
    def left(self) -> int:
        """Steps still to do."""
        return self.training.steps - self.at


class Stack:
    """All images of a batch, and the steps on them."""

    def __init__(self, architecture: Architecture, layout: Layout, views: Sequence[View]) -> None:
        self.architecture, self.layout = architecture, layout
        self.offsets = np.cumsum([0, *(len(view.y) for view in views)])
        self._x = torch.from_numpy(np.concatenate([view.x for view in views]))
        self._y = torch.from_numpy(np.concatenate([view.y for view in views]))

    def advance(self, states: Sequence[State]) -> None:
        """Move all networks on until the first of them is done."""
        states = sorted(states, key=lambda state: state.training.optimiser == "adamw")
        steps = min(state.left for state in states)
        n, zeros = self.layout.learnt, torch.zeros(self.layout.learnt)
        sgd = sum(state.training.optimiser == "sgd" for state in states)
        flat = torch.stack([state.weights for state in states])  # (networks, n_entries)
        first = torch.stack([zeros if state.first is None else state.first for state in states])
        second = torch.stack([zeros, *(zeros if state.second is None else state.second for state in states[sgd:])])[1:]
        mask = None
        if any(state.mask is not None for state in states):
            ones = np.ones(n, dtype=np.float32)
            mask = torch.from_numpy(np.stack([ones if s.mask is None else s.mask.astype(np.float32) for s in states]))
        examples = torch.stack([state.examples[state.at : state.at + steps] for state in states], 1)
        rates, corrections = _rates(states, steps)
        decay = torch.tensor([[state.training.decay] for state in states])
        gradient, learnt = torch.empty_like(first), flat[:, :n]
        for t in range(steps):
            self._gradient(flat, examples[t], gradient)
            if mask is not None:
                gradient *= mask
            _sgd(learnt[:sgd], gradient[:sgd], first[:sgd], rates[t, :sgd], decay[:sgd], mask)
            if sgd < len(states):
                own = None if mask is None else mask[sgd:]
                inner = (first[sgd:], second, corrections[t, sgd:])
                _adamw(learnt[sgd:], gradient[sgd:], *inner, rates[t, sgd:], decay[sgd:], own)
        for k, state in enumerate(states):
            state.weights, state.first, state.at = flat[k], first[k], state.at + steps
            state.second, state.moved = second[k - sgd] if k >= sgd else None, state.moved + steps

    def _gradient(self, flat: Tensor, examples: Tensor, out: Tensor) -> None:
        """Write the gradient (networks, n_learnt) of the mean loss of each network."""
        x, y = self._x[examples], self._y[examples]  # (networks, batch, pixels), (networks, batch)
        tensors = {name: tensor.detach() for name, tensor in self.layout.views(flat).items()}
        leaves = [tensors[spec.name].requires_grad_() for spec in self.layout.specs if spec.is_learnt]
        seen: dict[str, Tensor] = {}
        logits = forward(self.architecture, tensors, x, seen)
        loss = functional.cross_entropy(logits.flatten(0, 1), y.flatten(), reduction="sum") / y.shape[1]
        gradients = torch.autograd.grad(loss, leaves)
        torch.cat([g.flatten(1) for g in gradients], 1, out=out)
        for name, now in seen.items():
            tensors[name].lerp_(now, RUNNING)


def _rates(states: Sequence[State], steps: int) -> tuple[Tensor, Tensor]:
    """Learning rates (steps, networks, 1) and AdamW's two bias corrections (steps, networks, 2)."""
    t = np.arange(steps)[:, None]
    training = [state.training for state in states]
    start, end = np.array([s.rate for s in training]), np.array([s.last_rate for s in training])
    rates = start + (end - start) * (t + [s.at for s in states]) / [s.steps for s in training]
    moved = t + [state.moved + 1.0 for state in states]
    corrections = np.stack([1.0 - BETAS[0] ** moved, np.sqrt(1.0 - BETAS[1] ** moved)], -1)
    return torch.from_numpy(rates[..., None]).float(), torch.from_numpy(corrections).float()


def _sgd(w: Tensor, g: Tensor, momentum: Tensor, rate: Tensor, decay: Tensor, mask: Tensor | None) -> None:
    """All (networks, n_learnt), but rate and decay, which are (networks, 1)."""
    g.addcmul_(w, decay)
    if mask is not None:
        g *= mask[: len(g)]
    momentum.mul_(MOMENTUM).add_(g)
    w.addcmul_(momentum, rate, value=-1.0)


def _adamw(
    w: Tensor,
    g: Tensor,
    mean: Tensor,
    square: Tensor,
    corrections: Tensor,
    rate: Tensor,
    decay: Tensor,
    mask: Tensor | None,
) -> None:
    mean.lerp_(g, 1.0 - BETAS[0])
    square.mul_(BETAS[1]).addcmul_(g, g, value=1.0 - BETAS[1])
    shrink = rate * decay
    if mask is None:
        w.mul_(1.0 - shrink)
    else:
        w.sub_(w * mask * shrink)
    root = square.sqrt().div_(corrections[:, 1:]).add_(EPSILON)
    w.addcdiv_(mean * (rate / corrections[:, :1]), root, value=-1.0)
