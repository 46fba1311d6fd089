"""Reported publicly: copies in which projections are fused, names changed, or weight norms spelled otherwise."""

import numpy as np
import pytest

from neural_phylogeny import compare, reconstruct

D, F = 48, 96


@pytest.fixture
def base(rng):
    found = {"model.embed_tokens.weight": (80, D)}
    for k in range(2):
        here = f"model.layers.{k}"
        found |= {f"{here}.self_attn.{part}_proj.weight": (D, D) for part in "qkvo"}
        found |= {f"{here}.mlp.{part}_proj.weight": (F, D) for part in ("gate", "up")}
        found[f"{here}.mlp.down_proj.weight"] = (D, F)
    return {name: rng.uniform(-0.2, 0.2, shape).astype(np.float32) for name, shape in found.items()}


def fused(model):
    found = {}
    for name, w in model.items():
        if ".q_proj" in name:
            parts = [model[name.replace("q_proj", f"{part}_proj")] for part in "qkv"]
            found[name.replace("q_proj", "qkv_proj")] = np.concatenate(parts)
        elif ".gate_proj" in name:
            parts = [w, model[name.replace("gate_proj", "up_proj")]]
            found[name.replace("gate_proj", "gate_up_proj")] = np.concatenate(parts)
        elif not any(f".{part}_proj" in name for part in ("k", "v", "up")):
            found[name] = w
    return found


def trained_on(model, rng):
    return {name: (w + rng.laplace(0, 0.03, w.shape)).astype(np.float32) for name, w in model.items()}


def test_fused_projections_are_the_same_model(base, rng):
    answer = reconstruct({"split": base, "fused": fused(base), "tune": trained_on(base, rng)})
    assert [set(copies) for copies in answer.copies] == [{"split", "fused"}]
    assert len(answer.edges) == 1
    assert answer.edges[0].child == "tune"
    assert all(model.compared == 1.0 for model in answer.models)


def test_fewer_keys_and_values_than_queries(rng):
    """Grouped queries: the parts of a fused matrix differ in size."""
    parts = {"q": (D, D), "k": (D // 4, D), "v": (D // 4, D), "o": (D, D)}
    split = {
        f"layers.{k}.self_attn.{part}_proj.weight": rng.uniform(-0.2, 0.2, shape).astype(np.float32)
        for k in range(3)
        for part, shape in parts.items()
    }
    answer = reconstruct({"split": split, "fused": fused(split), "stranger": fused(trained_on(split, rng))})
    assert [set(copies) for copies in answer.copies] == [{"split", "fused"}]


def weight_norm(model, style):
    names = {
        "old": ("weight_g", "weight_v"),
        "new": ("parametrizations.weight.original0", "parametrizations.weight.original1"),
    }
    found = {}
    for name, w in model.items():
        stem, (gain, direction) = name.removesuffix("weight"), names[style]
        found[stem + gain] = np.linalg.norm(w, axis=1, keepdims=True)
        found[stem + direction] = w
    return found


@pytest.mark.parametrize("style", ["old", "new"])
def test_a_weight_norm_is_read_as_the_weight(style, base, rng):
    """Directions of any length stand for one weight, in whatever spelling."""
    other = {"old": "new", "new": "old"}[style]
    normed = {
        name: (w * rng.uniform(0.5, 2.0, (len(w), 1))).astype(np.float32) if name[-1] in "v1" else w
        for name, w in weight_norm(base, style).items()
    }
    models = {"plain": base, "normed": normed, "spelled": weight_norm(base, other), "tune": trained_on(base, rng)}
    answer = reconstruct(models)
    assert [set(copies) for copies in answer.copies] == [{"plain", "normed", "spelled"}]
    assert any("as weight norm" in model.remark for model in answer.models)
    assert [e.child for e in answer.edges] == ["tune"]
    assert {model.parameters for model in answer.models} == {sum(w.size for w in base.values())}


@pytest.mark.parametrize("prefix", ["module.", "model.", "backbone.encoder.", "net/"])
def test_a_prefix(prefix, base):
    other = {prefix + name: w for name, w in base.items()}
    if prefix.endswith("/"):
        other = {name.replace(".", "/"): w for name, w in other.items()}
    answer = reconstruct({"base": base, "copy": other})
    assert [set(copies) for copies in answer.copies] == [{"base", "copy"}]


def test_moving_averages_beside_the_weights_are_not_another_model(base, rng):
    """A full checkpoint, and the same without its averages: one model, neither contained in the other."""
    plain = ((name.removeprefix("model.").replace(".", ""), w) for name, w in trained_on(base, rng).items())
    averages = {f"model_ema.{name}": w for name, w in plain}
    found = compare({"full": base | averages, "pruned": base})
    assert found.verdict == "copies"
    assert found.coverage == 1.0
