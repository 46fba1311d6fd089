"""The inner loop: gradient steps of many networks held in one flat tensor; needs torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from neural_phylogeny.lab.families.architectures import NetworkShape
from neural_phylogeny.lab.families.layout import Layout
from neural_phylogeny.lab.families.networks import forward
from neural_phylogeny.lab.families.optimisers import OPTIMISERS, Part
from neural_phylogeny.lab.families.pictures import View
from neural_phylogeny.lab.families.plan import Training

RUNNING = 0.1
"""Weight of the new batch in the running statistics of a batch norm."""

SCHEDULES: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "linear": lambda share: share,
    "cosine": lambda share: (1.0 - np.cos(np.pi * share)) / 2.0,
    "steps": lambda share: (share >= 0.5) * 0.5 + (share >= 0.75) * 0.5,
}
"""How far a rate is on its way from the first to the last, by the share of the steps that are done."""


@dataclass
class State:
    """A network on its way: weights (n_entries,), the batches (steps, batch) it will see, its optimiser.

    Attributes
    ----------
    pruned : (n_learnt,) what is not pruned away, None for all
    mask : (n_learnt,) what may move, None for all
    first, second : (n_learnt,) what the optimiser remembers, a momentum and a mean square as a rule
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

    def __init__(self, architecture: NetworkShape, layout: Layout, views: Sequence[View]) -> None:
        self.architecture, self.layout = architecture, layout
        self.offsets = np.cumsum([0, *(len(view.y) for view in views)])
        self._x = torch.from_numpy(np.concatenate([view.x for view in views]))
        self._y = torch.from_numpy(np.concatenate([view.y for view in views]))

    def advance(self, states: Sequence[State]) -> None:
        """Move all networks on until the first of them is done."""
        states = sorted(states, key=lambda state: state.training.optimiser)
        steps = min(state.left for state in states)
        n, zeros = self.layout.learnt, torch.zeros(self.layout.learnt)
        flat = torch.stack([state.weights for state in states])  # (networks, n_entries)
        first = torch.stack([zeros if state.first is None else state.first for state in states])
        second = torch.stack([zeros if state.second is None else state.second for state in states])
        mask = None
        if any(state.mask is not None for state in states):
            ones = np.ones(n, dtype=np.float32)
            mask = torch.from_numpy(np.stack([ones if s.mask is None else s.mask.astype(np.float32) for s in states]))
        examples = torch.stack([state.examples[state.at : state.at + steps] for state in states], 1)
        rates, moved = _rates(states, steps)
        decay, clip, classes = self._decay(states), _clips(states), _classes(states, self.architecture.classes)
        gradient, learnt = torch.empty_like(first), flat[:, :n]
        for t in range(steps):
            self._gradient(flat, examples[t], gradient, classes)
            if mask is not None:
                gradient *= mask
            if clip is not None:
                gradient *= (clip / gradient.norm(dim=1, keepdim=True).clamp_min(1e-12)).clamp_max(1.0)
            for name, part in _groups(states):
                own = None if mask is None else mask[part]
                OPTIMISERS[name](
                    Part(
                        weights=learnt[part],
                        gradient=gradient[part],
                        first=first[part],
                        second=second[part],
                        moved=moved[t, part],
                        rate=rates[t, part],
                        decay=decay[part],
                        mask=own,
                        layout=self.layout,
                    )
                )
        for k, state in enumerate(states):
            state.weights, state.first, state.second = flat[k], first[k], second[k]
            state.at, state.moved = state.at + steps, state.moved + steps

    def _gradient(self, flat: Tensor, examples: Tensor, out: Tensor, classes: Tensor | None) -> None:
        """Write the gradient (networks, n_learnt) of the mean loss of each network."""
        x, y = self._x[examples], self._y[examples]  # (networks, batch, pixels), (networks, batch)
        tensors = {name: tensor.detach() for name, tensor in self.layout.views(flat).items()}
        leaves = [tensors[spec.name].requires_grad_() for spec in self.layout.specs if spec.is_learnt]
        seen: dict[str, Tensor] = {}
        logits = forward(self.architecture, tensors, x, seen)
        if classes is not None:
            logits = logits + classes
        loss = functional.cross_entropy(logits.flatten(0, 1), y.flatten(), reduction="sum") / y.shape[1]
        gradients = torch.autograd.grad(loss, leaves)
        torch.cat([g.flatten(1) for g in gradients], 1, out=out)
        for name, now in seen.items():
            tensors[name].lerp_(now, RUNNING)

    def _decay(self, states: Sequence[State]) -> Tensor:
        """(networks, 1), or (networks, n_learnt) where some networks spare their vectors."""
        decay = torch.tensor([[state.training.decay] for state in states])
        if not any(state.training.exempt for state in states):
            return decay
        spared = torch.zeros(self.layout.learnt)
        for spec, where in zip(self.layout.specs, self.layout.slices, strict=True):
            if spec.is_learnt and len(spec.shape) < 2:
                spared[where] = 1.0
        exempt = torch.tensor([[float(state.training.exempt)] for state in states])
        return decay * (1.0 - exempt * spared)


def _groups(states: Sequence[State]) -> list[tuple[str, slice]]:
    """Runs of networks of one optimiser."""
    names = [state.training.optimiser for state in states]
    starts = [k for k in range(len(names)) if k == 0 or names[k] != names[k - 1]]
    return [(names[a], slice(a, b)) for a, b in zip(starts, [*starts[1:], len(names)], strict=True)]


def _rates(states: Sequence[State], steps: int) -> tuple[Tensor, Tensor]:
    """Learning rates and numbers of the optimisers' steps, both (steps, networks, 1)."""
    t = np.arange(steps)[:, None]
    training = [state.training for state in states]
    share = (t + [s.at for s in states]) / [s.steps for s in training]
    shapes = [SCHEDULES[s.schedule](share[:, k]) for k, s in enumerate(training)]
    warm = np.stack([np.minimum(1.0, (share[:, k] + 1e-3) / max(s.warm_up, 1e-3)) for k, s in enumerate(training)], 1)
    start, end = np.array([s.rate for s in training]), np.array([s.last_rate for s in training])
    rates = (start + (end - start) * np.stack(shapes, 1)) * warm
    moved = t + [state.moved + 1.0 for state in states]
    return torch.from_numpy(rates[..., None]).float(), torch.from_numpy(moved[..., None])


def _clips(states: Sequence[State]) -> Tensor | None:
    """Largest norm of a gradient, (networks, 1); None where nobody is clipped."""
    clips = [state.training.clip or np.inf for state in states]
    return torch.tensor(clips)[:, None].float() if np.isfinite(clips).any() else None


def _classes(states: Sequence[State], width: int) -> Tensor | None:
    """0 for the classes that a network has, minus infinity for the others, (networks, 1, classes)."""
    numbers = [state.training.classes for state in states]
    if not any(numbers):
        return None
    excluded = np.array([[0.0 if k < (number or width) else -1e9 for k in range(width)] for number in numbers])
    return torch.from_numpy(excluded[:, None]).float()
