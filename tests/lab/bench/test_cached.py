"""Collections cached without their weights: the same answers, and no file taken for what it is not."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from neural_phylogeny import demo
from neural_phylogeny.errors import SavedFileError
from neural_phylogeny.files.json_fields import Fields
from neural_phylogeny.lab.bench.cached import cache, find_collections, load_cached, pair_of
from neural_phylogeny.lab.bench.cached_adapters import restored
from neural_phylogeny.reconstruction.api import METHODS
from neural_phylogeny.reconstruction.collect import gather
from neural_phylogeny.reconstruction.decide import phylogeny
from neural_phylogeny.reconstruction.examine import examine
from neural_phylogeny.reconstruction.options import Reading
from neural_phylogeny.statistics.cache import load, save


@pytest.fixture
def family(tmp_path):
    folder = tmp_path / "families" / "cell" / "3"
    shutil.copytree(demo.folder(), folder)
    return folder


def test_the_answer_is_that_of_the_checkpoints(family, tmp_path):
    target = tmp_path / "kept" / "cell" / "3.npz"
    assert cache(family, target)
    kept = load_cached(target)
    assert (kept.cell, kept.seed) == ("cell", 3)
    assert len(kept.truth.edges) == 12
    both = [(c, examine(c, 1e-3)) for c in (kept.collection, gather(family, Reading()))]
    for name in ("auto", "star", "mother"):
        reported, expected = (phylogeny(c, METHODS[name], 1e-3, 0, examined) for c, examined in both)
        assert [(e.parent, e.child) for e in reported.edges] == [(e.parent, e.child) for e in expected.edges]
        assert reported.copies == expected.copies


def test_adapters_hang_where_the_files_hang_them(family, tmp_path):
    rng = np.random.default_rng(0)
    names = {n: w.shape for n, w in load_file(family / "dunlin.safetensors").items() if w.ndim == 2}
    factors = {}
    for name, (rows, columns) in names.items():
        stem = f"base_model.model.{name.removesuffix('.weight')}"
        factors[f"{stem}.lora_A.weight"] = rng.normal(size=(2, columns)).astype(np.float32)
        factors[f"{stem}.lora_B.weight"] = rng.normal(size=(rows, 2)).astype(np.float32)
    for adapter in ("one", "two"):
        (family / adapter).mkdir()
        save_file(factors, family / adapter / "adapter_model.safetensors")
    cache(family, tmp_path / "3.npz")
    kept, expected = load_cached(tmp_path / "3.npz").collection, gather(family, Reading())
    assert [one.candidates for one in kept.adapters] == [one.candidates for one in expected.adapters]
    assert [list(one.gains) for one in kept.adapters] == [list(one.gains) for one in expected.adapters]
    assert kept.adapters[0].likeness(kept.adapters[1]) == pytest.approx(1.0)
    reported, wanted = (phylogeny(c, METHODS["star"], 1e-3, 0) for c in (kept, expected))
    assert [m.remark for m in reported.models] == [m.remark for m in wanted.models]
    assert "an adapter of rank 2" in str([m.remark for m in reported.models])


def test_an_adapter_of_a_model_that_is_not_there_is_damage():
    row = {"model": 3, "rank": 1, "matrices": 1, "candidates": [], "claim": "", "alike": [], "gains": {}}
    with pytest.raises(SavedFileError, match="names model 3 of 2"):
        restored([Fields(row, "cached collection")], 2)


def test_nothing_of_where_it_was_measured_is_kept(family, tmp_path):
    cache(family, tmp_path / "3.npz")
    assert str(tmp_path).encode() not in np.load(tmp_path / "3.npz")["header"].tobytes()


def test_what_is_kept_is_not_measured_again_unless_the_truth_changed(family, tmp_path):
    target = tmp_path / "3.npz"
    assert [cache(family, target), cache(family, target)] == [True, False]
    truth = json.loads((family / "truth.json").read_text()) | {"edges": []}
    (family / "truth.json").write_text(json.dumps(truth))
    assert cache(family, target)
    assert load_cached(target).truth.edges == ()


def test_collections_are_found_in_order(family):
    for seed in ("10", "notes"):
        (family.parent / seed).mkdir()
    shutil.copy(family / "truth.json", family.parent / "10")
    (family.parents[1] / "group").mkdir()
    shutil.copy(family / "truth.json", family.parents[1] / "group")
    found = find_collections(family.parents[1])
    assert [(cell, seed) for cell, seed, _ in found] == [("cell", 3), ("cell", 10), ("group", 0)]


def test_a_folder_without_collections(tmp_path):
    with pytest.raises(SavedFileError, match="expected collections here"):
        find_collections(tmp_path)


def test_a_pass_without_a_truth_is_no_kept_collection(family, tmp_path):
    cache(family, tmp_path / "3.npz")
    bare = replace(load(tmp_path / "3.npz"), about={})
    with open(tmp_path / "bare.npz", "wb") as file:
        save(file, bare)
    with pytest.raises(SavedFileError, match=r"bare\.npz.*models"):
        load_cached(tmp_path / "bare.npz")


@pytest.mark.parametrize("cut", [0, 100, 5000])
def test_a_damaged_file_is_refused(family, tmp_path, cut):
    cache(family, tmp_path / "3.npz")
    content = (tmp_path / "3.npz").read_bytes()
    (tmp_path / "3.npz").write_bytes(content[:cut])
    with pytest.raises(SavedFileError, match=r"3\.npz"):
        load_cached(tmp_path / "3.npz")


def test_a_pair_is_a_collection_of_its_own(family, tmp_path):
    cache(family, tmp_path / "3.npz")
    kept = load_cached(tmp_path / "3.npz")
    edge = kept.truth.edges[0]
    pair = pair_of(kept.collection, edge.parent, edge.child)
    assert pair is not None
    assert [ref.name for ref in pair.refs] == [edge.parent, edge.child]
    assert pair.groups[0].statistics.arrays[0]["gram"].shape == (2, 2)
    assert pair_of(kept.collection, edge.parent, "nobody") is None
