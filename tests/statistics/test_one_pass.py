import time

import numpy as np
import pytest

from neural_phylogeny.errors import DamagedFileError
from neural_phylogeny.formats import open_checkpoint
from neural_phylogeny.formats.memory import MemoryCheckpoint
from neural_phylogeny.statistics.base import Statistic
from neural_phylogeny.statistics.blocks import BLOCK
from neural_phylogeny.statistics.one_pass import measure
from neural_phylogeny.tensors.alignment import align


def models(rng, n=3, shape=(300, 500)):
    return [{"w": rng.normal(size=shape).astype(np.float32), "b": np.ones(7, dtype=np.float32)} for _ in range(n)]


def assert_same_bits(one, other):
    for (tensor, found), (_, expected) in zip(one, other, strict=True):
        assert found.keys() == expected.keys()
        for key in found:
            assert found[key].tobytes() == expected[key].tobytes(), (tensor.name, key)


def test_gram_and_moments_are_those_of_the_whole_tensor(measured, rng):
    three = models(rng)
    [(tensor, found), _] = list(measured(*three))
    X = np.stack([m["w"].ravel() for m in three]).astype(np.float64)
    assert tensor.size > 2 * BLOCK
    np.testing.assert_allclose(found["gram"], X @ X.T, rtol=1e-5, atol=1)
    np.testing.assert_allclose(found["moments.sum"], X.sum(1), atol=0.1)
    for power, key in ((2, "square"), (3, "cube"), (4, "fourth")):
        np.testing.assert_allclose(found[f"moments.{key}"], (X**power).sum(1), rtol=1e-3, atol=1)
    np.testing.assert_array_equal(found["moments.largest"], np.abs(X).max(1))
    assert found["moments.count"].tolist() == [tensor.size] * 3


def test_threads_do_not_change_a_bit(measured, rng):
    three = models(rng, shape=(700, 900))
    assert_same_bits(measured(*three, threads=1), measured(*three, threads=4))


def test_a_streamed_and_an_in_memory_read_give_the_same_bits(measured, rng, tmp_path):
    safetensors = pytest.importorskip("safetensors.numpy")
    three = models(rng)
    for k, model in enumerate(three):
        safetensors.save_file(model, tmp_path / f"{k}.safetensors")
        np.savez_compressed(tmp_path / f"{k}.npz", **model)
    in_memory = measured(*three)
    for suffix in ("safetensors", "npz"):
        opened = [open_checkpoint(tmp_path / f"{k}.{suffix}") for k in range(3)]
        order = [{name: c.tensors[name] for name in ("w", "b")} for c in opened]
        assert_same_bits(in_memory, measure(opened, align(order, list("abc"))))


def test_boxes_read_the_common_part_alone(measured, rng):
    long, short = rng.normal(size=(9, 6)).astype(np.float32), rng.normal(size=(5, 4)).astype(np.float32)
    [(tensor, found)] = list(measured({"w": long}, {"w": short}))
    assert tensor.shape == (5, 4)
    np.testing.assert_allclose(found["gram"][0, 1], (long[:5, :4] * short).sum(), rtol=1e-5)
    np.testing.assert_allclose(found["gram"][0, 0], (long[:5, :4] ** 2).sum(), rtol=1e-5)


def test_boxes_that_cut_columns_work_across_blocks(measured, rng):
    wide, narrow = rng.normal(size=(900, 110)).astype(np.float32), rng.normal(size=(900, 100)).astype(np.float32)
    [(tensor, found)] = list(measured({"w": wide}, {"w": narrow}))
    assert tensor.size > BLOCK
    np.testing.assert_allclose(found["gram"][0, 1], (wide[:, :100] * narrow).sum(), rtol=1e-3)


def test_nan_spoils_only_its_own_model(measured, rng):
    three = models(rng)
    three[1]["w"][5, 5] = np.nan
    [(_, found), _] = list(measured(*three))
    finite = np.isfinite(found["gram"])
    assert finite.tolist() == [[True, False, True], [False, False, False], [True, False, True]]


def test_a_model_that_cannot_be_read_to_the_end_is_reported_and_spoils_nobody(rng):
    class Torn(MemoryCheckpoint):
        def read(self, name, start=0, stop=None):
            raise DamagedFileError("the file ended before the tensor did", path="torn.pt", tensor=name)

    models_ = models(rng)
    checkpoints = [MemoryCheckpoint(models_[0]), Torn(models_[1]), MemoryCheckpoint(models_[2])]
    found = measure(checkpoints, align([c.tensors for c in checkpoints], list("abc")))
    assert found.failures == {1: "torn.pt: tensor 'w': the file ended before the tensor did"}
    gram = found.arrays[0]["gram"]
    assert np.isfinite(gram[0, 2])
    assert np.isnan(gram[1, 1])


def test_the_reason_is_that_of_the_first_place_whichever_thread_comes_there_first(rng):
    class Torn(MemoryCheckpoint):
        def read(self, name, start=0, stop=None):
            time.sleep(0.05 if name == "w" else 0.0)
            raise DamagedFileError("the file ended before the tensor did", path="torn.pt", tensor=name)

    models_ = models(rng)
    checkpoints = [MemoryCheckpoint(models_[0]), Torn(models_[1])]
    found = measure(checkpoints, align([c.tensors for c in checkpoints], list("ab")), threads=2)
    assert found.failures == {1: "torn.pt: tensor 'w': the file ended before the tensor did"}


def test_equal_values_are_found_block_by_block(measured, rng):
    one, two, three = models(rng)
    two["w"], three["w"] = one["w"].copy(), one["w"].copy()
    three["w"][-1, -1] += 1e-3
    [(_, w), (_, b)] = list(measured(one, two, three))
    assert w["equality.label"].tolist() == [0, 0, 2]
    assert b["equality.label"].tolist() == [0, 0, 0]


def test_every_value_is_read_once(rng):
    class Counting(MemoryCheckpoint):
        reads = 0

        def read(self, name, start=0, stop=None):
            values = super().read(name, start, stop)
            Counting.reads += values.size
            return values

    checkpoints = [Counting(model) for model in models(rng)]
    measure(checkpoints, align([c.tensors for c in checkpoints], list("abc")))
    assert Counting.reads == 3 * (300 * 500 + 7)


def test_a_statistic_registers_without_another_read(measured, rng):
    class Largest(Statistic):
        name = "largest"

        def measure(self, tensor, block, values):
            return {"largest": values.max(axis=1)}

        def combine(self, tensor, parts):
            return {"largest": np.max([part["largest"] for part in parts], axis=0)}

    three = models(rng)
    found = measured(*three, statistics=[Largest()])
    np.testing.assert_array_equal(found.arrays[0]["largest"], [m["w"].max() for m in three])


def test_progress_ends_at_the_total(rng):
    checkpoints = [MemoryCheckpoint(model) for model in models(rng)]
    seen = []
    measure(checkpoints, align([c.tensors for c in checkpoints], list("abc")), progress=lambda *step: seen.append(step))
    assert seen[-1] == (450021, 450021)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_a_subset_keeps_the_numbers(measured, rng):
    whole = measured(*models(rng, n=4))
    part = whole.subset([3, 1])
    at = np.ix_([3, 1], [3, 1])
    np.testing.assert_array_equal(part.arrays[0]["gram"], whole.arrays[0]["gram"][at])
    np.testing.assert_array_equal(part.arrays[0]["cross.third"], whole.arrays[0]["cross.third"][at])
    for name, inner in (("moments.sum", ()), ("sketch.spectrum", (3,))):
        assert part.per_model(name).shape == (2, 2, *inner)
        np.testing.assert_array_equal(part.per_model(name), whole.per_model(name)[:, [3, 1]])


def test_large_tensors_are_thinned_alike_in_all_models(measured, rng):
    shape = (17 * BLOCK // 512 + 1, 512)
    base = rng.normal(size=shape).astype(np.float32)
    [(tensor, found)] = list(measured({"w": base}, {"w": 2 * base}))
    assert 0 < found["moments.count"][0] < tensor.size
    np.testing.assert_allclose(found["moments.fourth"][1], 16 * found["moments.fourth"][0], rtol=1e-6)
