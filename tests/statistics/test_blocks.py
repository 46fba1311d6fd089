"""Loops over blocks: what is measured across many small blocks is what NumPy computes of the whole."""

import numpy as np
import pytest

from neural_phylogeny.formats.memory import MemoryCheckpoint
from neural_phylogeny.relations.existence import existence
from neural_phylogeny.statistics import blocks, kept, one_pass, plan
from neural_phylogeny.statistics.one_pass import measure
from neural_phylogeny.tensors.alignment import align


@pytest.fixture
def models(rng):
    base = rng.normal(size=(37, 29)).astype(np.float32)
    vector = rng.normal(size=101).astype(np.float32)
    found = [{"w": base, "b": vector}]
    for _ in range(3):
        found.append({name: (w + 0.1 * rng.normal(size=w.shape)).astype(np.float32) for name, w in found[0].items()})
    found[2]["w"][30, 7] = found[0]["w"][30, 7]
    return [*found, {"w": base.copy(), "b": vector}]


@pytest.fixture(params=[7, 64, 1000])
def small_blocks(request, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK", request.param)
    monkeypatch.setattr(one_pass, "BLOCK", request.param)
    monkeypatch.setattr(plan, "BLOCK", request.param)
    monkeypatch.setattr(kept, "BLOCK", request.param)
    kept.kept_sample.cache_clear()
    yield request.param
    kept.kept_sample.cache_clear()


def run(models, threads=1):
    checkpoints = [MemoryCheckpoint(model) for model in models]
    return measure(checkpoints, align([c.tensors for c in checkpoints], list("abcde")), threads=threads)


@pytest.mark.usefixtures("small_blocks")
def test_products_and_equality_cross_the_boundaries(models):
    for tensor, arrays in run(models):
        flat = np.stack([model[tensor.name].reshape(-1) for model in models]).astype(np.float64)
        np.testing.assert_allclose(arrays["gram"], flat @ flat.T, rtol=1e-5)
        assert arrays["equality.label"].tolist() == [0, 1, 2, 3, 0]


def test_moments_cross_the_boundaries(models, small_blocks):
    for tensor, arrays in run(models):
        flat = np.stack([model[tensor.name].reshape(-1) for model in models]).astype(np.float64)
        block = np.arange(flat.shape[1]) // small_blocks
        n_blocks = block[-1] + 1
        step = 8 * -(-n_blocks // 64) if n_blocks > 16 else 1
        seen = block % step == 0
        assert arrays["moments.count"].tolist() == [seen.sum()] * 5
        np.testing.assert_allclose(arrays["moments.square"], np.square(flat[:, seen]).sum(axis=1), rtol=1e-5)
        np.testing.assert_allclose(arrays["moments.largest"], np.abs(flat[:, seen]).max(axis=1), rtol=1e-6)


@pytest.mark.usefixtures("small_blocks")
def test_unit_matching_does_not_depend_on_blocks(models, monkeypatch):
    found = existence(run(models))
    monkeypatch.undo()
    kept.kept_sample.cache_clear()
    expected = existence(run(models))
    np.testing.assert_array_equal(found.log_p, expected.log_p)
    assert found.related[0, 4]


@pytest.mark.usefixtures("small_blocks")
def test_threads_change_no_bit(models):
    for one, two in zip(run(models).arrays, run(models, threads=3).arrays, strict=True):
        for key in one:
            np.testing.assert_array_equal(one[key], two[key], err_msg=key)
