"""Collections with a known forest, planted in memory: what the benchmarks of speed run on."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny import Phylogeny

Model = dict[str, NDArray[np.float32]]

SHAPES = {"a.weight": (96, 96), "b.weight": (64, 96), "c.weight": (64, 64)}


def planted(
    n_models: int, n_families: int, shapes: Mapping[str, tuple[int, int]] = SHAPES, seed: int = 0
) -> tuple[dict[str, Model], dict[str, str | None]]:
    """Random trees: every model is an earlier one of its family plus independent noise; models and parents by name."""
    rng = np.random.default_rng(seed)
    models: list[dict[str, NDArray[np.float64]]] = []
    parents = [-1] * n_models
    for k in range(n_models):
        if k < n_families:
            models.append({name: rng.uniform(-1, 1, shape) / np.sqrt(shape[1]) for name, shape in shapes.items()})
            continue
        parents[k] = int(rng.choice(np.arange(k % n_families, k, n_families)))
        step = rng.uniform(0.02, 0.05)
        models.append({name: w + rng.normal(0, step, w.shape) for name, w in models[parents[k]].items()})
    return _shuffled(models, parents, rng)


TOPOLOGIES = ("tree", "star", "chain", "mixed")


def one_family(
    n_models: int, topology: str = "mixed", alike: float = 0.3, seed: int = 0, width: int = 48
) -> tuple[dict[str, Model], dict[str, str | None]]:
    """One large family, trained-like: steps of a few sizes, a share ``alike`` of each what its task teaches everybody.

    A tree has random parents; a star has hubs of 40 children below one base; chains are runs of 12 models from one
    base; the mixed one has a third of each. Matrices and their steps have few strong directions, and biases move too.
    """
    rng = np.random.default_rng(seed)
    shapes = {"a.weight": (width, width), "a.bias": (width,), "b.weight": (width, width), "c.weight": (10, width)}
    tasks = [{name: _step(shape, rng) for name, shape in shapes.items()} for _ in range(6)]
    models = [{name: rng.uniform(-1, 1, shape) / np.sqrt(width) for name, shape in shapes.items()}]
    parents = [-1]
    for k in range(1, n_models):
        how = TOPOLOGIES[k % 3] if topology == "mixed" else topology
        if how == "star":
            parent = k - k % 41 if k % 41 else 0
        elif how == "chain":
            parent = k - 1 if k % 12 else 0
        else:
            parent = int(rng.integers(k))
        size = rng.uniform(0.1, 0.4) / np.sqrt(width)
        task = tasks[int(rng.integers(len(tasks)))]
        parents.append(parent)
        models.append(
            {
                name: (1.0 - 0.02 * size) * w
                + size * (np.sqrt(alike) * task[name] + np.sqrt(1.0 - alike) * _step(w.shape, rng))
                for name, w in models[parent].items()
            }
        )
    return _shuffled(models, parents, rng)


def grown(
    n_models: int, alike: float = 0.6, seed: int = 0, width: int = 32
) -> tuple[dict[str, Model], dict[str, str | None]]:
    """One large family by preferential attachment: the more children a model has, the more it gets.

    Children of one model were trained on one of three tasks, and a share ``alike`` of each step is what the task
    teaches everybody.
    """
    rng = np.random.default_rng(seed)
    shapes = {"a.weight": (width, width), "b.weight": (width, width), "c.weight": (10, width)}
    tasks = [{name: _step(shape, rng) for name, shape in shapes.items()} for _ in range(3)]
    models = [{name: rng.uniform(-1, 1, shape) / np.sqrt(width) for name, shape in shapes.items()}]
    parents, chances = [-1], [1.0]
    for k in range(1, n_models):
        parent = int(rng.choice(k, p=np.array(chances) / sum(chances)))
        task, size = tasks[parent % 3], rng.uniform(0.1, 0.4) / np.sqrt(width)
        chances[parent] += 1.0
        parents.append(parent)
        chances.append(1.0)
        models.append(
            {
                name: w + size * (np.sqrt(alike) * task[name] + np.sqrt(1.0 - alike) * _step(w.shape, rng))
                for name, w in models[parent].items()
            }
        )
    return _shuffled(models, parents, rng)


def _shuffled(
    models: list[dict[str, NDArray[np.float64]]], parents: list[int], rng: np.random.Generator
) -> tuple[dict[str, Model], dict[str, str | None]]:
    """Models and parents by name, in an order that shows nothing of the descent."""
    order: list[int] = rng.permutation(len(models)).tolist()
    names = {k: f"{place:05d}" for place, k in enumerate(order)}
    found = {names[k]: {name: w.astype(np.float32) for name, w in models[k].items()} for k in order}
    return found, {names[k]: names[parents[k]] if parents[k] >= 0 else None for k in order}


def _step(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float64]:
    """A step of root mean square about one, most of it in few directions, as training leaves it."""
    noise = rng.normal(size=shape)
    if len(shape) < 2:
        return noise
    rank = 6
    low = rng.normal(size=(shape[0], rank)) @ rng.normal(size=(rank, shape[1])) / np.sqrt(rank)
    found: NDArray[np.float64] = np.sqrt(0.6) * low + np.sqrt(0.4) * noise
    return found


def right_parents(answer: Phylogeny, parents: Mapping[str, str | None]) -> float:
    """Share of the models whose parent, or lack of one, is right."""
    missing = {ancestor.name for ancestor in answer.missing}
    found = {edge.child: edge.parent for edge in answer.edges if edge.parent not in missing}
    return sum(found.get(name) == parent for name, parent in parents.items()) / len(parents)
