import os
from dataclasses import replace

import numpy as np
import pytest

from neural_phylogeny import reconstruct
from neural_phylogeny.errors import SavedFileError
from neural_phylogeny.inputs import ModelRef, Part
from neural_phylogeny.sources.opening import open_model
from neural_phylogeny.statistics import cache, one_pass
from neural_phylogeny.statistics.cache import CachedStatistics, Group, load, reuse, save
from neural_phylogeny.statistics.identity import identity
from neural_phylogeny.statistics.plan import SamplingPlan


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
        save(file, CachedStatistics(("x", "y", "z"), 5, (Group((0, 1, 2), statistics),)))
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
    with pytest.raises(SavedFileError, match=r"bad\.stats: cannot be read as cached statistics"):
        load(path)


def test_another_version_is_refused(tmp_path):
    header = np.frombuffer(b'{"format": "neural-phylogeny-statistics", "version": 99}', dtype=np.uint8)
    np.savez(tmp_path / "new.npz", header=header)
    with pytest.raises(SavedFileError, match="not statistics of version 3; measure the models again"):
        load(tmp_path / "new.npz")


def test_an_array_of_another_length_than_its_layout_is_refused(measured, rng, tmp_path):
    statistics = measured(*({"w": rng.normal(size=(8, 9)).astype(np.float32)} for _ in range(3)))
    with open(tmp_path / "kept.npz", "wb") as file:
        save(file, CachedStatistics(("x", "y", "z"), 5, (Group((0, 1, 2), statistics),)))
    with np.load(tmp_path / "kept.npz") as data:
        arrays = {key: data[key] for key in data.files}
    for wrong in (arrays["0/gram"][:-1], np.append(arrays["0/gram"], 1.0)):
        np.savez(tmp_path / "kept.npz", **{**arrays, "0/gram": wrong})
        with pytest.raises(SavedFileError, match="measure again"):
            load(tmp_path / "kept.npz")


def test_a_pass_of_another_sample_is_not_reused_and_that_is_reported(tmp_path, rng):
    parent = rng.uniform(-1, 1, (300, 200)).astype(np.float32)
    for name, moved in (("a", 0.0), ("b", 0.3), ("c", 0.5)):
        np.savez(tmp_path / f"{name}.npz", w=parent + rng.normal(0, moved, parent.shape).astype(np.float32))
    stats = tmp_path / "kept.stats"
    whole = reconstruct(tmp_path, save_stats=stats)
    some = reconstruct(tmp_path, stats=stats, save_stats=stats, sample=0.1)
    assert some.provenance["parameters"]["sample"]["read"] < 0.2
    assert any(
        "holds another sample of the weights, so they were read again" in note for note in some.provenance["notes"]
    )
    again = reconstruct(tmp_path, stats=stats, sample=0.1)
    assert not any("another sample" in note for note in again.provenance["notes"])
    assert again.edges == some.edges
    assert reconstruct(tmp_path, stats=stats).edges == whole.edges != some.edges


def reread(answer):
    """Why cached statistics were not used; empty where they were."""
    return [note for note in answer.provenance["notes"] if note.endswith("so they were read again")]


def test_the_statistics_of_other_models_in_memory_prove_nothing(tmp_path, rng):
    stats = tmp_path / "cached.stats"
    parent, stranger, other = rng.normal(size=(3, 64, 64)).astype(np.float32)
    child = parent + 0.3 * rng.normal(size=(64, 64)).astype(np.float32)
    first = reconstruct({"A": {"w": parent}, "B": {"w": child}}, save_stats=stats)
    assert first.edges or first.undirected
    answer = reconstruct({"A": {"w": stranger}, "B": {"w": other}}, stats=stats)
    assert not answer.edges
    assert not answer.undirected
    [note] = reread(answer)
    assert "does not hold all of these models as they are now" in note


def test_one_changed_value_in_memory_is_noticed(tmp_path, rng):
    stats = tmp_path / "cached.stats"
    models = {name: {"w": rng.normal(size=(64, 64)).astype(np.float32)} for name in "ab"}
    reconstruct(models, save_stats=stats)
    assert not reread(reconstruct(models, stats=stats))
    models["b"]["w"][40, 3] += 1e-3
    assert reread(reconstruct(models, stats=stats))


def test_copies_in_memory_are_found_in_cached_statistics(tmp_path, rng):
    stats = tmp_path / "cached.stats"
    weights, other = rng.normal(size=(2, 64, 64)).astype(np.float32)
    models = {"a": {"w": weights}, "b": {"w": other}, "c": {"w": weights.copy()}}
    first = reconstruct(models, save_stats=stats)
    again = reconstruct(models, stats=stats)
    assert not reread(again)
    assert first.copies == again.copies == (("a", "c"),)


def test_a_file_changed_in_place_with_its_time_put_back_is_noticed(tmp_path, rng):
    stats = tmp_path / "cached.stats"
    for name in "ab":
        np.savez(tmp_path / f"{name}.npz", w=rng.normal(size=(64, 64)).astype(np.float32))
    reconstruct(tmp_path, save_stats=stats)
    before = (tmp_path / "a.npz").stat()
    np.savez(tmp_path / "a.npz", w=rng.normal(size=(64, 64)).astype(np.float32))
    os.utime(tmp_path / "a.npz", ns=(before.st_atime_ns, before.st_mtime_ns))
    after = (tmp_path / "a.npz").stat()
    assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert reread(reconstruct(tmp_path, stats=stats))


def test_another_seed_needs_another_pass(family):
    stats = family / "kept.stats"
    reconstruct(family, save_stats=stats)
    [note] = reread(reconstruct(family, stats=stats, seed=1))
    assert "was measured with seed 0 instead of 1" in note
    assert not reread(reconstruct(family, stats=stats))


def test_what_a_memory_limit_left_out_is_read_again_without_it(tmp_path, rng):
    stats = tmp_path / "cached.stats"
    for name in "abc":
        np.savez(tmp_path / f"{name}.npz", **{f"l{k}.weight": rng.normal(size=(20, 20)) for k in range(4)})
    small = reconstruct(tmp_path, save_stats=stats, memory=2600)
    assert any("to stay within the memory limit" in note for note in small.provenance["notes"])
    assert not reread(reconstruct(tmp_path, stats=stats, memory=2600))
    [note] = reread(reconstruct(tmp_path, stats=stats))
    assert "compares other parts of the models" in note


def test_another_component_is_another_model(tmp_path, rng):
    ref = ModelRef(name="m", path="m", parts=(Part(file=str(tmp_path / "m.npz")),))
    np.savez(tmp_path / "m.npz", w=rng.normal(size=(4, 4)))
    with open_model(ref) as checkpoint:
        assert identity(ref, checkpoint) != identity(replace(ref, component="ema"), checkpoint)
        assert identity(ref, checkpoint) == identity(replace(ref, name="other"), checkpoint)


def test_models_that_could_not_be_read_completely_are_read_again(measured, rng):
    statistics = measured(*({"w": rng.normal(size=(8, 9)).astype(np.float32)} for _ in range(2)))
    broken = replace(statistics, failures={1: "truncated"})
    cached = CachedStatistics(("x", "y"), 0, (Group((0, 1), broken),))
    assert reuse(cached, ["x", "y"], seed=0, sample=None) == "holds models that could not be read completely"


def test_another_sampling_plan_needs_another_pass(family, monkeypatch):
    stats = family / "kept.stats"
    reconstruct(family, save_stats=stats)
    monkeypatch.setattr(cache, "SamplingPlan", lambda seed: SamplingPlan(seed, units=64))
    [note] = reread(reconstruct(family, stats=stats))
    assert "was measured by another sampling plan" in note
