"""A folder with one of each kind reads as a person would put it."""

import numpy as np
import pytest
from tests.cases.test_gguf_families import base, trained
from tests.relations.test_gridded import int8_of_rows

from neural_phylogeny import reconstruct


def f32(model):
    return {f"{name}.weight": values.astype(np.float32) for name, values in model.items()}


def permuted(model, rng):
    """The hidden units of every feed-forward network in another order."""
    found = dict(model)
    for name, values in model.items():
        if name.endswith("up_proj"):
            order = rng.permutation(len(values))
            for part in ("up_proj", "gate_proj"):
                if (key := name.replace("up_proj", part)) in model:
                    found[key] = model[key][order]
            found[name.replace("up_proj", "down_proj")] = model[name.replace("up_proj", "down_proj")][:, order]
    return found


def on_matrices(model, change):
    return {name: change(values) if values.ndim == 2 else values for name, values in model.items()}


@pytest.fixture
def models(rng):
    first = base(rng)
    one, other = trained(rng, first), trained(rng, first)
    embedding = first["model.embed_tokens"]
    rows = {"model.embed_tokens": np.concatenate([embedding, 0.002 * rng.normal(size=(8, embedding.shape[1]))])}
    step = 0.02
    whole = {
        "base": first,
        "copy": first,
        "int8": on_matrices(first, int8_of_rows),
        "pruned": on_matrices(first, lambda w: np.where(np.abs(w) < np.quantile(np.abs(w), 0.4), 0.0, w)),
        "noised": on_matrices(first, lambda w: w + 0.05 * w.std() * rng.normal(size=w.shape)),
        "lora": on_matrices(
            first, lambda w: w + step * w.std() * rng.normal(size=(len(w), 4)) @ rng.normal(size=(4, w.shape[1]))
        ),
        "one": one,
        "other": other,
        "merged": {name: 0.4 * one[name] + 0.6 * other[name] for name in first},
        "permuted": permuted(first, rng),
        "longer": first | rows,
        "stranger": base(np.random.default_rng(99)),
    }
    half = {name: values.astype(np.float16) for name, values in f32(first).items()}
    return {name: f32(model) for name, model in whole.items()} | {"half": half}


def test_a_folder_with_one_of_each_reads_as_a_person_puts_it(models):
    found = reconstruct(models)
    kinds = {edge.child: (edge.parent, edge.kind) for edge in found.edges if edge.kind != "merge"}
    assert kinds == {
        "int8": ("base", "quantized"),
        "pruned": ("base", "pruned"),
        "noised": ("base", "noised"),
        "lora": ("base", "adapter"),
        "half": ("base", "cast"),
        "one": ("base", "finetune"),
        "other": ("base", "finetune"),
        "longer": ("base", "grown"),
    }
    assert {edge.parent for edge in found.edges if edge.child == "merged"} == {"one", "other"}
    assert [(pair.a, pair.b, pair.kind) for pair in found.undirected] == [("base", "permuted", "permuted")]
    assert found.copies == (("base", "copy"),)
    family = {model.name: model.family for model in found.models}
    assert [name for name in family if family[name] != family["base"]] == ["stranger"]
    assert "~ permuted  permuted" in found.to_text()
