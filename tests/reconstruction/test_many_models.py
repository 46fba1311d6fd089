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


@pytest.mark.wild
@pytest.mark.slow
def test_groups_of_all_public_models_give_the_answer_of_one_pass(wild, monkeypatch):
    """More than 200 models: every edge, number, family and remark.

    Without AVX-512 the last digits of products depend on how many models stand beside, and the detector rounds triples
    to half precision, so that a probability may move by 2e-4.
    """
    from neural_phylogeny.reconstruction import passes

    grouped = reconstruct([wild])
    monkeypatch.setattr(passes, "TOGETHER", 1000)
    monkeypatch.setattr(passes, "AS_ONE", 1000)
    whole = reconstruct([wild])
    assert len(whole.models) > 200
    assert {(m.name, m.remark) for m in grouped.models} == {(m.name, m.remark) for m in whole.models}
    assert edges_with_numbers(grouped).keys() == edges_with_numbers(whole).keys()
    for edge, numbers in edges_with_numbers(whole).items():
        np.testing.assert_allclose(edges_with_numbers(grouped)[edge], numbers, atol=1e-3, err_msg=str(edge))


def edges_with_numbers(answer):
    names = {m.name for m in answer.models}
    edges = {
        (e.parent if e.parent in names else "missing", e.child, e.kind): [
            number or 0.0 for number in (e.p_parent, e.p_direction, e.p_value, e.similarity, e.coverage)
        ]
        for e in answer.edges
    }
    return edges | {(p.a, p.b): [p.p_value or 0.0, p.similarity, p.coverage] for p in answer.undirected}


def test_what_cannot_be_judged_is_remarked_in_large_collections_too(monkeypatch):
    from neural_phylogeny.reconstruction import passes

    rng = np.random.default_rng(1)
    models = strangers(rng, 9) | {"tiny1": {"t.w": rng.normal(size=(2, 2))}, "tiny2": {"t.w": rng.normal(size=(2, 2))}}
    small = {m.name: (m.family is None, m.remark) for m in reconstruct(models).models}
    monkeypatch.setattr(passes, "TOGETHER", 5)
    monkeypatch.setattr(passes, "AS_ONE", 5)
    large = {m.name: (m.family is None, m.remark) for m in reconstruct(models).models}
    assert large == small
    assert large["tiny1"][0]
    assert not large["s0"][0]


def test_one_identical_layer_among_many_new_ones_is_found_in_large_collections_too(monkeypatch):
    from neural_phylogeny.reconstruction import passes

    rng = np.random.default_rng(2)
    models = {
        f"s{k}": {f"l{t}.weight": rng.normal(size=(32, 24)).astype(np.float32) for t in range(100)} for k in range(9)
    }
    models["s7"]["l30.weight"] = models["s2"]["l30.weight"]
    small = reconstruct(models)
    monkeypatch.setattr(passes, "TOGETHER", 3)
    monkeypatch.setattr(passes, "AS_ONE", 3)
    large = reconstruct(models)
    assert [{one.a, one.b} for one in small.components] == [{"s2", "s7"}]
    assert large.models == small.models
    assert large.components == small.components


def test_units_pruned_in_the_middle_of_every_matrix_do_not_hide_a_family(monkeypatch):
    from neural_phylogeny.reconstruction import passes

    rng = np.random.default_rng(3)
    models = strangers(rng, 9, (300, 400))
    pruned = {name: values.copy() for name, values in models["s2"].items()}
    pruned["a.weight"][100:200] = 0.0
    pruned["b.weight"][10:20] = 0.0
    models["pruned"] = pruned
    monkeypatch.setattr(passes, "TOGETHER", 3)
    monkeypatch.setattr(passes, "AS_ONE", 3)
    [edge] = reconstruct(models).edges
    assert (edge.parent, edge.child) == ("s2", "pruned")
