"""Alterations change what they say, and nothing else."""

import ml_dtypes
import numpy as np
import pytest

from neural_phylogeny.lab.families import alter
from neural_phylogeny.lab.families.architectures import Architecture


@pytest.fixture
def model(rng):
    return {
        "0.weight": rng.normal(size=(24, 50)).astype(np.float32),
        "0.bias": rng.normal(size=24).astype(np.float32),
        "2.weight": rng.normal(size=(10, 24)).astype(np.float32),
        "2.bias": rng.normal(size=10).astype(np.float32),
    }


def test_pruning_zeroes_the_smallest_of_each_matrix(model):
    pruned = alter.prune(model, 0.3)
    for name, w in pruned.items():
        kept = w != 0
        np.testing.assert_array_equal(w[kept], model[name][kept])
        if w.ndim > 1:
            assert (~kept).mean() == pytest.approx(0.3, abs=0.01)
            assert np.abs(model[name][~kept]).max() <= np.abs(w[kept]).min()


@pytest.mark.parametrize("grid", alter.GRIDS)
def test_rounding_is_near_and_final(model, grid):
    once = alter.rounded(model, grid)
    for name, w in once.items():
        assert w.dtype == np.float32
        np.testing.assert_allclose(w, model[name], atol=np.abs(model[name]).max() / (14 if grid == "4-bit" else 128))
    again = alter.rounded(once, grid)
    for name, w in again.items():
        np.testing.assert_allclose(w, once[name], rtol=1e-5, atol=1e-7)


def test_the_grids_have_their_levels(model):
    bf16 = alter.rounded(model, "bf16")["0.weight"]
    np.testing.assert_array_equal(bf16, bf16.astype(ml_dtypes.bfloat16).astype(np.float32))
    assert max(len(np.unique(row)) for row in alter.rounded(model, "int8")["0.weight"]) <= 255
    blocks = alter.rounded(model, "4-bit")["0.weight"].ravel()[: 24 * 50 // 32 * 32].reshape(-1, 32)
    assert max(len(np.unique(block)) for block in blocks) <= 15


def test_balancing_keeps_the_function(model, rng):
    architecture = Architecture("dense", 8, 10, (24,), "relu")
    assert alter.can_be_balanced(architecture)
    other = alter.balanced(model, architecture, np.array([1.7], dtype=np.float32))
    x = rng.normal(size=(5, 50))

    def run(m):
        return np.maximum(x @ m["0.weight"].T + m["0.bias"], 0) @ m["2.weight"].T + m["2.bias"]

    np.testing.assert_allclose(run(other), run(model), rtol=1e-4, atol=1e-4)
    assert not can_be_balanced_with_tanh()


def can_be_balanced_with_tanh():
    return alter.can_be_balanced(Architecture("dense", 8, 10, (24,), "tanh"))


def test_a_merge_lies_between_and_nearer_to_the_larger_share(model, rng):
    other = {name: (w + rng.normal(size=w.shape)).astype(np.float32) for name, w in model.items()}
    mean = alter.merged(model, other, 0.7)
    np.testing.assert_allclose(mean["0.bias"], 0.7 * model["0.bias"] + 0.3 * other["0.bias"], rtol=1e-5, atol=1e-6)
    assert alter.distance(mean, model) < alter.distance(mean, other)


def test_rescaling_is_by_a_constant(model):
    np.testing.assert_allclose(alter.rescaled(model, 2.0)["0.weight"], 2 * model["0.weight"])
