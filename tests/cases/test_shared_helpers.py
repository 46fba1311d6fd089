"""Reported publicly: models saved with a frozen network that others carry, too. It is not descent."""

import ml_dtypes
import numpy as np
import pytest

from neural_phylogeny import compare, reconstruct
from neural_phylogeny.reports.json import from_json, to_json

HELPER = {"loss.net.0.weight": (64, 27), "loss.net.2.weight": (64, 64), "loss.net.4.weight": (32, 64)}


@pytest.fixture
def helper(trained):
    return trained(shapes=HELPER)


def claims(answer):
    edges = {(e.parent, e.child) for e in answer.edges}
    return edges | {frozenset((p.a, p.b)) for p in answer.undirected} | {frozenset(c) for c in answer.copies}


def bf16(model):
    return {name: w.astype(ml_dtypes.bfloat16).astype(np.float32) for name, w in model.items()}


@pytest.mark.parametrize("order", ["first", "last"])
def test_strangers_with_one_helper_share_a_component(order, trained, helper):
    one = trained()
    models = {"one": one, "two": trained(), "three": trained(), "tuned": trained(one)}
    answer = reconstruct({k: helper | m if order == "first" else m | helper for k, m in models.items()})
    assert claims(answer) == {("one", "tuned")}
    families = {m.name: m.family for m in answer.models}
    assert len({families["one"], families["two"], families["three"]}) == 3
    assert None not in families.values()
    assert len(answer.components) == 2  # of three families
    assert {c.component for c in answer.components} == {"loss.net"}
    assert all(not c.contained and (c.p_value or 0.0) > 0.001 and 0.3 < c.share_of_a < 0.8 for c in answer.components)


def test_it_is_in_every_report(trained, helper, tmp_path):
    models = {k: trained() | helper for k in ("a", "b")}
    answer = reconstruct(models)
    assert from_json(to_json(answer)) == answer
    assert "a  shares the component loss.net with b" in answer.to_text()
    assert any("loss.net" in sentence for sentence in answer.explain("a").warnings)
    for name, model in models.items():
        np.savez(tmp_path / f"{name}.npz", **model)
    found = compare(tmp_path / "a.npz", tmp_path / "b.npz")
    assert found.verdict == "shares a component"
    assert found.component is not None
    assert found.reasons.supporting
    assert "share the component loss.net and are otherwise unrelated" in str(found)


def test_a_rounded_helper_is_the_same(trained, helper):
    answer = reconstruct({"a": trained() | helper, "b": trained() | bf16(helper)})
    assert not claims(answer)
    assert len(answer.components) == 1


def test_trunks_without_a_counterpart(trained, helper):
    """Two architectures: nothing but the helper can be compared."""
    other = {"down.weight": (24, 90), "mid.weight": (50, 24), "up.weight": (90, 50)}
    answer = reconstruct({"a": trained() | helper, "b": trained(shapes=other) | helper})
    assert not claims(answer)
    assert [c.p_value for c in answer.components] == [None]


def test_a_frozen_embedding_is_a_component(trained):
    table = trained(shapes={"embeddings.word.weight": (300, 48)})
    answer = reconstruct({k: table | trained() for k in ("a", "b")})
    assert not claims(answer)


@pytest.mark.parametrize("size", [(96, 96), (12, 40)])
def test_the_helper_itself_is_contained_and_joins_nobody(size, trained, helper):
    big = {"encoder.3.weight": size, "encoder.4.weight": size}
    models = {k: trained() | trained(shapes=big) | helper for k in ("a", "b")}
    answer = reconstruct(models | {"helper": {name.removeprefix("loss."): w for name, w in helper.items()}})
    assert not claims(answer)
    contained = {(c.a, c.b) for c in answer.components if c.contained}
    assert contained == {("helper", "a"), ("helper", "b")}


def test_a_base_that_is_most_of_a_model_is_related_to_it(trained):
    """Which came first is not known: a trunk may be extracted from a model, too."""
    base = trained()
    whole = {f"trunk.{name}": w for name, w in base.items()} | trained(shapes={"decoder.weight": (30, 40)})
    answer = reconstruct({"base": base, "whole": whole})
    assert claims(answer) == {frozenset(("base", "whole"))}
    assert not answer.components


HEADS = {
    "one layer": {"head.weight": (10, 40)},
    "three layers": {"head.0.weight": (16, 40), "head.2.weight": (16, 16), "head.4.weight": (5, 16)},
}
TRUNK = {f"trunk.{k}.weight": (40, 40) for k in range(7)}


@pytest.mark.parametrize("head", HEADS)
def test_a_new_head_on_a_frozen_trunk_is_descent(head, trained):
    """Linear probes and small heads, trained from a random start: the frozen trunk is the parent's."""
    base = trained(shapes=TRUNK | HEADS[head])
    tune = base | trained(shapes=HEADS[head])
    answer = reconstruct({"base": base, "tune": tune})
    assert len(claims(answer)) == 1
    assert not answer.components


def test_half_frozen_and_half_trained_on_is_descent(trained):
    base = trained(shapes=TRUNK)
    tune = trained(base) | {name: base[name] for name in list(TRUNK)[:4]}
    answer = reconstruct({"base": base, "tune": tune})
    assert len(claims(answer)) == 1
    assert not answer.components


@pytest.mark.parametrize("n", [150, pytest.param(1000, marks=pytest.mark.slow)])
def test_many_tensors_in_bounded_time(n, trained):
    helper = trained(shapes={f"loss.{k}.weight": (12, 12) for k in range(n)})
    answer = reconstruct({k: trained() | helper for k in ("a", "b")})
    assert not claims(answer)
    assert answer.components[0].component == "loss"
