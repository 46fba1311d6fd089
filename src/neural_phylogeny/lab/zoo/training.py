"""Training one run: start from a parent's weights or from an initialisation, keep what comes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from neural_phylogeny.lab.zoo.networks import build, initialise
from neural_phylogeny.lab.zoo.plan import Run, Settings
from neural_phylogeny.lab.zoo.tasks import Task, load_task

State = dict[str, Tensor]

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"

SURE = 3.0
"""A model has learnt its task when its accuracy lies this many standard errors above chance."""


@dataclass(frozen=True)
class Images:
    """A task as tensors of the shape that a network takes: images in [-1, 1] and labels."""

    x_train: Tensor
    y_train: Tensor
    x_test: Tensor
    y_test: Tensor
    classes: int
    chance: float


def train(
    run: Run, network: Mapping[str, Any], task: str, data: Path | None, parent: State | None
) -> tuple[State, dict[str, Any]]:
    """Train one model; returns its weights and what is known of them.

    Parameters
    ----------
    run : Run
        How.
    network : mapping
        A recipe's ``[network]``.
    task : str
        The task, after substitution.
    data : path, optional
        The data folder.
    parent : state dict, optional
        Where to start; None for a root.

    Returns
    -------
    (state dict, facts)
        On the CPU; facts have ``accuracy``, ``chance`` and ``learnt``.
    """
    images = load_images(task, data, int(network.get("side", 28)), int(network.get("channels", 1)))
    torch.manual_seed(run.initial_seed)
    net = build(network, images.classes)
    initialise(net, run.settings.initialisation)
    if parent is not None:
        _start_from(net, parent, run.settings)
    net.to(DEVICE)
    _descend(net, images, run, _prune(net, run.settings.prune))
    accuracy = _accuracy(net, images)
    error = (images.chance * (1.0 - images.chance) / len(images.y_test)) ** 0.5
    facts = {
        "accuracy": round(accuracy, 4),
        "chance": round(images.chance, 4),
        "learnt": accuracy > images.chance + SURE * error,
    }
    return {name: tensor.detach().cpu().contiguous() for name, tensor in net.state_dict().items()}, facts


@lru_cache(maxsize=8)
def load_images(task: str, data: Path | None, side: int, channels: int) -> Images:
    """A task in the size and channels of a network; kept, for the next run will want it too."""
    loaded: Task = load_task(task, data)
    return Images(
        _as_input(torch.from_numpy(loaded.x_train.copy()), side, channels),
        torch.from_numpy(loaded.y_train).to(DEVICE),
        _as_input(torch.from_numpy(loaded.x_test.copy()), side, channels),
        torch.from_numpy(loaded.y_test).to(DEVICE),
        loaded.n_classes,
        loaded.chance,
    )


def _as_input(images: Tensor, side: int, channels: int) -> Tensor:
    """(n, height, width, c) uint8 -> (n, channels, side, side) float32 in [-1, 1]."""
    x = images.permute(0, 3, 1, 2).float() / 127.5 - 1.0
    if x.shape[1] != channels:
        x = x.mean(dim=1, keepdim=True).expand(-1, channels, -1, -1)
    if x.shape[2:] != (side, side):
        x = nn.functional.interpolate(x, size=(side, side), mode="bilinear", antialias=True)
    return x.contiguous().to(DEVICE)


def _start_from(net: nn.Module, parent: State, settings: Settings) -> None:
    """Take the parent's weights, but for a head that is new or does not fit."""
    state = net.state_dict()
    for name, tensor in parent.items():
        is_head = name.startswith("head.")
        if state[name].shape == tensor.shape and not (is_head and settings.head == "new"):
            state[name] = tensor
    net.load_state_dict(state)
    if settings.frozen == "first":
        next(iter(net.parameters())).requires_grad_(False)


def _prune(net: nn.Module, share: float) -> list[tuple[nn.Parameter, Tensor]]:
    """Set the smallest weights of all matrices but the head to zero; returns the matrices and what is kept of them."""
    body = [p for name, p in net.named_parameters() if p.ndim > 1 and not name.startswith("head.")] if share else []
    if not body:
        return []
    threshold = torch.quantile(torch.cat([p.detach().abs().flatten() for p in body]), share)
    kept = [(p, p.detach().abs() > threshold) for p in body]
    for parameter, mask in kept:
        parameter.data.mul_(mask)
    return kept


def _descend(net: nn.Module, images: Images, run: Run, kept: list[tuple[nn.Parameter, Tensor]]) -> None:
    """The given number of steps on shuffled batches; what was pruned stays zero."""
    settings = run.settings
    generator = torch.Generator().manual_seed(run.seed)
    chosen = _examples(images.y_train.cpu(), settings.shots, generator).to(DEVICE)
    learnable = [parameter for parameter in net.parameters() if parameter.requires_grad]
    optimiser: torch.optim.Optimizer
    if settings.optimiser == "sgd":
        optimiser = torch.optim.SGD(learnable, lr=settings.rate, momentum=0.9, weight_decay=settings.decay)
    else:
        optimiser = torch.optim.AdamW(learnable, lr=settings.rate, weight_decay=settings.decay)
    net.train()
    order = torch.empty(0, dtype=torch.long)
    for _ in range(settings.steps):
        if len(order) < min(settings.batch, len(chosen)):
            order = torch.randperm(len(chosen), generator=generator)
        batch, order = chosen[order[: settings.batch]], order[settings.batch :]
        optimiser.zero_grad()
        torch.autograd.backward(nn.functional.cross_entropy(net(images.x_train[batch]), images.y_train[batch]))
        optimiser.step()
        for parameter, mask in kept:
            parameter.data.mul_(mask)


def _examples(labels: Tensor, shots: int | str, generator: torch.Generator) -> Tensor:
    """Indices of all examples, or of this many of each class."""
    order = torch.randperm(len(labels), generator=generator)
    if shots == "all":
        return order
    return torch.cat([order[labels[order] == label][: int(shots)] for label in range(int(labels.max()) + 1)])


@torch.no_grad()
def _accuracy(net: nn.Module, images: Images) -> float:
    net.eval()
    right = [
        (net(x).argmax(1) == y).sum()
        for x, y in zip(torch.split(images.x_test, 500), torch.split(images.y_test, 500), strict=True)
    ]
    return float(torch.stack(right).sum() / len(images.y_test))
