"""Kinds that exact facts prove are on the edges, and a trained model has none of them."""

import numpy as np
import pytest

from neural_phylogeny.reconstruction.api import reconstruct


@pytest.mark.parametrize(
    ("kind", "make"),
    [
        ("pruned", lambda w, rng: np.where(np.abs(w) < 0.7, 0, w)),
        ("cast", lambda w, rng: w.astype(np.float16)),
        ("quantized", lambda w, rng: np.round(w / np.abs(w).max() * 127) * np.abs(w).max() / 127),
        ("finetune", lambda w, rng: w + 0.3 * rng.standard_t(3, size=w.shape)),
    ],
)
def test_an_edge_has_the_kind_that_is_proven(kind, make, rng):
    dense = {f"layer{k}.weight": rng.normal(size=(64, 64)).astype(np.float32) for k in range(3)}
    child = {name: make(w, rng).astype(np.float32) for name, w in dense.items()}
    edges = reconstruct({"dense": dense, "child": child}).edges
    assert [(edge.parent, edge.child, edge.kind) for edge in edges] == [("dense", "child", kind)]
