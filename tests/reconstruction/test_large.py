"""A family that is too large to be measured as one: in neighbourhoods, with one forest over all of it."""

import json

import numpy as np
import pytest

from neural_phylogeny.reconstruction import passes
from neural_phylogeny.reconstruction.api import reconstruct
from neural_phylogeny.statistics import neighbourhoods


@pytest.fixture
def small(monkeypatch):
    """Neighbourhoods of a dozen models already of families of more than twenty."""
    monkeypatch.setattr(passes, "TOGETHER", 20)
    monkeypatch.setattr(neighbourhoods.neighbourhoods, "__defaults__", (5, 12))


def family(n, rng, branching=4):
    models = [{"a": rng.uniform(-1, 1, (24, 24)), "b": rng.uniform(-1, 1, (20, 24))}]
    for k in range(1, n):
        models.append({name: w + rng.normal(0, 0.08, w.shape) for name, w in models[(k - 1) // branching].items()})
    named = {f"m{k:02d}": {name: w.astype(np.float32) for name, w in one.items()} for k, one in enumerate(models)}
    return named, {f"m{k:02d}": f"m{(k - 1) // branching:02d}" for k in range(1, n)}


@pytest.mark.usefixtures("small")
def test_a_large_family_is_one_forest(rng):
    models, parents = family(34, rng)
    models["m99"] = models["m07"]  # a copy
    answer = reconstruct(models)
    found = {edge.child: edge.parent for edge in answer.edges}
    assert sum(found.get(child) == parent for child, parent in parents.items()) >= 0.9 * len(parents)
    assert len(answer.edges) == len(found)
    assert answer.copies == (("m07", "m99"),)
    assert len({model.family for model in answer.models}) == 1
    assert all(edge.evidence and edge.kind for edge in answer.edges)
    assert answer.to_json() == reconstruct(models).to_json()


@pytest.mark.usefixtures("small")
def test_strangers_of_a_large_family_stay_out(rng):
    models, _ = family(24, rng)
    models |= {
        f"s{k}": {name: rng.uniform(-1, 1, w.shape).astype(np.float32) for name, w in models["m00"].items()}
        for k in range(3)
    }
    answer = reconstruct(models)
    families = {model.name: model.family for model in answer.models}
    assert len({families[f"m{k:02d}"] for k in range(24)}) == 1
    assert families["m00"] not in {families[f"s{k}"] for k in range(3)}


@pytest.mark.usefixtures("small")
def test_cached_neighbourhoods_give_the_same_answer(rng, tmp_path):
    models, _ = family(24, rng)
    first = reconstruct(models, save_stats=tmp_path / "kept.npz").to_json()
    assert json.loads(reconstruct(models, stats=tmp_path / "kept.npz").to_json()) == json.loads(first)
