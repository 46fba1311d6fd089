"""Fingerprints of models that lie elsewhere: what is fetched of them is counted by the hub itself."""

import numpy as np
import pytest
from tests.sources.remote.test_hub import layers, model, safetensors, sparse_shards

from neural_phylogeny.reconstruction.fingerprints import fingerprint_model


def test_a_fingerprint_from_a_hub_is_that_of_the_file_here(hub, tmp_path, rng) -> None:
    content = safetensors(model(rng, (400, 300)))
    hub.add("org/net", "model.safetensors", content)
    (tmp_path / "m.safetensors").write_bytes(content)
    there = fingerprint_model("hf://org/net", size=1 << 15)
    assert there.digest == fingerprint_model(tmp_path / "m.safetensors", size=1 << 15).digest
    assert there.source.name == "org/net/model.safetensors"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shape", "count", "gigabytes"), [((8192, 28_672, 1024, 80), 29, 141), ((4096, 14_336, 1024, 32), 4, 16)]
)
def test_of_140_gb_at_most_64_mb_are_fetched_in_at_most_200_requests(hub, tmp_path, shape, count, gigabytes) -> None:
    total = sparse_shards(hub, "org/large", tmp_path, layers(*shape), count)
    assert round(total / 1e9) == gigabytes
    found = fingerprint_model("hf://org/large")
    assert found.n_values > 30_000
    assert hub.sent < 64_000_000
    assert len(hub.asked) <= 200
    assert not np.any(found.block(next(n for n, t in found.tensors.items() if t.grid and all(t.grid))))
