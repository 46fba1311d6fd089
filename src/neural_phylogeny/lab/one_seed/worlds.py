"""Two worlds of small networks and tasks: pictures under the layers of ``apart``, and the architectures of kinds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from neural_phylogeny.lab.families.apart import KINDS, OPTIMISERS, SIDE
from neural_phylogeny.lab.families.pictures import Pictures
from neural_phylogeny.lab.kinds.networks import ARCHITECTURES
from neural_phylogeny.lab.kinds.training import Batches, State, batches_of, state_of

Generator = np.random.Generator

PICTURES, CODED = "pictures", "coded"
"""The worlds by name."""

WORLDS = (PICTURES, CODED)

CLASSES, BATCH, TASKS = 8, 32, 4

RATES = {
    "SGD": (5e-3, 5e-2),
    "Adam": (5e-4, 4e-3),
    "AdamW": (5e-4, 4e-3),
    "RMSprop": (3e-4, 2e-3),
    "NAdam": (5e-4, 3e-3),
}
"""Least and largest rate of each optimiser."""

SCHEMES: dict[str, Callable[[Tensor], object]] = {
    "default": lambda tensor: None,
    "kaiming": nn.init.kaiming_normal_,
    "xavier": nn.init.xavier_uniform_,
    "orthogonal": nn.init.orthogonal_,
    "truncated": lambda tensor: nn.init.trunc_normal_(tensor, std=0.03),
}
"""How matrices are drawn after the network was built; ``default`` keeps what the layers drew."""


@dataclass(frozen=True)
class World:
    """One architecture, and some tasks for it."""

    name: str
    architecture: str
    build: Callable[[], nn.Module]
    tasks: tuple[Batches, ...]

    def started(self, seed: int, skipped: int, scheme: str) -> State:
        """The initialisation of a seed, after some numbers were drawn for something else."""
        torch.manual_seed(seed)
        if skipped:
            torch.rand(skipped)
        net = self.build()
        for _, parameter in net.named_parameters():
            if parameter.ndim >= 2:
                with torch.no_grad():
                    SCHEMES[scheme](parameter)
        return state_of(net)

    def trained(self, state: State, recipe: Recipe) -> State:
        """Weights after a training; deterministic."""
        torch.manual_seed(0)
        net = self.build()
        net.load_state_dict(state)
        optimiser = OPTIMISERS[recipe.optimiser](net.parameters(), recipe.rate, recipe.decay)
        generator = torch.Generator().manual_seed(recipe.order)
        net.train()
        for step in range(recipe.steps):
            x, y = self.tasks[recipe.task](generator)
            for part in optimiser.param_groups:
                part["lr"] = recipe.rate * (1.0 - step / recipe.steps if recipe.falls else 1.0)
            optimiser.zero_grad()
            scores = net(x)
            loss = functional.cross_entropy(scores.flatten(0, -2), y.flatten())
            torch.autograd.backward(loss)
            nn.utils.clip_grad_norm_(net.parameters(), 5.0)
            optimiser.step()
        return state_of(net)


@dataclass(frozen=True)
class Recipe:
    """One training; ``order`` is the seed of the order of its data, ``falls`` whether the rate falls to zero."""

    task: int
    optimiser: str
    rate: float
    decay: float
    steps: int
    order: int
    falls: bool

    def again(self, rng: Generator, task: int) -> Recipe:
        """The same with data in another order."""
        return replace(self, task=task, order=int(rng.integers(2**31)))


def drawn_recipe(rng: Generator, task: int, steps: tuple[float, float]) -> Recipe:
    """A recipe with steps and rate drawn evenly in their logarithms."""
    optimiser = str(rng.choice(sorted(RATES)))
    rate = float(np.exp(rng.uniform(*np.log(RATES[optimiser]))))
    decay = 0.0 if rng.random() < 0.5 else float(10 ** rng.uniform(-4, -1.5))
    number = max(int(np.exp(rng.uniform(*np.log(steps)))), 1)
    return Recipe(task, optimiser, rate, decay, number, int(rng.integers(2**31)), bool(rng.random() < 0.5))


def drawn_world(name: str, rng: Generator, pictures: Pictures) -> World:
    """An architecture of a world with ``TASKS`` tasks."""
    if name == CODED:
        architecture = ARCHITECTURES[int(rng.integers(len(ARCHITECTURES)))]
        width = int(rng.choice(architecture.widths)) // (1 if architecture.text else 2)
        width -= width % 8
        tasks = tuple(batches_of(architecture, task) for task in range(TASKS))
        return World(name, architecture.name, lambda: architecture.build(width), tasks)
    kind, shape = str(rng.choice(sorted(KINDS))), int(rng.integers(2**31))
    tasks = tuple(_picture_task(pictures, rng) for _ in range(TASKS))
    return World(name, kind, lambda: KINDS[kind](np.random.default_rng(shape), CLASSES), tasks)


def _picture_task(pictures: Pictures, rng: Generator) -> Batches:
    """Some classes of one data set, turned by a quarter now and then."""
    data = pictures[str(rng.choice(sorted(pictures)))]
    chosen = rng.permutation(int(data.labels.max()) + 1)[:CLASSES]
    kept = np.isin(data.labels, chosen)
    place = {int(label): k for k, label in enumerate(chosen)}
    y = torch.tensor([place[int(label)] for label in data.labels[kept]])
    images = np.rot90(data.images[SIDE][kept].reshape(-1, SIDE, SIDE), int(rng.integers(4)), axes=(1, 2))
    scaled = (images - images.mean()) / (images.std() + 1e-6)
    x = torch.from_numpy(np.ascontiguousarray(scaled[:, None], dtype=np.float32))

    def batches(generator: torch.Generator) -> tuple[Tensor, Tensor]:
        rows = torch.randint(len(y), (BATCH,), generator=generator)
        return x[rows], y[rows]

    return batches
