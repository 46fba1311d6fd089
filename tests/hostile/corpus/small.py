"""Related models of thousands of small tensors: what follows the pass must not cost a step for each of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tests.hostile.corpus.base import case, safetensors

Model = dict[str, np.ndarray]

COUNT = 4096


def _model(*shapes: tuple[int, ...]) -> Model:
    rng = np.random.default_rng(0)
    return {
        f"l.{k}.{'weight' if len(shape) > 1 else 'bias'}": rng.standard_normal(shape, dtype=np.float32)
        for k, shape in enumerate(shapes)
    }


def _tuned(model: Model, seed: int) -> Model:
    rng = np.random.default_rng(seed)
    return {name: w + np.float32(0.05) * rng.standard_normal(w.shape, dtype=np.float32) for name, w in model.items()}


def _written(folder: Path, *models: Model) -> list[str]:
    return [str(safetensors(folder / f"{k}.safetensors", model)) for k, model in enumerate(models)]


@case
def small_matrices_of_three_relatives(folder: Path) -> list[str]:
    base = _model(*[(6, 6)] * COUNT)
    return _written(folder, base, _tuned(base, 1), _tuned(base, 2))


@case
def small_matrices_of_four_relatives(folder: Path) -> list[str]:
    base = _model(*[(6, 6)] * COUNT)
    return _written(folder, base, *(_tuned(base, seed) for seed in (1, 2, 3)))


@case
def small_matrices_and_a_layerwise_merge(folder: Path) -> list[str]:
    base = _model(*[(6, 6)] * COUNT)
    tuned = _tuned(base, 1)
    mean = {name: (w + tuned[name]) / np.float32(2) for name, w in base.items()}
    return _written(folder, base, tuned, mean, {n: (base, tuned)[k % 2][n] for k, n in enumerate(base)})


@case
def small_matrices_of_which_one_relative_lacks_half(folder: Path) -> list[str]:
    base = _model(*[(6, 6)] * COUNT)
    tuned = _tuned(base, 2)
    return _written(folder, base, _tuned(base, 1), {name: tuned[name] for name in list(tuned)[::2]})


@case
def small_matrices_rounded_and_masked(folder: Path) -> list[str]:
    base = _model(*[(6, 6)] * (COUNT // 2))
    rounded = {name: np.round(w * np.float32(50)) / np.float32(50) for name, w in base.items()}
    rng = np.random.default_rng(1)
    masked = {name: np.where(rng.random(w.shape) < 0.4, np.float32(0), w) for name, w in base.items()}
    return _written(folder, base, rounded, masked)


@case
def small_vectors_of_a_thousand_lengths(folder: Path) -> list[str]:
    base = _model((64, 64), *[(2 + k % 997,) for k in range(COUNT)])
    return _written(folder, base, _tuned(base, 1), _tuned(base, 2))


@case
def small_layers_with_norms(folder: Path) -> list[str]:
    base = _model(*[(8, 8), (8,), (8,), (8,)] * (COUNT // 4))
    return _written(folder, base, _tuned(base, 1), _tuned(base, 2))


@case
def small_matrices_of_as_many_shapes(folder: Path) -> list[str]:
    base = _model(*[(rows, columns) for rows in range(2, 66) for columns in range(2, 66)])
    return _written(folder, base, _tuned(base, 1), _tuned(base, 2))
