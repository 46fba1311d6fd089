"""The census of false positives: what its classes of hard cases hold."""

import numpy as np
import pytest

pytest.importorskip("torch")

from neural_phylogeny.lab.bench.tables import hard_cases, unrelated


@pytest.fixture
def digits(monkeypatch):
    monkeypatch.setattr(hard_cases, "STEPS", 30)
    x, y = unrelated.images(None)
    return x.flatten(1), y


@pytest.mark.parametrize("name", sorted(hard_cases.classes()))
def test_every_class_is_judged(name, digits):
    models = hard_cases.classes()[name](digits[0], digits[1], 5)
    assert len({model["encoder.0.weight"].tobytes() for model in models}) == 5
    row = unrelated.hard_row(name, models)
    assert row[:2] == [name, "10"]
    assert int(row[3]) == (10 if name == "one seed" else 0)


def test_weights_that_must_not_be_negative_are_not(digits):
    models = hard_cases.classes()["non-negative weights"](digits[0], digits[1], 3)
    assert all((model[f"encoder.{k}.weight"] >= 0).all() for model in models for k in range(3))


def test_a_network_does_not_depend_on_those_beside_it(digits):
    recipe = hard_cases.Recipe()
    alone, beside = (hard_cases.trained(recipe, digits[0], digits[1], count)[0] for count in (1, 4))
    assert all(np.allclose(alone[name], beside[name], atol=1e-4) for name in alone)
