"""The inner loop: gradient steps of many networks held in one flat tensor; needs torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from neural_phylogeny.lab.families.adapters import Adapter, Beside
from neural_phylogeny.lab.families.architectures import NetworkShape
from neural_phylogeny.lab.families.layout import Layout
from neural_phylogeny.lab.families.networks import forward
from neural_phylogeny.lab.families.optimisers import OPTIMISERS, Part, runs
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
    average : (n_entries,) the moving average of the weights, None where none is kept
    small : the adapter of a low-rank training, which ``first`` and ``second`` are of
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
    average: Tensor | None = None
    small: Adapter | None = None

    @property
    def left(self) -> int:
        """Steps still to do."""
        return self.training.steps - self.at


class Stack:
    """All images of a batch, and the steps on them."""

    def __init__(self, architecture: NetworkShape, layout: Layout, views: Sequence[View], device: str = "cpu") -> None:
        self.architecture, self.layout, self.device = architecture, layout, device
        self.offsets = np.cumsum([0, *(len(view.y) for view in views)])
        self._x = torch.from_numpy(np.concatenate([view.x for view in views])).to(device)
        self._y = torch.from_numpy(np.concatenate([view.y for view in views])).to(device)

    def advance(self, states: Sequence[State]) -> None:
        """Move all networks on until the first of them is done."""
        states = sorted(states, key=Beside.order)
        steps = min(state.left for state in states)
        of_one_optimiser = runs([state.training.optimiser for state in states if state.small is None])
        n, device = self.layout.learnt, self.device
        zeros = torch.zeros(n, device=device)
        flat = torch.stack([state.weights for state in states])  # (networks, n_entries)
        first = torch.stack([zeros if s.first is None or s.small else s.first for s in states])
        second = torch.stack([zeros if s.second is None or s.small else s.second for s in states])
        mask = self._mask(states)
        examples = torch.stack([state.examples[state.at : state.at + steps] for state in states], 1).to(device)
        rates, moved = (found.to(device) for found in _rates(states, steps))
        decay = self._decay(states).to(device)
        bounds = _clips(states), _classes(states, self.architecture.classes)
        clip, classes = (None if found is None else found.to(device) for found in bounds)
        beside = Beside.of(states, self.layout, flat)
        gradient, learnt = torch.empty_like(first), flat[:, :n]
        for t in range(steps):
            self._gradient(flat, examples[t], gradient, classes)
            if mask is not None:
                gradient *= mask
            if clip is not None:
                gradient *= (clip / gradient.norm(dim=1, keepdim=True).clamp_min(1e-12)).clamp_max(1.0)
            for name, part in of_one_optimiser:
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
            beside.step(flat, gradient, rates[t], moved[t])
        for k, state in enumerate(states):
            state.weights = flat[k]
            if state.small is None:
                state.first, state.second = first[k], second[k]
            state.at, state.moved = state.at + steps, state.moved + steps
        beside.keep(states)

    def _mask(self, states: Sequence[State]) -> Tensor | None:
        """1 where a weight may move (networks, n_learnt); None where all may."""
        if all(state.mask is None for state in states):
            return None
        ones = np.ones(self.layout.learnt, dtype=np.float32)
        masks = [ones if s.mask is None else s.mask.astype(np.float32) for s in states]
        return torch.from_numpy(np.stack(masks)).to(self.device)

    def _gradient(self, flat: Tensor, examples: Tensor, out: Tensor, classes: Tensor | None) -> None:
        """Write the gradient (networks, n_learnt) of the mean loss of each network."""
        x, y = self._x[examples], self._y[examples]  # (networks, batch, pixels), (networks, batch)
        tensors = {name: tensor.detach() for name, tensor in self.layout.views(flat).items()}
        leaves = [tensors[spec.name].requires_grad_() for spec in self.layout.specs if spec.is_learnt]
        seen: dict[str, Tensor] = {}
        logits = forward(self.architecture, tensors, x, seen)
        loss = loss_of(logits if classes is None or y.ndim > 2 else logits + classes, y)
        gradients = torch.autograd.grad(loss, leaves, materialize_grads=True)
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


def loss_of(outputs: Tensor, y: Tensor) -> Tensor:
    """The sum over networks of the mean loss of each.

    Parameters
    ----------
    outputs : (networks, batch, classes), (networks, batch, places, tokens) or (networks, batch, values)
    y : (networks, batch) labels, (networks, batch, places) tokens of which -100 does not count, or values
    """
    if y.is_floating_point():
        return functional.mse_loss(outputs, y, reduction="none").mean((1, 2)).sum()
    if y.ndim == 2:
        return functional.cross_entropy(outputs.flatten(0, 1), y.flatten(), reduction="sum") / y.shape[1]
    each = functional.cross_entropy(outputs.flatten(0, 2), y.flatten(), reduction="none").view(len(y), -1)
    return (each.sum(1) / (y.flatten(1) >= 0).sum(1).clamp_min(1)).sum()


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
