import os

import numpy as np
import pytest

from neural_phylogeny import reconstruct
from neural_phylogeny.errors import SavedFileError
from neural_phylogeny.statistics import one_pass
from neural_phylogeny.statistics.saved import Group, SavedPass, load, save


@pytest.fixture
def family(tmp_path, rng):
    parent = rng.uniform(-1, 1, (64, 64)).astype(np.float32)
    for name in "abcd":
        np.savez(tmp_path / f"{name}.npz", w=parent + rng.normal(0, 0.3, parent.shape).astype(np.float32))
    return tmp_path


def test_a_saved_pass_gives_the_same_answer_without_a_read(family, monkeypatch):
    stats = family / "kept.stats"
    first = reconstruct(family, save_stats=stats)
    monkeypatch.setattr(one_pass._Worker, "__call__", lambda *_: pytest.fail("a value was read"))
    assert reconstruct(family, stats=stats).to_json() == first.to_json()
    some = reconstruct([family / "d.npz", family / "b.npz"], stats=stats)
    assert [model.name for model in some.models] == ["d.npz", "b.npz"]


def test_one_more_model_is_measured_again(family, rng):
    stats = family / "kept.stats"
    reconstruct(family, save_stats=stats)
    np.savez(family / "e.npz", w=rng.normal(size=(64, 64)).astype(np.float32))
    assert len(reconstruct(family, stats=stats, save_stats=stats).models) == 5
    assert len(load(stats).fingerprints) == 5


def test_a_changed_file_is_measured_again(family, rng):
    stats = family / "kept.stats"
    before = reconstruct(family, save_stats=stats)
    np.savez(family / "a.npz", w=rng.normal(size=(64, 64)).astype(np.float32))
    os.utime(family / "a.npz", ns=(1, 1))
    after = reconstruct(family, stats=stats)
    assert {m.name: m.family for m in after.models}["a.npz"] != {m.name: m.family for m in after.models}["b.npz"]
    assert before.to_json() != after.to_json()


def test_what_was_saved_is_what_is_loaded(measured, rng, tmp_path):
    statistics = measured(*({"w": rng.normal(size=(8, 9)).astype(np.float32)} for _ in range(3)))
    with open(tmp_path / "kept", "wb") as file:
        save(file, SavedPass(("x", "y", "z"), 5, (Group((0, 1, 2), statistics),)))
    loaded = load(tmp_path / "kept")
    assert (loaded.fingerprints, loaded.seed) == (("x", "y", "z"), 5)
    [group] = loaded.groups
    assert group.statistics.alignment.tensors == statistics.alignment.tensors
    assert group.statistics.pairwise == statistics.pairwise
    [found], [expected] = group.statistics.arrays, statistics.arrays
    assert {"moments.grid", "cross.third", "sketch.spectrum"} <= found.keys() == expected.keys()
    for key in expected:
        np.testing.assert_array_equal(found[key], expected[key], err_msg=key)
    assert loaded.select(["z", "w"]) is None


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 torn"])
def test_a_damaged_file_is_refused_with_a_sentence(content, tmp_path):
    path = tmp_path / "bad.stats"
    path.write_bytes(content)
    with pytest.raises(SavedFileError, match=r"bad\.stats: cannot be read as saved statistics"):
        load(path)


def test_another_version_is_refused(tmp_path):
    header = np.frombuffer(b'{"format": "neural-phylogeny-statistics", "version": 99}', dtype=np.uint8)
    np.savez(tmp_path / "new.npz", header=header)
    with pytest.raises(SavedFileError, match="not statistics of version 2; measure the models again"):
        load(tmp_path / "new.npz")


def test_an_array_of_another_length_than_its_outline_is_refused(measured, rng, tmp_path):
    statistics = measured(*({"w": rng.normal(size=(8, 9)).astype(np.float32)} for _ in range(3)))
    with open(tmp_path / "kept.npz", "wb") as file:
        save(file, SavedPass(("x", "y", "z"), 5, (Group((0, 1, 2), statistics),)))
    with np.load(tmp_path / "kept.npz") as data:
        arrays = {key: data[key] for key in data.files}
    for wrong in (arrays["0/gram"][:-1], np.append(arrays["0/gram"], 1.0)):
        np.savez(tmp_path / "kept.npz", **{**arrays, "0/gram": wrong})
        with pytest.raises(SavedFileError, match="measure again"):
            load(tmp_path / "kept.npz")


def test_a_pass_of_another_sample_is_not_reused_and_that_is_told(tmp_path, rng):
    parent = rng.uniform(-1, 1, (300, 200)).astype(np.float32)
    for name, moved in (("a", 0.0), ("b", 0.3), ("c", 0.5)):
        np.savez(tmp_path / f"{name}.npz", w=parent + rng.normal(0, moved, parent.shape).astype(np.float32))
    stats = tmp_path / "kept.stats"
    whole = reconstruct(tmp_path, save_stats=stats)
    some = reconstruct(tmp_path, stats=stats, save_stats=stats, sample=0.1)
    assert some.provenance["parameters"]["sample"]["read"] < 0.2
    assert any("another sample of the weights" in note for note in some.provenance["notes"])
    again = reconstruct(tmp_path, stats=stats, sample=0.1)
    assert not any("another sample" in note for note in again.provenance["notes"])
    assert again.edges == some.edges
    assert reconstruct(tmp_path, stats=stats).edges == whole.edges != some.edges
