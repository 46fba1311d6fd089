"""The counters of batch normalisation are read where they are, and carried with the pass."""

import numpy as np
import pytest

from neural_phylogeny.formats.memory import MemoryCheckpoint
from neural_phylogeny.reconstruction.collect import gather
from neural_phylogeny.reconstruction.options import Reading
from neural_phylogeny.statistics.counters import counts_of, joined


@pytest.mark.parametrize(
    ("counters", "seen"),
    [((), {}), ((0,), {}), ((5,), {0: 5}), ((5, 91656), {0: 91656}), ((-3,), {}), ((np.iinfo(np.int64).max,), {})],
)
def test_the_largest_counter_counts(counters, seen):
    model = {f"bn{k}.num_batches_tracked": np.array(value) for k, value in enumerate(counters)}
    assert counts_of([MemoryCheckpoint({"w": np.ones((4, 4)), **model})])["batches"] == seen


def test_a_saved_pass_keeps_them(tmp_path, rng):
    models = {
        name: {"w": rng.normal(size=(8, 8)), "bn.num_batches_tracked": np.array(seen)}
        for name, seen in (("a", 10), ("b", 0), ("c", 30))
    }
    for name, model in models.items():
        np.savez(tmp_path / f"{name}.npz", **model)
    first = gather(tmp_path, Reading(save_stats=tmp_path / "pass.stats"))
    again = gather(tmp_path, Reading(stats=tmp_path / "pass.stats"))
    assert (
        first.groups[0].statistics.counts["batches"] == again.groups[0].statistics.counts["batches"] == {0: 10, 2: 30}
    )
    assert again.groups[0].statistics.subset([2, 1]).counts["batches"] == {0: 30}


@pytest.mark.parametrize(
    "name",
    [
        "conv.weight_fake_quant.scale",
        "features.0.0.activation_post_process.min_val",
        "fc.observer.scale",
        "layer1._weight_quantizer._amax",
        "block/quantize_layer/quantize_layer_min",
    ],
)
def test_observers_of_the_usual_libraries_are_counted(name):
    plain, observed = (MemoryCheckpoint({"w": np.ones((4, 4)), **more}) for more in ({}, {name: np.ones(1)}))
    assert counts_of([plain, observed])["observers"] == {1: 1}


def test_what_was_not_counted_in_one_group_is_counted_in_none():
    assert joined([{"batches": {2: 5}}, {"batches": {0: 3}, "norms": {0: 1}}]) == {"batches": {0: 3, 2: 5}}
    assert joined([]) == {}
