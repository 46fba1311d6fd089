"""Models made against what compares them: equal tensors, computed tables, layers and matrices that grew."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tests.hostile.corpus.base import case, safetensors

Model = dict[str, np.ndarray]


def _written(folder: Path, **models: Model) -> list[str]:
    return [str(safetensors(folder / f"{name}.safetensors", model)) for name, model in models.items()]


@case
def kinds_of_equal_tensors_of_other_names(folder: Path) -> list[str]:
    one = np.random.default_rng(0).standard_normal((6, 6), dtype=np.float32)
    return _written(folder, a={f"l{k}.weight": one for k in range(4096)}, b={f"m{k}.w": one for k in range(4096)})


@case
def kinds_of_equal_tensors_in_two_networks(folder: Path) -> list[str]:
    ones = np.random.default_rng(0).standard_normal((2, 24, 24), dtype=np.float32)
    models = {"ab"[i]: {f"{'lm'[i]}{k}.weight": ones[i] for k in range(4096)} for i in range(2)}
    return _written(folder, **models)


def _table(kind: int, n: int = 64) -> np.ndarray:
    places = np.arange(n, dtype=np.float64)
    if kind == 0:
        return np.tril(np.ones((n, n), np.float32))
    if kind == 1:
        angles = places[:, None] / 10_000 ** (places[None, : n // 2] / (n // 2))
        return np.concatenate([np.sin(angles), np.cos(angles)], axis=1).astype(np.float32)
    return np.cos(places[:, None] * places[None] * np.pi / n).astype(np.float32)


@case
def kinds_of_computed_tables(folder: Path) -> list[str]:
    models = {}
    for name in "ab":
        weights = np.random.default_rng(ord(name)).standard_normal((4, 64, 64), dtype=np.float32)
        tables = {f"h.{k}.table": _table(k % 3) for k in range(800)}
        models[name] = tables | {f"w.{k}.weight": one for k, one in enumerate(weights)}
    return _written(folder, **models)


@case
def kinds_of_layers_that_grew(folder: Path) -> list[str]:
    rng = np.random.default_rng(0)
    layers = rng.standard_normal((500, 16, 16), dtype=np.float32)
    a = {f"l.{k}.weight": one for k, one in enumerate(layers[::2])}
    b = {f"l.{k}.weight": one for k, one in enumerate(layers)}
    return _written(folder, a=a, b=b)


@case
def kinds_of_matrices_that_grew(folder: Path) -> list[str]:
    rng = np.random.default_rng(0)
    a = {f"l.{k}.weight": rng.standard_normal((900, 900), dtype=np.float32) for k in range(6)}
    b = {f"l.{k}.weight": rng.standard_normal((1500, 1500), dtype=np.float32) for k in range(6)}
    return _written(folder, a=a, b=b)


@case
def kinds_of_many_matrices_that_grew(folder: Path) -> list[str]:
    rng = np.random.default_rng(0)
    b = {f"l.{k}.weight": rng.standard_normal((240, 240), dtype=np.float32) for k in range(200)}
    a = {name: one[:200, :200].copy() for name, one in b.items()}
    return _written(folder, a=a, b=b)
