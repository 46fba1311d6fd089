"""A verdict on a part says of which part, and every model says how much of it was compared."""

import numpy as np

from neural_phylogeny import compare, reconstruct
from neural_phylogeny.reports.json import from_json, to_json

LARGE = {f"language.{k}.weight": (90, 90) for k in range(4)}


def test_models_of_one_layout_are_compared_in_full(trained):
    answer = reconstruct({"a": trained(), "b": trained()})
    assert [model.compared for model in answer.models] == [1.0, 1.0]
    assert not any(model.remark for model in answer.models)


def test_tables_and_weights_without_a_counterpart_count_as_not_compared(trained):
    mask = {"mask": np.tril(np.ones((64, 64), dtype=np.float32))}
    base = trained()
    models = {"a": base | mask, "b": trained() | mask, "c": trained(base) | trained(shapes=LARGE)}
    answer = reconstruct(models | {"d": trained() | trained(shapes={"x.weight": (70, 71)})})
    a, _, c, d = answer.models
    weights = sum(w.size for w in trained().values())
    assert a.compared == weights / (weights + 64 * 64)
    assert c.compared == weights / (weights + 4 * 90 * 90)
    assert "of its weights have no counterpart in another model" in c.remark
    assert "counterpart" not in a.remark
    assert not d.remark, "what a stranger could be compared with depends on the other strangers"


def test_only_relatives_count_as_a_counterpart(trained):
    """A stranger that has what no relative has adds nothing to the share that is compared."""
    base = trained()
    family = {"base": base, "larger": trained(base) | trained(shapes=LARGE)}
    alone = reconstruct(family).models
    assert "of its weights have no counterpart in another model" in alone[1].remark
    assert reconstruct(family | {"stranger": trained(shapes=LARGE)}).models[:2] == alone


def test_less_than_half_names_the_part(trained, tmp_path):
    base = trained()
    models = {
        "base": base,
        "whole": {f"vision.tower.{name}": w for name, w in trained(base).items()} | trained(shapes=LARGE),
    }
    answer = reconstruct(models)
    [edge] = answer.edges
    assert edge.part == "vision.tower"
    assert "of the weights (vision.tower)" in answer.to_text()
    assert from_json(to_json(answer)) == answer
    for name, model in models.items():
        np.savez(tmp_path / f"{name}.npz", **model)
    found = compare(tmp_path / "base.npz", tmp_path / "whole.npz")
    assert found.part == "vision.tower"
    assert "of the weights (vision.tower)" in str(found)
    assert any("(vision.tower)" in sentence for sentence in found.what_would_change)


def test_half_or_more_does_not(trained):
    base = trained()
    answer = reconstruct({"base": base, "whole": trained(base) | trained(shapes={"decoder.weight": (30, 40)})})
    assert [edge.part for edge in answer.edges] == [""]
