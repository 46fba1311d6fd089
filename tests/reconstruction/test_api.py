import json
import subprocess
import sys
from dataclasses import replace

import ml_dtypes
import networkx as nx
import numpy as np
import pytest

from neural_phylogeny import compare, demo, reconstruct
from neural_phylogeny.errors import (
    MissingExtraError,
    NothingToCompareError,
    SavedFileError,
    UnknownChoiceError,
)
from neural_phylogeny.relations.fake_init import FakeInitialisation
from neural_phylogeny.trees import methods


def weights(rng, *steps):
    """Uniform initialisation of two layers, then one fine-tune after the other."""
    layers = {
        "fc1.weight": rng.uniform(-1, 1, (64, 48)),
        "fc1.bias": np.zeros(64),
        "fc2.weight": rng.uniform(-1, 1, (32, 64)),
    }
    for step in steps:
        layers = {name: w + rng.laplace(0, step, w.shape) for name, w in layers.items()}
    return {name: w.astype(np.float32) for name, w in layers.items()}


def tuned(rng, parent, step=0.3):
    return {name: (w + rng.laplace(0, step, w.shape)).astype(np.float32) for name, w in parent.items()}


@pytest.fixture
def family(rng):
    parent = weights(rng)
    return {"root": parent, "kid": tuned(rng, parent), "lone": weights(rng)}


def edges(answer):
    return {(edge.parent, edge.child) for edge in answer.edges}


def families(answer):
    return {model.name: model.family for model in answer.models}


def test_a_mean_of_models_has_them_all_for_parents(rng):
    root = weights(rng)
    one, other = tuned(rng, root), tuned(rng, root)
    soup = {name: (0.4 * one[name] + 0.6 * other[name]).astype(np.float32) for name in one}
    answer = reconstruct({"soup": soup, "root": root, "other": other, "one": one})
    merged = [edge for edge in answer.edges if edge.child == "soup"]
    assert [(edge.parent, edge.kind) for edge in merged] == [("other", "merge"), ("one", "merge")]
    assert "0.6 of other and 0.4 of one" in merged[0].evidence[1].statement
    assert edges(answer) >= {("root", "one"), ("root", "other")}
    assert nx.is_directed_acyclic_graph(answer.to_networkx())
    assert "also from one" in answer.to_text()


class TestWhatPeersGetWrong:
    def test_independent_models_of_one_config_are_not_related(self, rng):
        answer = reconstruct({f"m{k}": weights(rng) for k in range(6)})
        assert (answer.edges, answer.undirected) == ((), ())
        assert len(set(families(answer).values())) == 6

    def test_a_model_and_its_fine_tune_get_a_direction(self, family):
        assert edges(reconstruct(family)) == {("root", "kid")}

    def test_a_bare_safetensors_file_without_config_or_tokenizer_works(self, family, tmp_path):
        safetensors = pytest.importorskip("safetensors.numpy")
        for name, model in family.items():
            safetensors.save_file(model, tmp_path / f"{name}.safetensors")
        assert edges(reconstruct(tmp_path)) == {("root.safetensors", "kid.safetensors")}

    def test_threads_and_sources_do_not_change_the_answer(self, family, tmp_path):
        for name, model in family.items():
            np.savez(tmp_path / f"{name}.npz", **model)
        one, four = reconstruct(tmp_path, threads=1), reconstruct(tmp_path, threads=4)
        assert one.to_json() == four.to_json()
        in_memory = reconstruct(family)
        assert [e.evidence[0].value for e in in_memory.edges] == [e.evidence[0].value for e in one.edges]


@pytest.mark.parametrize("method", sorted(methods.METHODS))
def test_every_method_finds_a_star_of_clear_directions(method, rng):
    parent = weights(rng)
    models = {"root": parent} | {f"kid{k}": tuned(rng, parent, 0.4) for k in range(4)}
    assert edges(reconstruct(models, method=method)) == {("root", f"kid{k}") for k in range(4)}


def test_the_papers_clusters_are_its_families_and_copies_stay_with_them(rng):
    parents = [weights(rng), weights(rng)]
    models = {f"{k}{n}": tuned(rng, parent, 0.2) for k, parent in enumerate(parents) for n in range(3)}
    models |= {"0p": parents[0], "1p": parents[1], "twin": models["10"]}
    for method in ("paper-kmeans", "paper-kmeans-along", "paper-mean-shift", "paper-mean-shift-along"):
        answer = reconstruct(models, method=method)
        assert edges(answer) == {(f"{k}p", f"{k}{n}") for k in range(2) for n in range(3)}
        found = families(answer)
        assert found["twin"] == found["1p"] != found["0p"]


@pytest.mark.parametrize("method", methods.METHODS)
def test_no_method_relates_what_has_no_weights_in_common(method, rng):
    parent = weights(rng)
    models = {"a": parent, "b": tuned(rng, parent, 0.2), "c": tuned(rng, parent, 0.2)}
    models |= {"odd": {"x": rng.normal(size=(7, 90))}, "even": {"q": rng.normal(size=(5, 60, 3))}}
    answer = reconstruct(models, method=method)
    found = [(edge.parent, edge.child) for edge in answer.edges] + [(pair.a, pair.b) for pair in answer.undirected]
    assert found
    assert {name for pair in found for name in pair} <= {"a", "b", "c"}


def test_the_papers_clusters_decide_against_the_existence_test(rng):
    """Strangers alone look like one loose cluster: why the other methods ask the test."""
    models = {f"m{k}": weights(rng) for k in range(5)}
    assert len(set(families(reconstruct(models, method="mean-shift")).values())) == 5
    answer = reconstruct(models, method="paper-mean-shift")
    assert set(families(answer).values()) == {0}
    assert len(answer.edges) == 4
    assert all(0.55 <= (edge.confidence or 0.0) <= 0.75 for edge in answer.edges)


def test_a_row_with_other_options_is_a_method_and_says_so(family):
    row = methods.METHODS["paper-kmeans-along"]
    varied = replace(row, options=replace(row.options, alpha=0.3, metric=FakeInitialisation("orthogonal", 2.0, 4)))
    answer = reconstruct(family, method=varied)
    assert edges(answer) == {("root", "kid")}
    reported = json.loads(answer.to_json())["provenance"]["parameters"]["options"]
    assert (reported["alpha"], reported["metric"]["distribution"], reported["metric"]["n_draws"]) == (
        0.3,
        "orthogonal",
        4,
    )
    assert "options" not in reconstruct(family, method=row).provenance["parameters"]


def test_torch_state_dicts_are_taken(family):
    torch = pytest.importorskip("torch")
    models = {name: {k: torch.tensor(v) for k, v in model.items()} for name, model in family.items()}
    assert reconstruct(models).to_json() == reconstruct(family).to_json()


def test_copies_share_a_family_and_only_one_stands_in_edges(family):
    answer = reconstruct(family | {"twin": family["kid"], "last": family["lone"]})
    assert answer.copies == (("kid", "twin"), ("lone", "last"))
    assert edges(answer) == {("root", "kid")}
    assert families(answer)["twin"] == families(answer)["kid"]


@pytest.mark.parametrize("tensors", [{"b": np.arange(9.0)}, {"w": np.zeros((8, 8))}])
def test_equal_vectors_and_constants_are_copies_but_no_proof_of_relatedness(tensors):
    answer = reconstruct({"a": tensors, "b": tensors})
    assert answer.copies == (("a", "b"),)
    assert [model.family for model in answer.models] == [None, None]


def test_all_models_equal(family):
    answer = reconstruct({name: family["root"] for name in "abc"})
    assert answer.copies == (("a", "b", "c"),)
    assert answer.edges == ()
    assert set(families(answer).values()) == {0}


@pytest.mark.parametrize("models", [{}, {"only": {"w": np.eye(4)}}])
def test_nothing_to_compare_is_an_empty_answer(models):
    answer = reconstruct(models)
    assert answer.edges == ()
    assert all(model.family is None for model in answer.models)
    json.loads(answer.to_json())


@pytest.mark.parametrize(
    ("odd", "remark"),
    [
        ({"b": np.ones(9)}, "it has no floating-point tensor in common with any other model"),
        (
            {"fc1.bias": np.ones(64)},
            "not enough evidence: it shares no matrices, and vectors or single rows prove nothing",
        ),
        ({"fc1.weight": np.eye(2)}, "too small: even an identical copy would not be statistically significant"),
        (
            {"fc1.weight": np.full((64, 48), np.nan)},
            "its weights are NaN, infinite, too large or unreadable, 'fc1.weight' first",
        ),
    ],
)
def test_a_model_that_cannot_be_compared_is_reported_so(odd, remark, family):
    answer = reconstruct(family | {"odd": odd})
    [model] = [m for m in answer.models if m.name == "odd"]
    assert (model.family, model.remark) == (None, remark)
    assert edges(answer) == {("root", "kid")}


def test_the_remark_on_a_sound_model_does_not_come_from_a_broken_one(family):
    broken = {name: np.full_like(w, np.nan) for name, w in family["root"].items()}
    remarks = {m.name: m.remark for m in reconstruct({"sound": family["root"], "broken": broken}).models}
    assert remarks["sound"].startswith("not enough in common with any other model")
    assert remarks["broken"].startswith("its weights are NaN")


def test_a_tensor_with_nan_is_left_out_and_reported(family):
    family["kid"]["fc2.weight"][3, 3] = np.inf
    answer = reconstruct(family)
    assert edges(answer) == {("root", "kid")}
    assert {m.name: m.remark for m in answer.models}["kid"] == (
        "left out: NaN, infinite, too large or unreadable values in fc2.weight"
    )
    assert "NaN" not in answer.to_json().replace("left out: NaN", "")


def test_a_replaced_head_compares_on_the_rest(family, rng):
    family["kid"]["fc2.weight"] = rng.normal(size=(7, 64)).astype(np.float32)
    [edge] = reconstruct(family).edges
    assert (edge.parent, edge.child) == ("root", "kid")
    assert edge.coverage == pytest.approx((64 * 48 + 64 + 7 * 64) / (64 * 48 + 64 + 32 * 64))


def test_reduced_precision_keeps_the_family(family):
    family["kid"] = {name: values.astype(ml_dtypes.bfloat16) for name, values in family["kid"].items()}
    assert edges(reconstruct(family)) == {("root", "kid")}


def test_large_collections_are_measured_in_groups(rng, monkeypatch):
    from neural_phylogeny.reconstruction import passes

    monkeypatch.setattr(passes, "TOGETHER", 5)
    monkeypatch.setattr(passes, "AS_ONE", 5)
    models = {}
    for k in range(4):
        models[f"root{k}"] = weights(rng)
        models[f"kid{k}"] = tuned(rng, models[f"root{k}"])
    answer = reconstruct(models)
    assert edges(answer) == {(f"root{k}", f"kid{k}") for k in range(4)}
    assert len(set(families(answer).values())) == 4


def test_the_graph_is_networkx(family):
    graph = reconstruct(family).to_networkx()
    assert isinstance(graph, nx.DiGraph)
    assert list(graph.edges) == [("root", "kid")]
    assert graph.nodes["lone"]["parameters"] == 64 * 48 + 64 + 32 * 64


def test_unknown_method():
    with pytest.raises(UnknownChoiceError, match="unknown method 'kmean'; did you mean 'kmeans'"):
        reconstruct({}, method="kmean")  # type: ignore[arg-type]


def test_missing_statistics_are_reported(family, tmp_path):
    with pytest.raises(SavedFileError, match="cannot be read as cached statistics"):
        reconstruct(family, stats=tmp_path / "none")


@pytest.fixture
def files(family, tmp_path):
    for name, model in family.items():
        np.savez(tmp_path / f"{name}.npz", **model)
    return tmp_path


def test_compare_tells_parent_child_stranger_and_copy(files, family):
    root, kid, lone = (files / f"{name}.npz" for name in ("root", "kid", "lone"))
    np.savez_compressed(files / "twin.npz", **family["kid"])
    assert compare(root, kid).verdict == "parent"
    assert compare(kid, root).verdict == "child"
    assert compare(kid, lone).verdict == "unrelated"
    assert compare(kid, files / "twin.npz").verdict == "copies"
    found = compare(root, kid)
    assert [tensor.name for tensor in found.tensors] == ["fc1.weight", "fc1.bias", "fc2.weight"]
    assert found.evidence[0].favours == "related"


def test_no_verdict_on_a_small_share_of_the_weights(tmp_path, rng):
    small = {"head.weight": rng.normal(size=(40, 40))}
    models = {
        "a": small | {"one.weight": rng.normal(size=(300, 100))},
        "b": {"head.weight": rng.normal(size=(40, 40)), "other.weight": rng.normal(size=(173, 180))},
        "c": {"third.weight": rng.normal(size=(90, 91))},
    }
    for name, model in models.items():
        np.savez(tmp_path / f"{name}.npz", **model)
    assert compare(tmp_path / "a.npz", tmp_path / "b.npz").verdict == "not enough in common"
    assert compare(tmp_path / "a.npz", tmp_path / "c.npz").verdict == "not enough in common"


def test_compare_says_why_it_cannot(files):
    (files / "torn.npz").write_bytes(b"PK\x03\x04")
    with pytest.raises(NothingToCompareError, match=r"one readable model instead of two: .*torn\.npz: "):
        compare(files / "root.npz", files / "torn.npz")


def test_the_demo_family_gives_two_families():
    answer = reconstruct(demo.folder())
    assert len(answer.models) == 14
    assert len(set(families(answer).values())) == 2
    assert answer.skipped == ()


def test_the_default_path_imports_no_heavy_library(files):
    code = (
        "import sys, neural_phylogeny\n"
        f"neural_phylogeny.reconstruct({str(files)!r}).to_json()\n"
        "print(sorted({'torch', 'scipy', 'sklearn', 'h5py', 'onnx', 'networkx', 'ssl'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_method_without_its_library_says_what_to_install(files, monkeypatch):
    monkeypatch.setitem(sys.modules, "neural_phylogeny.trees.baselines.clustering", None)
    monkeypatch.setitem(sys.modules, "sklearn.cluster", None)
    monkeypatch.delitem(sys.modules, "neural_phylogeny.trees.baselines.clustering")
    with pytest.raises(MissingExtraError, match=r"pip install 'neural-phylogeny\[cluster\]'"):
        reconstruct(files, method="kmeans")


FEW = ("ddpg-continue", "esl-lenet5", "growing-nca", "mbq-ppo-runs", "seismic-seeds")
"""Small groups of public checkpoints: with copies, a pipeline of formats, runs, and documented unrelated models."""


@pytest.mark.wild
@pytest.mark.parametrize("chosen", [FEW, pytest.param((), marks=pytest.mark.slow)], ids=["few", "all"])
def test_public_checkpoints_give_a_forest_and_no_false_relatives(wild, chosen):
    from neural_phylogeny.evaluation.truth import read_truth

    for folder in sorted(path for path in wild.iterdir() if path.is_dir() and path.name in (chosen or {path.name})):
        answer = reconstruct(folder)
        assert answer.skipped == (), folder.name
        assert len(answer.models) == len(list(folder.iterdir())) - 1, folder.name
        assert nx.is_directed_acyclic_graph(answer.to_networkx()), folder.name
        found = families(answer)
        for pair in read_truth(folder / "truth.json").unrelated:
            if pair.documented:
                assert found[pair.a] is None or found[pair.a] != found[pair.b], (folder.name, pair)


def test_a_pruned_copy_is_the_child_whatever_its_tails_say(rng, tmp_path):
    weights = {"a": rng.normal(size=(48, 40)).astype(np.float32), "b": rng.normal(size=(32, 48)).astype(np.float32)}
    pruned = {name: np.where(np.abs(w) < 0.7, 0, w).astype(np.float32) for name, w in weights.items()}
    np.savez(tmp_path / "dense.npz", a=weights["a"], b=weights["b"])
    np.savez(tmp_path / "pruned.npz", a=pruned["a"], b=pruned["b"])
    found = compare(tmp_path / "pruned.npz", tmp_path / "dense.npz")
    assert found.verdict == "child"
    assert any(evidence.feature == "pruned" for evidence in found.evidence)


class TestASampleOfTheWeights:
    @pytest.fixture
    def large(self, rng):
        parent = {
            "fc1.weight": rng.uniform(-1, 1, (600, 500)).astype(np.float32),
            "fc2.weight": rng.uniform(-1, 1, (400, 600)).astype(np.float32),
        }
        kid = tuned(rng, parent)
        twin = {name: array.copy() for name, array in kid.items()}
        twin["fc1.weight"][-1, -1] += 1.0
        lone = {name: rng.uniform(-1, 1, array.shape).astype(np.float32) for name, array in parent.items()}
        return {"root": parent, "kid": kid, "grandchild": tuned(rng, kid), "lone": lone, "twin": twin}

    def test_the_tree_is_the_same_and_what_was_read_is_reported(self, large):
        whole, some = reconstruct(large), reconstruct(large, sample=0.03)
        assert {("root", "kid"), ("kid", "grandchild")} <= edges(some)
        assert families(some) == families(whole)
        assert whole.provenance["parameters"]["sample"] == {"requested": "auto", "read": 1.0}
        reported = some.provenance["parameters"]["sample"]
        assert reported["requested"] == 0.03
        assert reported["read"] < 0.05
        assert any("equal in all that was read" in note for note in some.provenance["notes"])
        assert not whole.provenance["notes"]

    def test_copies_are_not_claimed_of_what_was_not_read(self, large, tmp_path):
        whole, some = reconstruct(large), reconstruct(large, sample=0.03)
        assert whole.copies == ()
        assert some.copies == (("kid", "twin"),)  # one value differs, and it was not read
        assert "% of the weights were read" in some.to_text()
        assert "= equal in all that was read, under another name" in " ".join(some.to_text().split())
        assert "same weights" not in some.to_text()
        for name in ("kid", "twin"):
            np.savez(tmp_path / f"{name}.npz", **large[name])
        found = compare(tmp_path / "kid.npz", tmp_path / "twin.npz", sample=0.03)
        assert (found.verdict, found.share_read < 0.05, found.confidence is None) == ("copies", True, True)
        assert compare(tmp_path / "kid.npz", tmp_path / "twin.npz").verdict != "copies"

    def test_what_is_no_share_is_refused(self, large):
        with pytest.raises(ValueError, match="sample must be a share"):
            reconstruct(large, sample=2.0)
