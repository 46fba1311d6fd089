"""Families by other habits, for judging only: the framework's own layers and optimisers, one network at a time.

Nothing of the stacked training is used here, so that a habit of that code cannot help a detector that it trained.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from neural_phylogeny.lab.families.alter import Model
from neural_phylogeny.lab.families.apart_prior import Apart
from neural_phylogeny.lab.families.members import Family
from neural_phylogeny.lab.families.pictures import Pictures
from neural_phylogeny.lab.families.prior import between_in_log, draw, draw_seed
from neural_phylogeny.lab.families.truth import reordered, without

Generator = np.random.Generator

SIDE, CHANNELS = 10, 1

OPTIMISERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "SGD": lambda p, lr, wd: torch.optim.SGD(p, lr=lr, momentum=0.9, weight_decay=wd),
    "Adam": lambda p, lr, wd: torch.optim.Adam(p, lr=lr, weight_decay=wd),
    "AdamW": lambda p, lr, wd: torch.optim.AdamW(p, lr=lr, weight_decay=wd),
    "RMSprop": lambda p, lr, wd: torch.optim.RMSprop(p, lr=lr, weight_decay=wd),
    "NAdam": lambda p, lr, wd: torch.optim.NAdam(p, lr=lr, weight_decay=wd),
}


class Perceptron(nn.Module):
    """Layer norm and GELU after each linear layer."""

    def __init__(self, rng: Generator, classes: int) -> None:
        super().__init__()
        widths = [SIDE * SIDE, *(int(rng.choice([40, 56, 72, 100])) for _ in range(int(rng.integers(2, 4))))]
        layers: list[nn.Module] = [nn.Flatten()]
        for a, b in pairwise(widths):
            layers += [nn.Linear(a, b), nn.LayerNorm(b), nn.GELU()]
        self.body, self.head = nn.Sequential(*layers), nn.Linear(widths[-1], classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        found: Tensor = self.head(self.body(x))
        return found


class Convolutional(nn.Module):
    """Convolutions with batch norm and pooling."""

    def __init__(self, rng: Generator, classes: int) -> None:
        super().__init__()
        a, b = int(rng.choice([10, 14, 20])), int(rng.choice([20, 28]))
        self.body = nn.Sequential(
            nn.Conv2d(CHANNELS, a, 3, padding=1, bias=False),
            nn.BatchNorm2d(a),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(a, b, 3, padding=1, bias=False),
            nn.BatchNorm2d(b),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
        )
        self.head = nn.Linear(4 * b, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        found: Tensor = self.head(self.body(x))
        return found


class Residual(nn.Module):
    """Residual convolutions with group norm."""

    def __init__(self, rng: Generator, classes: int) -> None:
        super().__init__()
        width = int(rng.choice([12, 16, 20]))
        self.stem = nn.Conv2d(CHANNELS, width, 3, stride=2, padding=1)
        self.convs = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(4))
        self.norms = nn.ModuleList(nn.GroupNorm(4, width) for _ in range(4))
        self.head = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        x = self.stem(x)
        for k in (0, 2):
            inner = self.convs[k](functional.silu(self.norms[k](x)))
            x = x + self.convs[k + 1](functional.silu(self.norms[k + 1](inner)))
        found: Tensor = self.head(x.mean((2, 3)))
        return found


class Patches(nn.Module):
    """A transformer on patches, with a token for the class."""

    def __init__(self, rng: Generator, classes: int) -> None:
        super().__init__()
        width = int(rng.choice([24, 32, 40]))
        self.cut = nn.Conv2d(CHANNELS, width, 5, stride=5)
        self.first = nn.Parameter(torch.zeros(1, 1, width))
        self.places = nn.Parameter(0.02 * torch.randn(1, 5, width))
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(width, 4, 2 * width, 0.0, "gelu", batch_first=True, norm_first=True)
            for _ in range(int(rng.integers(1, 3)))
        )
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        tokens = self.cut(x).flatten(2).transpose(1, 2)
        z = torch.cat([self.first.expand(len(x), -1, -1), tokens], 1) + self.places
        for layer in self.layers:
            z = layer(z)
        found: Tensor = self.head(self.norm(z[:, 0]))
        return found


class Rows(nn.Module):
    """A GRU that reads the rows of an image."""

    def __init__(self, rng: Generator, classes: int) -> None:
        super().__init__()
        width = int(rng.choice([32, 48, 64]))
        self.gru, self.head = nn.GRU(SIDE, width, batch_first=True), nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        found: Tensor = self.head(self.gru(x[:, 0])[0][:, -1])
        return found


KINDS: dict[str, Callable[[Generator, int], nn.Module]] = {
    "perceptron": Perceptron,
    "convolutional": Convolutional,
    "residual": Residual,
    "patches": Patches,
    "rows": Rows,
}


@dataclass(frozen=True)
class _Task:
    x: Tensor
    y: Tensor
    noise: float


def apart_family(number: int, pictures: Pictures, own: Apart) -> Family:
    """One family: a tree by preferential attachment, trained model by model; some members are then missing."""
    rng = np.random.default_rng([number, 7])
    torch.manual_seed(number)
    classes = int(draw(rng, own.classes))
    kind, members = draw(rng, own.kinds), int(rng.integers(*own.members))
    tasks = [_task(pictures, classes, rng) for _ in range(own.tasks)]
    parents = [-1]
    while len(parents) < members:
        weights = np.array([1.0 + parents.count(k) for k in range(len(parents))])
        parents.append(int(rng.choice(len(parents), p=weights / weights.sum())))
    seed, models = draw_seed(rng), list[nn.Module]()
    one_task = bool(rng.random() < own.one_task)
    name, fresh_heads = draw(rng, own.optimisers), bool(rng.random() < own.fresh_heads)
    common = int(rng.integers(own.tasks))
    for parent in parents:
        model = KINDS[kind](np.random.default_rng(seed), classes)
        if parent >= 0:
            before = dict(models[parent].state_dict())
            if fresh_heads:
                before |= {key: value for key, value in model.state_dict().items() if key.startswith("head.")}
            model.load_state_dict(before)
        task = tasks[common if one_task and parent >= 0 else int(rng.integers(own.tasks))]
        chosen = draw(rng, own.optimisers) if rng.random() < own.own_optimiser else name
        _train(model, task, chosen, own, rng)
        models.append(model)
    return _with_missing([_arrays(model) for model in models], parents, own, rng, kind)


def _task(pictures: Pictures, classes: int, rng: Generator) -> _Task:
    """Some classes of one data set, turned by a quarter now and then, in noise."""
    name = draw(rng, sorted(pictures))
    data = pictures[name]
    names = rng.permutation(int(data.labels.max()) + 1)[:classes]
    kept = np.isin(data.labels, names)
    place = {int(label): k for k, label in enumerate(names)}
    y = np.array([place[int(label)] for label in data.labels[kept]])
    images = data.images[SIDE][kept].reshape(-1, SIDE, SIDE)
    images = np.rot90(images, int(rng.integers(4)), axes=(1, 2))
    scaled = (images - images.mean()) / (images.std() + 1e-6)
    x = torch.from_numpy(np.ascontiguousarray(scaled[:, None], dtype=np.float32))
    return _Task(x, torch.from_numpy(y), float(rng.uniform(0.0, 0.3)))


def _train(model: nn.Module, task: _Task, name: str, own: Apart, rng: Generator) -> None:
    steps = int(between_in_log(rng, own.steps))
    rate = between_in_log(rng, own.rates[name])
    decay = 0.0 if rng.random() < 0.5 else between_in_log(rng, own.decays[name])
    optimiser = OPTIMISERS[name](model.parameters(), rate, decay)
    falls, size = bool(rng.random() < 0.5), int(draw(rng, own.batch))
    model.train()
    for step in range(steps):
        rows = torch.from_numpy(rng.integers(len(task.y), size=size))
        x = task.x[rows] + task.noise * torch.randn(size, CHANNELS, SIDE, SIDE)
        for part in optimiser.param_groups:
            part["lr"] = rate * (1.0 - step / steps if falls else 1.0)
        optimiser.zero_grad()
        functional.cross_entropy(model(x), task.y[rows], label_smoothing=0.05).backward()  # type: ignore[no-untyped-call]
        optimiser.step()


def _arrays(model: nn.Module) -> Model:
    """What a file of its weights would hold, as float32."""
    return {key: value.detach().float().numpy().copy() for key, value in model.state_dict().items() if value.ndim}


def _with_missing(models: list[Model], parents: list[int], own: Apart, rng: Generator, kind: str) -> Family:
    keep: NDArray[np.bool_] = np.ones(len(parents), dtype=bool)
    if rng.random() < own.missing:
        keep[rng.permutation(len(parents))[: int(rng.integers(1, 3))]] = False
    left, missing = without(parents, keep)
    order = rng.permutation(len(left))
    where = np.flatnonzero(keep)[order]
    about: dict[str, str | float] = {
        "topology": "attachment",
        "architecture": kind,
        "kind": kind,
        "head": "kept",
        "alterations": "",
        "removed": float((~keep).sum()),
        "parameters": float(sum(w.size for w in models[0].values())),
    }
    trees = np.zeros(len(left), dtype=np.int64)
    return Family([models[k] for k in where], reordered(left, order), missing[order], trees, about)
