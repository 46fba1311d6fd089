"""Batches: the same every time, their truth sound, their order telling nothing, their files whole."""

import json

import numpy as np
import pytest

from neural_phylogeny.errors import SavedFileError
from neural_phylogeny.lab.families.batches import batch_paths, read_batch, write_batch
from neural_phylogeny.lab.families.make import make_batches, measured, trained_families
from neural_phylogeny.lab.families.prior import read_prior

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def prior(small_prior):
    return read_prior(str(small_prior))


@pytest.fixture(scope="module")
def families(pictures, prior):
    return trained_families(3, pictures, prior, n_families=12)


def test_a_number_decides_everything(pictures, prior):
    one, other = (trained_families(11, pictures, prior, n_families=2, topology="star") for _ in range(2))
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
        assert len(family.parents) == len(family.missing) == len(family.trees) == n >= 3
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


def test_about_names_what_results_are_grouped_by(families):
    for family in families:
        assert {"topology", "architecture", "tasks", "optimisers", "alterations"} <= family.about.keys()
        assert json.loads(json.dumps(family.about)) == family.about


def test_a_batch_comes_back_from_its_file(families, tmp_path):
    known = [measured(family) for family in families]
    write_batch(tmp_path / "batch-000003.npz", known)
    back = read_batch(tmp_path / "batch-000003.npz")
    assert len(back) == len(known)
    for a, b in zip(known, back, strict=True):
        assert a.about == b.about
        for name in ("parents", "missing", "trees"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
        stored = b.measured.arrays()
        for name, array in a.measured.arrays().items():
            np.testing.assert_allclose(stored[name], array, rtol=1e-3, atol=1e-6, err_msg=name)
    write_batch(tmp_path / "empty.npz", [])
    assert read_batch(tmp_path / "empty.npz") == []


def test_files_that_are_there_stay(batches, small_prior, monkeypatch):
    from neural_phylogeny.lab.families import make

    before = {path: path.stat().st_mtime_ns for path in batches.iterdir()}
    monkeypatch.setattr(make, "trained_families", None)
    make_batches(batches, range(2), read_prior(str(small_prior)))
    assert before == {path: path.stat().st_mtime_ns for path in batches.iterdir()}


def test_a_batch_that_cannot_be_measured_leaves_no_file(prior, tmp_path, monkeypatch):
    from neural_phylogeny.lab.families import make

    def fails(_):
        raise RuntimeError("no")

    monkeypatch.setattr(make, "measured", fails)
    monkeypatch.setattr(make, "trained_families", lambda *arguments, **named: [None])
    monkeypatch.setattr(make, "load_pictures", lambda *arguments: {"digits": None})
    with pytest.raises(RuntimeError, match="no"):
        make_batches(tmp_path, [11], prior)
    assert not list(tmp_path.glob("batch-*"))


def test_a_folder_holds_batches_of_one_prior(batches):
    with pytest.raises(SavedFileError, match="holds batches of the prior 'small'"):
        make_batches(batches, range(2), read_prior("tiny"))


@pytest.mark.parametrize("spoil", [lambda content: content[:-200], lambda content: b"", lambda content: b"junk"])
def test_a_damaged_batch_is_refused(batches, tmp_path, spoil):
    path = tmp_path / "batch-000000.npz"
    path.write_bytes(spoil(batch_paths(batches)[0].read_bytes()))
    with pytest.raises(SavedFileError, match=r"batch-000000\.npz"):
        read_batch(path)


def test_cached_statistics_of_something_else_are_no_batch(tmp_path):
    from neural_phylogeny import demo
    from neural_phylogeny.lab.bench.cached import cache

    cache(demo.folder(), tmp_path / "0.npz")
    with pytest.raises(SavedFileError, match="not a batch of families of version 1"):
        read_batch(tmp_path / "0.npz")
