"""What goes on beside the steps of a stack: low-rank adapters, moving averages, weights rounded after each step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from neural_phylogeny.lab.families.layout import Layout
from neural_phylogeny.lab.families.optimisers import Part, adamw, runs
from neural_phylogeny.lab.families.plan import Training

if TYPE_CHECKING:
    from neural_phylogeny.lab.families.stack import State

SCALE = 2.0
"""Factor on the product of an adapter: twice its rank, over its rank."""

ATTENTION = ("attn", "attention", ".to_q", ".to_k", ".to_v")
"""In the names of the matrices that an adapter changes; of all matrices where none has such a name."""


@dataclass
class Adapter:
    """The adapter of one network.

    Attributes
    ----------
    base : (n_learnt,) the weights that it changes
    values : (n,) its two factors of each matrix, and of ``dora`` the lengths of rows
    targets : numbers of the tensors that it changes
    """

    base: Tensor
    values: Tensor
    targets: tuple[int, ...]
    rank: int
    kind: str
    first: Tensor
    second: Tensor

    @classmethod
    def of(cls, training: Training, layout: Layout, weights: Tensor) -> Adapter:
        """At its beginning, where it changes nothing."""
        matrices = [k for k, s in enumerate(layout.specs) if s.role == "weight" and len(s.shape) == 2]
        named = [k for k in matrices if any(word in layout.specs[k].name for word in ATTENTION)]
        targets, draw = tuple(named or matrices), torch.Generator().manual_seed(training.seed)
        pieces = []
        for k in targets:
            outputs, inputs = layout.specs[k].shape
            pieces += [torch.randn(training.rank, inputs, generator=draw).flatten() / inputs**0.5]
            pieces += [torch.zeros(outputs * training.rank)]
            if training.adapter == "dora":
                pieces += [weights[layout.slices[k]].view(outputs, inputs).norm(dim=1).cpu()]
        values = torch.cat(pieces).to(weights.device)
        base, empty = weights[: layout.learnt].clone(), torch.zeros_like(values)
        return cls(base, values, targets, training.rank, training.adapter, empty, empty.clone())


def changed(base: Tensor, values: Tensor, layout: Layout, like: Adapter) -> list[Tensor]:
    """The matrices that adapters of one kind change, ``(networks, outputs, inputs)`` each.

    Parameters
    ----------
    base : (networks, n_learnt)
    values : (networks, n)
    like : Adapter
        One of them.
    """
    found, at = list[Tensor](), 0
    for k in like.targets:
        outputs, inputs = layout.specs[k].shape
        sizes = [like.rank * inputs, outputs * like.rank, outputs * (like.kind == "dora")]
        into, out, lengths = torch.split(values[:, at : at + sum(sizes)], sizes, 1)
        at += sum(sizes)
        product = torch.bmm(out.view(-1, outputs, like.rank), into.view(-1, like.rank, inputs))
        matrix = base[:, layout.slices[k]].view(-1, outputs, inputs) + SCALE * product
        if like.kind == "dora":
            matrix = matrix * (lengths / matrix.norm(dim=2).clamp_min(1e-12))[..., None]
        found.append(matrix)
    return found


Group = tuple[slice, Adapter, Tensor, Tensor, Tensor, Tensor]
"""Rows of a stack whose adapters are of one kind, one of them, and what they hold side by side."""


@dataclass
class Beside:
    """What is done after each step to some networks of a stack.

    Attributes
    ----------
    groups : rows of the stack whose adapters are of one kind, with their states side by side
    averaged : (rows,) numbers of networks of which an average is kept; ``average`` (rows, n_entries), ``lag`` (rows, 1)
        one less the decay
    coarse : (networks, 1) whether weights are rounded to bfloat16; None where none are
    """

    layout: Layout
    groups: list[Group]
    averaged: Tensor
    average: Tensor | None
    lag: Tensor
    coarse: Tensor | None

    @classmethod
    def of(cls, states: Sequence[State], layout: Layout, flat: Tensor) -> Beside:
        """For the states of a stack, those with adapters last, by kind and rank."""
        kinds = [None if s.small is None else (s.small.kind, s.small.rank, s.small.targets) for s in states]
        groups: list[Group] = []
        for _, rows in runs(kinds):
            some = [s.small for s in states[rows] if s.small is not None]
            if some:
                base, values, first, second = (torch.stack([getattr(one, name) for one in some]) for name in _HELD)
                groups.append((rows, some[0], base, values, first, second))
        averaged = [k for k, state in enumerate(states) if state.average is not None]
        average = torch.stack([a for s in states if (a := s.average) is not None]) if averaged else None
        lag = torch.tensor([[1.0 - states[k].training.average] for k in averaged], device=flat.device)
        coarse = torch.tensor([[state.training.grid == "bf16"] for state in states], device=flat.device)
        is_coarse = any(state.training.grid for state in states)
        numbers = torch.tensor(averaged, dtype=torch.long, device=flat.device)
        return cls(layout, groups, numbers, average, lag, coarse if is_coarse else None)

    @staticmethod
    def order(state: State) -> tuple[bool, str, int, str]:
        """What states are sorted by: those with adapters last, by kind and rank, the others by optimiser."""
        training = state.training
        return state.small is not None, training.adapter, training.rank, training.optimiser

    def step(self, flat: Tensor, gradient: Tensor, rate: Tensor, moved: Tensor) -> None:
        """After a step: ``flat (networks, n_entries)`` is changed in place."""
        for rows, like, base, values, first, second in self.groups:
            leaf = values.detach().requires_grad_()
            matrices = changed(base, leaf, self.layout, like)
            places = [self.layout.slices[k] for k in like.targets]
            given = [gradient[rows, place].view_as(one) for place, one in zip(places, matrices, strict=True)]
            [own] = torch.autograd.grad(matrices, leaf, given)
            none = torch.zeros_like(rate[rows])
            adamw(Part(values, own, first, second, moved[rows], rate[rows], none, None, self.layout))
            for place, one in zip(places, changed(base, values, self.layout, like), strict=True):
                flat[rows, place] = one.flatten(1)
        if self.coarse is not None:
            flat.copy_(torch.where(self.coarse, flat.bfloat16().float(), flat))
        if self.average is not None:
            self.average.lerp_(flat[self.averaged], self.lag)

    def keep(self, states: Sequence[State]) -> None:
        """Give adapters and averages back to the states."""
        for rows, _, _, *held in self.groups:
            for k, state in enumerate(states[rows]):
                for name, tensor in zip(_HELD[1:], held, strict=True):
                    setattr(state.small, name, tensor[k])
        if self.average is not None:
            for k, number in enumerate(self.averaged.tolist()):
                states[number].average = self.average[k]


_HELD = ("base", "values", "first", "second")
