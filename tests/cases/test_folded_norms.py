"""Reported publicly: batch norms folded away, then observers put in. The folded model comes later, or is a copy."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from neural_phylogeny import reconstruct

CONVS = {"features.0": (24, 3, 3, 3), "features.3": (32, 24, 3, 3), "features.6": (32, 32, 3, 3)}


@pytest.fixture
def base(rng):
    found: dict[str, Any] = {}
    for name, shape in CONVS.items():
        units = shape[0]
        stem, number = name.rsplit(".", 1)
        norm = f"{stem}.{int(number) + 1}"
        found |= {
            f"{name}.weight": rng.normal(0, 0.1, shape),
            f"{norm}.weight": rng.uniform(0.5, 2.0, units),
            f"{norm}.bias": rng.normal(0, 0.2, units),
            f"{norm}.running_mean": rng.normal(0, 0.5, units),
            f"{norm}.running_var": rng.uniform(0.2, 4.0, units),
        }
    found |= {"fc.weight": rng.normal(0, 0.1, (10, 128)), "fc.bias": rng.normal(0, 0.1, 10)}
    return {name: w.astype(np.float32) for name, w in found.items()}


def folded(model, names="{}", affine=True):
    """As exporters write it: the convolution times gain over deviation, and a bias."""
    found = {}
    for name in CONVS:
        stem, number = name.rsplit(".", 1)
        norm = f"{stem}.{int(number) + 1}"
        gain = model[f"{norm}.weight"] if affine else 1.0
        shift = model[f"{norm}.bias"] if affine else 0.0
        scale = gain / np.sqrt(model[f"{norm}.running_var"] + np.float32(1e-5))
        found[f"{names.format(name)}.weight"] = model[f"{name}.weight"] * scale[:, None, None, None]
        found[f"{names.format(name)}.bias"] = shift - model[f"{norm}.running_mean"] * scale
    return {name: np.asarray(w, np.float32) for name, w in found.items()} | {
        name: model[name] for name in ("fc.weight", "fc.bias")
    }


def trained_on(model, rng, step=0.02):
    return {name: (w + rng.laplace(0, step, w.shape)).astype(np.float32) for name, w in model.items()}


def observed(model):
    found = dict(model)
    for name in [name for name in model if name.endswith("weight")]:
        stem = name.removesuffix("weight")
        low, high = (model[name].reshape(len(model[name]), -1).min(1), model[name].reshape(len(model[name]), -1).max(1))
        found |= {f"{name}_fake_quant.min_vals": low, f"{name}_fake_quant.max_vals": high}
        found[f"{stem}activation_post_process.scale"] = np.ones(1, np.float32)
    return found


@pytest.mark.parametrize("names", ["{}", "backbone.{}"])
def test_an_export_is_a_copy(names, base):
    answer = reconstruct({"base": base, "export": folded(base, names)})
    assert [set(copies) for copies in answer.copies] == [{"base", "export"}]
    assert "converted" in "".join(model.remark for model in answer.models)
    assert not answer.edges


def test_norms_without_gain_and_shift(base):
    plain = {n: w for n, w in base.items() if len(w.shape) > 1 or "running" in n or n.startswith("fc")}
    answer = reconstruct({"base": plain, "export": folded(base, affine=False)})
    assert [set(copies) for copies in answer.copies] == [{"base", "export"}]


def test_folded_and_trained_on_is_a_child(base, rng):
    answer = reconstruct({"base": base, "a-tune": trained_on(folded(base), rng)})
    assert [(e.parent, e.child) for e in answer.edges] == [("base", "a-tune")]


def test_observers_come_later(base, rng):
    answer = reconstruct({"base": base, "a-qat": observed(trained_on(folded(base), rng, 0.005))})
    [edge] = answer.edges
    assert (edge.parent, edge.child) == ("base", "a-qat")
    assert (edge.similarity or 0.0) > 0.95
    assert {"folded-norms", "observers"} & {evidence.feature for evidence in edge.evidence}


def test_norms_behind_transposed_convolutions(rng):
    """Their kernels are stored inputs first, so that the norm scales the second axis."""
    widths = (20, 16, 12, 16)
    base: dict[str, Any] = {}
    export: dict[str, Any] = {}
    for k, (n_inputs, units) in enumerate(pairwise(widths)):
        kernel = rng.normal(0, 0.1, (n_inputs, units, 4, 4))
        gain, shift = rng.uniform(0.5, 2.0, units), rng.normal(0, 0.2, units)
        mean, variance = rng.normal(0, 0.5, units), rng.uniform(0.2, 4.0, units)
        base |= {f"up.{3 * k}.weight": kernel, f"up.{3 * k + 1}.weight": gain, f"up.{3 * k + 1}.bias": shift}
        base |= {f"up.{3 * k + 1}.running_mean": mean, f"up.{3 * k + 1}.running_var": variance}
        scale = gain / np.sqrt(variance + 1e-5)
        export |= {f"up.{3 * k}.weight": kernel * scale[:, None, None], f"up.{3 * k}.bias": shift - mean * scale}
    models = {
        name: {key: np.asarray(w, np.float32) for key, w in model.items()}
        for name, model in (("base", base), ("export", export))
    }
    answer = reconstruct(models)
    assert [set(copies) for copies in answer.copies] == [{"base", "export"}]
