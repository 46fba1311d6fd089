"""Reported publicly: a file beside two others changed the verdict on these. A pair is judged as a pair."""

from itertools import combinations

import ml_dtypes
import numpy as np
import pytest

from neural_phylogeny import compare, reconstruct


def renamed(model, prefix="backbone.layer."):
    return {prefix + name.replace("encoder", "block"): w for name, w in model.items()}


def related_pairs(answer):
    """Pairs of one family, copies among them."""
    families = {model.name: model.family for model in answer.models}
    pairs = (frozenset(pair) for pair in combinations(families, 2))
    return {pair for pair in pairs if None not in {families[m] for m in pair} and len({families[m] for m in pair}) == 1}


def related_two_by_two(models):
    found = set()
    for a, b in combinations(models, 2):
        verdict = compare({a: models[a], b: models[b]}).verdict
        if verdict in ("parent", "child", "related", "copies"):
            found.add(frozenset((a, b)))
    return found


@pytest.fixture
def collections(trained):
    """Collections in which a third file is laid out as one of two others."""
    base, stranger = trained(), trained()
    new_head = trained(base) | trained(shapes={"head.weight": (12, 40)})
    larger = trained(shapes={"language.0.weight": (60, 60), "language.1.weight": (60, 60)})
    vision = {f"vision.{name}": w.astype(ml_dtypes.bfloat16) for name, w in base.items()}
    return {
        "a new head beside a renamed copy": {
            "base": base,
            "new-head": new_head,
            "copy": renamed(base) | {"backbone.act.alpha": np.ones(1, np.float32)},
        },
        "an encoder in a larger model, and a stranger": {
            "encoder": base,
            "whole": vision | larger,
            "stranger": stranger,
        },
        "many strangers of one layout": {
            "base": base,
            "tune": renamed(trained(base)),
            **{f"stranger{k}": trained() for k in range(4)},
        },
    }


NAMES = (
    "a new head beside a renamed copy",
    "an encoder in a larger model, and a stranger",
    "many strangers of one layout",
)


@pytest.mark.parametrize("name", NAMES)
def test_a_collection_relates_the_pairs_that_are_related_alone(name, collections):
    models = collections[name]
    alone, together = related_two_by_two(models), related_pairs(reconstruct(models))
    assert together >= alone
    if "component" not in name:
        assert {model for pair in together for model in pair} == {model for pair in alone for model in pair}


def test_a_tune_with_a_new_head_beside_a_renamed_copy(collections):
    answer = reconstruct(collections["a new head beside a renamed copy"])
    assert {(e.parent, e.child) for e in answer.edges} == {("base", "new-head")}
    assert [set(copies) for copies in answer.copies] == [{"base", "copy"}]


def test_the_encoder_is_found_with_a_stranger_beside(collections):
    models = collections["an encoder in a larger model, and a stranger"]
    answer = reconstruct(models)
    joined = {frozenset((e.parent, e.child)) for e in answer.edges}
    joined |= {frozenset((p.a, p.b)) for p in answer.undirected} | {frozenset((c.a, c.b)) for c in answer.components}
    assert joined == {frozenset(("encoder", "whole"))}
    assert ("whole", "encoder") not in {(e.parent, e.child) for e in answer.edges}


def test_no_third_file_makes_a_model_too_small(trained):
    """A tiny model beside: the others stay what they are."""
    base = trained()
    models = {"base": base, "tune": trained(base), "tiny": {"encoder.0.weight": np.ones((2, 2), np.float32)}}
    answer = reconstruct(models)
    assert {(e.parent, e.child) for e in answer.edges} == {("base", "tune")}
    assert "too small" not in "".join(m.remark for m in answer.models if m.name != "tiny")
