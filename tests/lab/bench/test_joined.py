import json
from typing import Any

import numpy as np

from neural_phylogeny.lab.bench.tables.joined import counted, text_of

SHAPES = {"a.weight": (96, 64), "b.weight": (80, 96), "c.weight": (64, 80)}


def collection(folder, rng, shapes):
    """A family of two and a stranger."""
    folder.mkdir(parents=True)
    models = {name: {n: rng.normal(size=s) for n, s in shapes.items()} for name in ("base", "stranger")}
    models["child"] = {n: w + 0.1 * rng.normal(size=w.shape) for n, w in models["base"].items()}
    for name, weights in models.items():
        arrays: dict[str, Any] = {n: w.astype(np.float32) for n, w in weights.items()}
        np.savez(folder / f"{name}.npz", **arrays)
    edge = {"parent": "base.npz", "child": "child.npz", "kind": "finetune", "certainty": "documented (trained)"}
    truth = {"group": "g", "edges": [edge], "roots": ["base.npz", "stranger.npz"], "complete": True}
    (folder / "truth.json").write_text(json.dumps(truth))


def test_pairs_across_collections_count_and_those_that_are_compared_by_themselves(tmp_path, rng):
    for name in ("one", "two"):
        collection(tmp_path / name / "0", rng, SHAPES)
    collection(tmp_path / "other" / "0", rng, {"x.weight": (30, 7), "y.weight": (50, 30)})
    counts, models, collections = counted(tmp_path)
    assert (models, collections) == (9, 3)
    assert {c.kind: (c.pairs, c.related) for c in counts} == {
        "all": (9 * 8 // 2 - 3, 0),
        "with a matrix to compare": (6 * 5 // 2 - 2 + 2, 0),
        "of one collection": (6, 0),
    }
    assert all(c.smallest > 1e-3 for c in counts)
    assert "| of one collection | 6 | 0 | 39.30% |" in text_of(counts, models, collections)
