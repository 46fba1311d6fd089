"""Small trainings with and without weight decay that leave rows or columns without a gradient. Needs torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Model = dict[str, NDArray[np.float32]]

TOKENS, LENGTH, WIDTH, CLASSES, INPUTS, SIDE = 300, 12, 32, 6, 96, 8
"""Sizes of the networks: vocabulary, tokens of a sequence, width, classes, inputs of a dense net, side of a picture."""


class Sequences(nn.Module):
    """An embedding, then a mean, a recurrent layer or one block of attention with positions, then a head."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.embedding = nn.Embedding(TOKENS, WIDTH)
        if kind == "gru":
            self.mixer: nn.Module = nn.GRU(WIDTH, WIDTH, batch_first=True)
        elif kind == "attention":
            self.positions = nn.Parameter(0.02 * torch.randn(2 * LENGTH, WIDTH))
            self.norm = nn.LayerNorm(WIDTH)
            self.mixer = nn.MultiheadAttention(WIDTH, 4, batch_first=True)
        self.hidden = nn.Linear(WIDTH, 48)
        self.head = nn.Linear(48, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """Token numbers ``(batch, LENGTH)`` to logits."""
        z = self.embedding(x)
        if self.kind == "gru":
            z = self.mixer(z)[0]
        elif self.kind == "attention":
            z = self.norm(z + self.positions[:LENGTH])
            z = z + self.mixer(z, z, z, need_weights=False)[0]
        found: Tensor = self.head(torch.tanh(self.hidden(z.mean(dim=1))))
        return found


def _dense() -> nn.Module:
    return nn.Sequential(nn.Linear(INPUTS, 64), nn.ReLU(), nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, CLASSES))


def _conv() -> nn.Module:
    layers = (nn.Conv2d(4, 24, 3, padding=1), nn.ReLU(), nn.Conv2d(24, 24, 3, padding=1), nn.ReLU())
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(96, CLASSES))


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "embedding, mean": lambda: Sequences("mean"),
    "embedding, GRU": lambda: Sequences("gru"),
    "embedding, attention": lambda: Sequences("attention"),
    "dense, dead inputs": _dense,
    "convolutions, dead channel": _conv,
}
"""By name; each has inputs, tokens or positions that never occur."""


class Lion(torch.optim.Optimizer):
    """Sign of a moving mean, decoupled decay (Chen et al., *Symbolic discovery of optimization algorithms*, 2023)."""

    def __init__(self, parameters: Iterator[nn.Parameter], lr: float, weight_decay: float) -> None:
        super().__init__(parameters, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One update of all parameters with a gradient."""
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                mean = self.state[p].setdefault("mean", torch.zeros_like(p))
                p.mul_(1.0 - group["lr"] * group["weight_decay"])
                p.add_(torch.sign(0.9 * mean + 0.1 * p.grad), alpha=-group["lr"])
                mean.mul_(0.99).add_(p.grad, alpha=0.01)


OPTIMISERS: dict[str, tuple[Callable[..., torch.optim.Optimizer], tuple[float, ...], tuple[float, ...]]] = {
    "SGD": (torch.optim.SGD, (0.1, 0.03, 0.01), (1e-2, 1e-3, 1e-4)),
    "SGD, momentum": (lambda p, **o: torch.optim.SGD(p, momentum=0.9, **o), (0.03, 0.01, 3e-3), (1e-2, 1e-3, 1e-4)),
    "AdamW": (torch.optim.AdamW, (3e-3, 1e-3, 3e-4), (0.3, 0.1, 0.01)),
    "Adam with L2": (torch.optim.Adam, (3e-3, 1e-3), (1e-2, 1e-3)),
    "Lion": (Lion, (1e-3, 3e-4), (1.0, 0.1)),
}
"""By name: the class, rates, decays. Adam with L2 moves rows by their signs, so that they are not multiples."""

STEPS = (25, 60, 150, 400)


@dataclass(frozen=True)
class Tree:
    """Trained models with the parent of each, -1 for the root, and the product of rate, decay and steps of each."""

    models: list[Model]
    parents: list[int]
    decay: list[float]


def tree(network: str, optimiser: str, seed: int, *, decayed: bool, n: int = 5) -> Tree:
    """A random tree of n trainings, each on a task of its own; a second. Without ``decayed`` nothing decays."""
    rng = np.random.default_rng([seed, sorted(NETWORKS).index(network), sorted(OPTIMISERS).index(optimiser)])
    make, rates, decays = OPTIMISERS[optimiser]
    found = Tree([], [], [])
    for k in range(n):
        torch.manual_seed(int(rng.integers(1 << 31)))
        net = NETWORKS[network]()
        parent = -1 if k == 0 else int(rng.integers(k))
        if parent >= 0:
            net.load_state_dict({name: torch.from_numpy(w.copy()) for name, w in found.models[parent].items()})
        rate, steps = float(rng.choice(rates)), int(rng.choice(STEPS))
        decay = float(rng.choice(decays)) if decayed else 0.0
        x, y = _task(network, rng)
        _train(net, make(net.parameters(), lr=rate, weight_decay=decay), x, y, steps, rng)
        found.models.append({name: w.detach().numpy().copy() for name, w in net.state_dict().items()})
        found.parents.append(parent)
        found.decay.append(rate * decay * steps)
    return found


def _task(network: str, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Examples of a task in which some tokens, inputs or channels never occur."""
    y = rng.integers(CLASSES, size=256)
    if network.startswith("embedding"):
        used = rng.permutation(TOKENS)[: int(TOKENS * rng.uniform(0.3, 0.85))]
        odds = rng.dirichlet(np.full(len(used), 0.1), size=CLASSES)
        x = np.stack([rng.choice(used, LENGTH, p=odds[label]) for label in y])
        return torch.from_numpy(x), torch.from_numpy(y)
    if network.startswith("dense"):
        x = rng.normal(size=(CLASSES, INPUTS))[y] + rng.normal(size=(len(y), INPUTS))
        x[:, : int(INPUTS * rng.uniform(0.08, 0.4))] = 0.0
    else:
        x = rng.normal(size=(CLASSES, 4, SIDE, SIDE))[y] + rng.normal(size=(len(y), 4, SIDE, SIDE))
        x[:, 0] = 0.0
    return torch.from_numpy(x.astype(np.float32)), torch.from_numpy(y)


def _train(
    net: nn.Module, optimiser: torch.optim.Optimizer, x: Tensor, y: Tensor, steps: int, rng: np.random.Generator
) -> None:
    for _ in range(steps):
        batch = torch.from_numpy(rng.integers(len(y), size=16))
        optimiser.zero_grad()
        nn.functional.cross_entropy(net(x[batch]), y[batch]).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
