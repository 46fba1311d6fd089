"""The rows that one model has beyond those that are compared are read where they are, and carried with the pass."""

import numpy as np
import pytest

from neural_phylogeny.formats.memory import MemoryCheckpoint
from neural_phylogeny.reconstruction.collect import gather
from neural_phylogeny.reconstruction.options import Reading
from neural_phylogeny.statistics.beyond import FEWEST, rows_beyond
from neural_phylogeny.tensors.alignment import align


def beyond(*models):
    checkpoints = [MemoryCheckpoint(model) for model in models]
    [tensor] = align([c.tensors for c in checkpoints], [str(k) for k in range(len(models))]).tensors
    return rows_beyond(tensor, checkpoints)


def test_the_spread_of_the_lengths_of_the_rows_beyond(rng):
    long = rng.normal(size=(30, 8)).astype(np.float32)
    lengths = np.linalg.norm(long[20:].astype(float), axis=1)
    found = beyond({"w": long[:20]}, {"w": long})["rows"]
    assert np.isnan(found[0])
    assert found[1] == pytest.approx(lengths.std() / lengths.mean(), rel=1e-6)


def test_few_rows_other_columns_and_equal_shapes_have_none(rng):
    w = rng.normal(size=(20, 8))
    assert beyond({"w": w}, {"w": w}) == {}
    assert beyond({"w": w[: 21 - FEWEST]}, {"w": w}) == {}
    assert beyond({"w": w[:10]}, {"w": rng.normal(size=(20, 9))}) == {}
    assert beyond({"w": w}, {"w": rng.normal(size=(20, 9))}) == {}


def test_a_saved_pass_keeps_them(tmp_path, rng):
    w = rng.normal(size=(30, 8))
    for name, rows in (("a", 20), ("b", 30), ("c", 20)):
        np.savez(tmp_path / f"{name}.npz", w=w[:rows], v=w)
    first = gather(tmp_path, Reading(save_stats=tmp_path / "pass.stats")).groups[0].statistics
    again = gather(tmp_path, Reading(stats=tmp_path / "pass.stats")).groups[0].statistics
    kept = [arrays["beyond.rows"] for arrays in first.arrays if "beyond.rows" in arrays]
    assert len(kept) == 1
    assert np.isfinite(kept[0]).tolist() == [False, True, False]
    for statistics in (again, again.subset([1, 2, 0]).subset([2, 0, 1])):
        [same] = [arrays["beyond.rows"] for arrays in statistics.arrays if "beyond.rows" in arrays]
        np.testing.assert_array_equal(same, kept[0])
