"""Two models: everything that ``reconstruct`` takes, and never another answer than the tree of the two."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from neural_phylogeny import Comparison, Edge, RelatedPair, compare, demo, reconstruct
from neural_phylogeny.errors import InvalidOptionError, NothingToCompareError, UnsupportedFormatError
from neural_phylogeny.sources import discover


def weights(rng):
    return {"fc1.weight": rng.uniform(-1, 1, (64, 48)), "fc2.weight": rng.uniform(-1, 1, (32, 64))}


def tuned(rng, parent, step=0.3):
    return {name: w + rng.laplace(0, step, w.shape) for name, w in parent.items()}


@pytest.fixture
def pair(rng):
    parent = weights(rng)
    return parent, tuned(rng, parent)


@pytest.fixture
def files(pair, tmp_path):
    paths = tmp_path / "base.npz", tmp_path / "tuned.npz"
    for path, model in zip(paths, pair, strict=True):
        np.savez(path, **model)
    return paths


def names(found):
    return found.a.name, found.b.name


class TestWhatItTakes:
    def test_two_paths(self, files):
        found = compare(*files)
        assert (names(found), found.verdict) == (("base.npz", "tuned.npz"), "parent")

    def test_a_folder_a_list_or_a_pattern_with_two_models(self, files, tmp_path):
        for models in (tmp_path, str(tmp_path), list(files), str(tmp_path / "*.npz")):
            assert compare(models).verdict == "parent"

    def test_a_mapping_of_two_models(self, pair):
        found = compare({"kid": pair[1], "base": pair[0]})
        assert (names(found), found.verdict) == (("kid", "base"), "child")

    def test_two_models_in_memory(self, pair):
        found = compare(*pair)
        assert (names(found), found.verdict) == (("a", "b"), "parent")

    def test_a_file_and_a_model_in_memory(self, files, pair):
        found = compare(files[0], pair[1])
        assert (names(found), found.verdict) == (("base.npz", "b"), "parent")

    def test_torch_modules(self):
        torch = pytest.importorskip("torch")
        torch.manual_seed(0)
        base, kid = (torch.nn.Sequential(torch.nn.Linear(48, 64), torch.nn.Linear(64, 32)) for _ in range(2))
        with torch.no_grad():
            for old, new in zip(base.parameters(), kid.parameters(), strict=True):
                new.copy_(old + 0.02 * torch.randn_like(old))
        assert compare(base, kid).verdict == "parent"
        assert compare({"kid": kid, "base": base.state_dict()}).verdict == "child"

    def test_the_same_filters_choose_two_of_many(self, files, tmp_path, rng):
        np.savez(tmp_path / "other.npz", **weights(rng))
        assert compare(tmp_path, exclude=["other*"]).verdict == "parent"


class TestWhatItRefuses:
    def test_more_or_fewer_than_two_are_named(self, files, tmp_path, rng):
        np.savez(tmp_path / "other.npz", **weights(rng))
        with pytest.raises(
            NothingToCompareError, match=r"3 readable models instead of two: base\.npz, other\.npz, tun"
        ):
            compare(tmp_path)
        with pytest.raises(NothingToCompareError, match=r"one readable model instead of two: base\.npz"):
            compare(files[0])

    def test_the_same_file_twice(self, files):
        with pytest.raises(NothingToCompareError, match="the same file was given twice"):
            compare(files[0], files[0])

    def test_a_file_that_cannot_be_read(self, files, tmp_path):
        (tmp_path / "bad.npz").write_bytes(b"")
        with pytest.raises(NothingToCompareError, match=r"instead of two: base\.npz; .*bad\.npz: the file is empty"):
            compare(files[0], tmp_path / "bad.npz")

    def test_something_else(self, pair):
        with pytest.raises(UnsupportedFormatError, match=r"model 'b': expected a mapping of tensor names to arrays"):
            compare(pair[0], 3)  # type: ignore[arg-type]
        with pytest.raises(InvalidOptionError, match=r"models must be a path, .* not 'int'"):
            compare(3)  # type: ignore[arg-type]
        with pytest.raises(InvalidOptionError, match=r"models must be a path, .* not 'list of dict'"):
            compare(list(pair))


class TestHowItIsShown:
    def test_the_text_and_one_line(self, files):
        found = compare(*files)
        text = str(found)
        assert text.startswith("tuned.npz was made from base.npz (parent ")
        assert "For it:" in text
        assert repr(found).startswith("<Comparison: tuned.npz was made from base.npz (parent ")
        assert "\n" not in repr(found)


def verdict_of_tree(answer):
    """What the tree of two models says, in the words of a comparison."""
    a = answer.models[0]
    if answer.copies:
        return {"copies"}
    if answer.edges and not answer.missing:
        return {"parent"} if answer.edges[0].parent == a.name else {"child"}
    if answer.undirected or answer.missing:
        return {"related"}
    if answer.undecided:
        return {"undecided"}
    if answer.components:
        return {"shares a component"}
    families = [model.family for model in answer.models]
    if None in families:
        return {"not enough in common", "not comparable"}
    return {"related"} if families[0] == families[1] else {"unrelated"}


def check(pair):
    answer, found = reconstruct(pair), compare(*pair)
    assert found.verdict in verdict_of_tree(answer), pair
    assert [found.a, found.b] == list(answer.models)
    assert found.skipped == answer.skipped
    claims: list[Edge | RelatedPair] = [*answer.edges, *answer.undirected]
    for claim in claims if not answer.missing else ():
        for number in ("p_value", "similarity", "coverage"):
            assert getattr(found, number) == getattr(claim, number), pair
        assert found.evidence == claim.evidence
    if answer.edges and not answer.missing:
        assert (found.p_parent, found.p_direction) == (answer.edges[0].p_parent, answer.edges[0].p_direction)
    return found


@pytest.mark.parametrize("step", [4, pytest.param(1, marks=pytest.mark.slow)])
def test_a_comparison_and_a_tree_of_the_same_two_agree_in_the_demo(step):
    paths = [ref.path for ref in discover([demo.folder()])[0]]
    found: list[Comparison] = [check(pair) for pair in list(itertools.combinations(paths, 2))[::step]]
    assert {each.verdict for each in found} >= {"parent", "child", "unrelated"}


@pytest.mark.slow
@pytest.mark.wild
def test_and_in_groups_of_public_checkpoints(wild):
    for folder in sorted(path for path in Path(wild).iterdir() if path.is_dir()):
        paths = [ref.path for ref in discover([folder])[0]][:5]
        for pair in itertools.combinations(paths, 2):
            check(pair)


def test_and_where_neither_is_the_parent(rng):
    base = weights(rng)
    pairs = [
        (base, base),
        (weights(rng), weights(rng)),
        ({"w": np.eye(3)}, {"w": 2 * np.eye(3)}),
        ({"w": np.full((9, 9), np.nan)}, base),
        ({"v": np.arange(5.0)}, {"v": np.arange(5.0)}),
    ]
    for a, b in pairs:
        assert compare(a, b).verdict in verdict_of_tree(reconstruct({"a": a, "b": b}))
