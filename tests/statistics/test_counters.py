"""The counters of batch normalisation are read where they are, and carried with the pass."""

import numpy as np
import pytest

from neural_phylogeny.formats.memory import MemoryCheckpoint
from neural_phylogeny.reconstruction.collect import gather
from neural_phylogeny.reconstruction.options import Reading
from neural_phylogeny.statistics.counters import batches_seen


@pytest.mark.parametrize(
    ("counters", "seen"),
    [((), None), ((0,), None), ((5,), 5), ((5, 91656), 91656), ((-3,), None), ((np.iinfo(np.int64).max,), None)],
)
def test_the_largest_counter_counts(counters, seen):
    model = {f"bn{k}.num_batches_tracked": np.array(value) for k, value in enumerate(counters)}
    assert batches_seen(MemoryCheckpoint({"w": np.ones((4, 4)), **model})) == seen


def test_a_saved_pass_keeps_them(tmp_path, rng):
    models = {
        name: {"w": rng.normal(size=(8, 8)), "bn.num_batches_tracked": np.array(seen)}
        for name, seen in (("a", 10), ("b", 0), ("c", 30))
    }
    for name, model in models.items():
        np.savez(tmp_path / f"{name}.npz", **model)
    first = gather(tmp_path, Reading(save_stats=tmp_path / "pass.stats"))
    again = gather(tmp_path, Reading(stats=tmp_path / "pass.stats"))
    assert first.groups[0].statistics.batches == again.groups[0].statistics.batches == {0: 10, 2: 30}
    assert again.groups[0].statistics.subset([2, 1]).batches == {0: 30}
