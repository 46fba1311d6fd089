"""What changed between two models: numbers that can be worked out by hand."""

import math

import numpy as np
import pytest

from neural_phylogeny.errors import NothingToCompareError
from neural_phylogeny.reconstruction.difference import COLUMNS, ROWS, difference, effective_rank
from neural_phylogeny.reconstruction.options import Reading


def found(a, b):
    return difference({"a": a, "b": b}, Reading(1))


def test_each_kind_of_change(rng):
    base = {
        "frozen.weight": rng.normal(size=(8, 6)).astype(np.float32),
        "tuned.weight": np.ones((8, 6), np.float32),
        "embed.weight": rng.normal(size=(20, 6)).astype(np.float32),
        "zero.bias": np.zeros(6, np.float32),
        "gone.weight": rng.normal(size=(3, 5)).astype(np.float32),
    }
    step = np.outer(np.arange(8), np.array([1.0, 0, 0, 0, 0, 0])).astype(np.float32)
    child = {
        "frozen.weight": base["frozen.weight"],
        "tuned.weight": base["tuned.weight"] + step,
        "embed.weight": np.concatenate([base["embed.weight"], rng.normal(size=(4, 6)).astype(np.float32)]),
        "zero.bias": np.ones(6, np.float32),
        "new.weight": rng.normal(size=(7, 9)).astype(np.float32),
    }
    changes = found(base, child)
    by_name = {tensor.name: tensor for tensor in changes.tensors}
    assert by_name["frozen.weight"].is_frozen
    assert by_name["frozen.weight"].effective_rank is None
    tuned = by_name["tuned.weight"]
    assert tuned.changed == pytest.approx(np.linalg.norm(step) / math.sqrt(48))
    assert tuned.equal == pytest.approx(41 / 48)
    assert tuned.effective_rank == pytest.approx(1.0, abs=1e-5)
    assert tuned.full_rank == 6
    assert (by_name["embed.weight"].new_rows, by_name["embed.weight"].is_frozen) == (4, True)
    assert math.isinf(by_name["zero.bias"].changed)
    assert changes.only_in_a == ("gone.weight",)
    assert changes.only_in_b == ("new.weight",)
    backwards = {tensor.name: tensor for tensor in found(child, base).tensors}
    assert backwards["embed.weight"].dropped_rows == 4


def test_no_change_and_values_that_are_not_finite(rng):
    base = {"w": rng.normal(size=(8, 6)).astype(np.float32)}
    same = found(base, base)
    assert (same.changed, same.equal, same.similarity) == (0.0, 1.0, pytest.approx(1.0))
    broken = base["w"].copy()
    broken[0, 0] = np.nan
    (tensor,) = found(base, {"w": broken}).tensors
    assert math.isnan(tensor.changed)
    assert tensor.effective_rank is None


def test_the_rank_of_a_large_step_is_that_of_a_sample(rng):
    base = rng.normal(size=(700, 1500)).astype(np.float32)
    low = (rng.normal(size=(700, 2)) @ rng.normal(size=(2, 1500))).astype(np.float32)
    (tensor,) = found({"w": base}, {"w": base + low}).tensors
    assert tensor.full_rank == min(ROWS, COLUMNS)
    assert tensor.effective_rank == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize("rank", [1, 3, 7])
def test_the_effective_rank_of_an_even_spectrum_is_its_rank(rng, rank):
    left, right = (np.linalg.qr(rng.normal(size=(n, rank)))[0] for n in (12, 9))
    assert effective_rank((left @ right.T).astype(np.float32)) == pytest.approx(rank, rel=1e-3)


def test_models_without_a_common_tensor(rng):
    with pytest.raises(NothingToCompareError, match="no tensor in common"):
        found({"w": rng.normal(size=(8, 6))}, {"v": rng.normal(size=(5, 7))})
    with pytest.raises(NothingToCompareError, match="1 readable models"):
        difference({"a": {"w": rng.normal(size=(8, 6))}}, Reading(1))
