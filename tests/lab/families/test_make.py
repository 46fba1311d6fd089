"""Waves: the same every time, their truth sound, their order telling nothing, their files whole."""

import json

import numpy as np
import pytest

from neural_phylogeny.lab.families.make import make_waves, wave

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def families(pictures):
    return wave(3, pictures, 16, kind="dense")


def test_a_seed_decides_everything(pictures):
    one, other = (wave(11, pictures, 2, kind="dense", regime="star") for _ in range(2))
    assert len(one) == len(other) > 0
    for a, b in zip(one, other, strict=True):
        assert a.about == b.about
        np.testing.assert_array_equal(a.parents, b.parents)
        for m, n in zip(a.models, b.models, strict=True):
            assert m.keys() == n.keys()
            assert all(np.array_equal(m[name], n[name]) for name in m)


def test_the_truth_is_a_forest_of_different_models(families):
    assert len(families) > 5
    for family in families:
        n = len(family.models)
        assert len(family.parents) == len(family.hidden) == len(family.trees) == n >= 3
        for k in range(n):
            line = [k]
            while (parent := int(family.parents[line[-1]])) >= 0:
                assert parent not in line
                assert family.trees[parent] == family.trees[k]
                line.append(parent)
        assert len({b"".join(w.tobytes() for w in m.values()) for m in family.models}) == n
        assert len({tuple(m) for m in family.models}) == 1
        assert all(w.dtype == np.float32 and np.isfinite(w).all() for m in family.models for w in m.values())


def test_parents_do_not_come_first(families):
    edges = [(p, k) for family in families for k, p in enumerate(family.parents) if p >= 0]
    assert 0.3 < np.mean([p < k for p, k in edges]) < 0.7


def test_about_tells_what_results_are_told_apart_by(families):
    for family in families:
        assert {"regime", "architecture", "tasks", "alterations"} <= family.about.keys()
        assert json.loads(json.dumps(family.about)) == family.about


def test_files_are_whole_and_those_that_are_there_stay(tmp_path, monkeypatch):
    from neural_phylogeny.lab.families import make

    calls = []

    def few(seed, pictures, n_families, *, draw, wide):
        calls.append(seed)
        return wave(seed, pictures, 2, kind="dense", regime="star", draw=draw, wide=wide)

    monkeypatch.setattr(make, "wave", few)

    def measure(models):
        return {"norms": np.array([sum(float((w**2).sum()) for w in m.values()) for m in models])}

    def fails(models):
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        make_waves(tmp_path, 11, 12, fails)
    assert not list(tmp_path.iterdir())
    make_waves(tmp_path, 11, 13, measure)
    make_waves(tmp_path, 11, 13, fails)
    assert calls == [11, 11, 12]
    with np.load(tmp_path / "wave-000011.npz", allow_pickle=False) as file:
        about = json.loads(str(file["about"]))
        assert all(len(file[f"{k}/parents"]) == len(file[f"{k}/norms"]) for k in range(len(about)))
    with pytest.raises(ValueError, match="'parents'"):
        make_waves(tmp_path, 13, 14, lambda models: {"parents": np.zeros(1)})
