"""A copy that is stored otherwise is reported as converted, and how; a plain copy is not."""

import ml_dtypes
import numpy as np
import pytest

from neural_phylogeny.reconstruction.api import reconstruct


@pytest.fixture
def model(rng):
    shapes = {"conv.weight": (24, 8, 3, 3), "fc.weight": (20, 24), "fc.bias": (20,)}
    return {
        name: rng.normal(size=shape).astype(ml_dtypes.bfloat16).astype(np.float32) for name, shape in shapes.items()
    }


def remark(model, copy):
    answer = reconstruct({"base": model, "copy": copy})
    assert answer.copies == (("base", "copy"),)
    assert answer.models[0].remark == ""
    return answer.models[1].remark


def test_a_plain_copy_has_no_remark(model):
    assert remark(model, dict(model)) == ""


def test_other_names_are_reported(model):
    assert remark(model, {f"net.{name.replace('fc', 'out')}": w for name, w in model.items()}).startswith(
        "converted: the values of base, stored otherwise (3 tensors under other names"
    )


def test_other_layouts_are_reported(model):
    turned = {"conv.weight": (2, 3, 1, 0), "fc.weight": (1, 0), "fc.bias": (0,)}
    reported = remark(model, {name: w.transpose(turned[name]) for name, w in model.items()})
    assert reported == "converted: the values of base, stored otherwise (1 tensor HWIO, 1 tensor transposed)"


def test_another_type_is_reported_where_no_value_changed(model):
    reported = remark(model, {name: w.astype(ml_dtypes.bfloat16) for name, w in model.items()})
    assert reported == "converted: the values of base, stored otherwise (3 tensors of another type)"


def test_another_format_is_reported(model, tmp_path):
    from safetensors.numpy import save_file

    np.savez(tmp_path / "a.npz", **model)
    save_file(model, tmp_path / "b.safetensors")
    answer = reconstruct(tmp_path)
    assert answer.models[1].remark == "converted: the values of a.npz, stored otherwise (safetensors instead of npz)"
    assert "= b.safetensors  converted" in str(answer)


def test_a_tuned_copy_is_not_converted(model, rng):
    tuned = {name: w + rng.normal(0, 1e-3, w.shape).astype(np.float32) for name, w in model.items()}
    answer = reconstruct({"base": model, "copy": {name.upper(): w for name, w in tuned.items()}})
    assert answer.copies == ()
    assert not any("converted" in each.remark for each in answer.models)


def test_copies_carry_their_kind(model):
    from neural_phylogeny.reports.json import from_json, to_json

    answer = reconstruct({"base": model, "copy": dict(model), "named": {f"net.{n}": w for n, w in model.items()}})
    assert [each.copy_kind for each in answer.models] == [None, "copy", "converted"]
    assert from_json(to_json(answer)).models == answer.models


def test_tied_weights_that_are_stored_twice_are_a_conversion(rng):
    tied = {"embed.weight": rng.normal(size=(40, 24))}
    tied |= {f"{k}.up.weight": rng.normal(size=(96, 24)) for k in range(5)}
    answer = reconstruct({"tied": tied, "untied": {**tied, "head.weight": tied["embed.weight"].copy()}})
    assert [(pair.kind, pair.also) for pair in answer.undirected] == [("converted", ())]
    grown = reconstruct({"tied": tied, "new": {**tied, "head.weight": rng.normal(size=(60, 24))}})
    assert "converted" not in {edge.kind for edge in grown.edges} | {pair.kind for pair in grown.undirected}


def test_a_training_in_another_layout_is_also_converted(model, rng):
    tuned = {name: (w + 0.05 * rng.normal(size=w.shape)).astype(np.float32) for name, w in model.items()}
    turned = {"conv.weight": (2, 3, 1, 0), "fc.weight": (1, 0), "fc.bias": (0,)}
    answer = reconstruct({"base": model, "tuned": {name: w.transpose(turned[name]) for name, w in tuned.items()}})
    also = [edge.also for edge in answer.edges] + [pair.also for pair in answer.undirected]
    assert also == [("converted",)]
