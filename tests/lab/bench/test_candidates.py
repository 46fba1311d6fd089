from typing import Any

import numpy as np

from neural_phylogeny.lab.bench.tables.candidates import compared, text_of
from neural_phylogeny.statistics.candidates import NOISE, SAMPLE


def test_no_related_pair_is_skipped(tmp_path):
    """Families of close and far tunes, pruned and cut models, models with one layer in common, and strangers."""
    rng = np.random.default_rng(5)
    shapes = {"a.weight": (96, 64), "b.weight": (80, 96), "head.weight": (12, 80)}
    models = {f"s{k}": {n: rng.normal(size=s) for n, s in shapes.items()} for k in range(40)}
    for k, step in enumerate((0.01, 0.1, 1.0, 3.0, 6.0)):
        models[f"t{k}"] = {n: w + step * rng.normal(size=w.shape) for n, w in models[f"s{k}"].items()}
    models["pruned"] = {n: np.where(np.abs(w) > 1.5, w, 0.0) for n, w in models["s5"].items()}
    models["cut"] = {"a.weight": models["s6"]["a.weight"][:50], "b.weight": models["s6"]["b.weight"][:, :50]}
    models["backbone"] = {**models["s7"], "b.weight": models["s8"]["b.weight"]}
    for name, weights in models.items():
        arrays: dict[str, Any] = {n: w.astype(np.float32) for n, w in weights.items()}
        np.savez(tmp_path / f"{name}.npz", **arrays)
    rows, n = compared([tmp_path], samples=(SAMPLE,))
    [row] = [row for row in rows if row.noise == NOISE]
    assert n == len(models)
    assert row.related == 6  # models that share a component and nothing else are not related
    assert row.skipped == 0
    assert row.measured < 0.05
    assert "| 32,768 | 6 (default) |" in text_of(rows, n)
