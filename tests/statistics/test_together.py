"""Small tensors of one form are measured together: every result is that of a tensor by itself."""

import numpy as np
import pytest

from neural_phylogeny.statistics import one_pass

SHAPES = ((2, 2), (1, 3), (7,), (9, 30), (30, 9), (16, 3, 3, 3), (40, 40), (3, 400), (64, 64))


def models(rng):
    """A model, one tuned from it, one decayed and rounded, one masked, one with values that are not finite."""
    parent = {f"{k}.{n}.weight": rng.normal(size=s).astype(np.float32) for n, s in enumerate(SHAPES) for k in range(5)}
    tuned = {name: (w + 0.1 * rng.normal(size=w.shape)).astype(np.float32) for name, w in parent.items()}
    tuned |= {name: parent[name] for name in list(parent)[::7]}
    rounded = {name: (0.9 * w).astype(np.float16).astype(np.float32) for name, w in parent.items()}
    masked = {name: np.where(rng.random(w.shape) < 0.3, 0, w).astype(np.float32) for name, w in parent.items()}
    broken = {name: w.copy() for name, w in parent.items()}
    for name in list(broken)[::3]:
        broken[name].flat[-1] = rng.choice([np.nan, np.inf, -np.inf])
    constant = {name: np.full_like(w, 2.0 if name.startswith("1") else 0.0) for name, w in parent.items()}
    return [parent, tuned, rounded, masked, broken, constant, parent]


@pytest.mark.parametrize("at_once", [1 << 17, 1 << 12])
def test_tensors_measured_together_have_the_results_of_each_alone(measured, rng, monkeypatch, at_once):
    collection = models(rng)
    monkeypatch.setattr(one_pass, "AT_ONCE", at_once)
    together = measured(*collection)
    monkeypatch.setattr(one_pass, "SMALL", 0)
    alone = measured(*collection)
    for (tensor, found), (_, expected) in zip(together, alone, strict=True):
        assert found.keys() == expected.keys()
        for key, array in expected.items():
            np.testing.assert_array_equal(found[key], array, err_msg=f"{tensor.name} {key}", strict=True)
