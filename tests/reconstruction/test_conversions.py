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
