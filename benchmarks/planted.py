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
    order: list[int] = rng.permutation(n_models).tolist()
    names = {k: f"{place:05d}" for place, k in enumerate(order)}
    found = {names[k]: {name: w.astype(np.float32) for name, w in models[k].items()} for k in order}
    return found, {names[k]: names[parents[k]] if parents[k] >= 0 else None for k in order}


def right_parents(answer: Phylogeny, parents: Mapping[str, str | None]) -> float:
    """Share of the models whose parent, or lack of one, is right."""
    missing = {ancestor.name for ancestor in answer.missing}
    found = {edge.child: edge.parent for edge in answer.edges if edge.parent not in missing}
    return sum(found.get(name) == parent for name, parent in parents.items()) / len(parents)
