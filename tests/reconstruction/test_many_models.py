"""Above ``TOGETHER`` models a sample decides what is measured together; the answers stay as they are."""

import tempfile
from pathlib import Path

import numpy as np
import pytest

from neural_phylogeny import reconstruct


def strangers(rng, n, shape=(48, 40)):
    return {
        f"s{k}": {"a.weight": rng.normal(size=shape), "b.weight": rng.normal(size=(30, shape[0]))} for k in range(n)
    }


def claims(answer):
    path = {m.name: m.path for m in answer.models}
    return {(path.get(e.parent, "missing"), path[e.child]) for e in answer.edges}


@pytest.mark.wild
@pytest.mark.slow
def test_edges_of_a_pruned_family_stand_among_more_than_two_hundred_models(wild):
    folder = wild / "cvdong-pruning"
    alone = claims(reconstruct([folder]))
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as place:
        for name, model in strangers(rng, 202).items():
            np.savez(Path(place) / f"{name}.npz", **{k: v.astype(np.float32) for k, v in model.items()})
        joined = reconstruct([folder, place])
    assert len(joined.models) > 202
    assert alone <= claims(joined)


def test_what_cannot_be_judged_is_said_so_in_large_collections_too(monkeypatch):
    from neural_phylogeny.reconstruction import passes

    rng = np.random.default_rng(1)
    models = strangers(rng, 9) | {"tiny1": {"t.w": rng.normal(size=(2, 2))}, "tiny2": {"t.w": rng.normal(size=(2, 2))}}
    small = {m.name: (m.family is None, m.remark) for m in reconstruct(models).models}
    monkeypatch.setattr(passes, "TOGETHER", 5)
    large = {m.name: (m.family is None, m.remark) for m in reconstruct(models).models}
    assert large == small
    assert large["tiny1"][0]
    assert not large["s0"][0]
