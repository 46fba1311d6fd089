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
    monkeypatch.setattr(passes, "AS_ONE", 20)
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


def star(rng, n=76, alike=0.85, size=0.02):
    """A hub and children of one task, most of whose steps is common: they are nearer to each other than to it."""
    hub = {"a": rng.uniform(-1, 1, (24, 24)) / 5, "b": rng.uniform(-1, 1, (20, 24)) / 5}
    task = {name: rng.normal(size=w.shape) for name, w in hub.items()}
    models = {"hub": hub}
    for k in range(n):
        own = {
            name: np.sqrt(alike) * task[name] + np.sqrt(1 - alike) * rng.normal(size=w.shape) for name, w in hub.items()
        }
        models[f"m{k:02d}"] = {name: w + size * own[name] for name, w in hub.items()}
    return {name: {key: w.astype(np.float32) for key, w in one.items()} for name, one in models.items()}


def test_a_hub_that_is_farther_from_its_children_than_all_of_them_is_their_parent(rng):
    models = star(rng)
    answer = reconstruct(models)
    found = {edge.child: edge.parent for edge in answer.edges}
    assert sum(found.get(name) == "hub" for name in models) >= 0.95 * (len(models) - 1)
    (roots,) = answer.credible_roots
    assert roots.models[0] == "hub"


def test_a_missing_hub_is_one_missing_ancestor(rng):
    models = star(rng)
    del models["hub"]
    answer = reconstruct(models)
    assert len(answer.missing) + len(answer.undecided) == 1
    assert len({model.family for model in answer.models}) == 1
    assert not [edge for edge in answer.edges if edge.parent in models]
