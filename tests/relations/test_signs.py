"""Negated tensors are found, re-initialised and merely dissimilar ones are not."""

import numpy as np
import pytest

from neural_phylogeny import reconstruct
from neural_phylogeny.relations.signs import reversed_tensors


@pytest.fixture
def model(rng):
    found = {f"{k}.weight": rng.normal(size=(48, 48)).astype(np.float32) for k in range(3)}
    return found | {"2.bias": rng.normal(size=48).astype(np.float32), "head.weight": rng.normal(size=(2, 48))}


def tuned(model, rng, moved=0.1):
    return {name: (w + moved * rng.normal(size=w.shape)).astype(np.float32) for name, w in model.items()}


def negated(model, *names):
    return {name: -w if name in (names or model) else w for name, w in model.items()}


def test_all_tensors_of_a_negated_model_are_reversed(measured, model, rng):
    found = reversed_tensors(measured(model, tuned(model, rng), negated(tuned(model, rng))))
    assert {model: set(names) for model, names in found.items()} == {2: set(model)}


def test_only_the_negated_matrix_is_reversed(measured, model, rng):
    assert reversed_tensors(measured(model, negated(tuned(model, rng), "1.weight"))) == {1: ("1.weight",)}


def test_the_minority_is_reversed(measured, model, rng):
    models = [negated(tuned(model, rng)), *(tuned(model, rng) for _ in range(3))]
    assert list(reversed_tensors(measured(*models))) == [0]


def test_nothing_is_reversed_among_relatives_and_strangers(measured, model, rng):
    others = [{name: rng.normal(size=w.shape).astype(np.float32) for name, w in model.items()} for _ in range(6)]
    assert not reversed_tensors(measured(model, tuned(model, rng, 1.0), *others))


def test_swapped_classes_of_a_small_head_are_not_a_reversal(measured, model, rng):
    child = tuned(model, rng)
    child["head.weight"] = child["head.weight"][::-1] - child["head.weight"].mean(axis=0)
    assert not reversed_tensors(measured(model, child))


def test_a_negated_copy_is_a_copy_and_a_note_says_so(model, tmp_path):
    models = {"a": model, "b": negated(model)}
    answer = reconstruct(models, save_stats=tmp_path / "cached")
    assert answer.copies == (("a", "b"),)
    [note] = [note for note in answer.provenance["notes"] if "signs" in note]
    assert note.startswith("b: the signs of 5 tensors are reversed")
    assert reconstruct(models, stats=tmp_path / "cached") == answer


def test_a_negated_child_has_the_edge_that_it_would_have(rng):
    parent = {f"{k}.weight": rng.uniform(-1, 1, (48, 48)).astype(np.float32) for k in range(3)}
    child, other = (
        {name: (w + rng.laplace(0, 0.3, w.shape)).astype(np.float32) for name, w in parent.items()} for _ in range(2)
    )
    plain = reconstruct({"parent": parent, "child": child, "other": other})
    disguised = reconstruct({"parent": parent, "child": negated(child, "0.weight", "2.weight"), "other": other})
    assert disguised.edges == plain.edges
    assert plain.edges
