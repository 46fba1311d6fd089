"""Tensors that a formula computes, by the models that have them."""

import numpy as np

from neural_phylogeny import reconstruct
from neural_phylogeny.relations import disguises


def _model(rng):
    tables = {f"mask.{k}.weight": np.tril(np.ones((32, 32), np.float32)) for k in range(20)}
    return tables | {f"w.{k}.weight": rng.standard_normal((32, 32), dtype=np.float32) for k in range(3)}


def test_no_disguise_is_looked_for_in_tables_that_both_models_have(rng, monkeypatch):
    seen = []
    real = disguises._matched

    def watched(a, *rest):
        seen.append(float(a[-1, 0, 0]))
        return real(a, *rest)

    monkeypatch.setattr(disguises, "_matched", watched)
    found = reconstruct({"a": _model(rng), "b": _model(rng)})
    assert not found.edges
    assert seen
    assert 1.0 not in seen
