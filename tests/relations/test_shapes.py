"""Fewer units where they are written and read make a pruned model, whatever became of the values."""

import numpy as np
import pytest

from neural_phylogeny.relations.explanations.whole import explanation


@pytest.fixture
def root(rng):
    shapes = {"a": (48, 20), "b": (24, 48), "c": (12, 24)}
    return {f"{name}.weight": rng.normal(size=shape) for name, shape in shapes.items()}


def kind(statistics, parent, child):
    found = explanation(statistics, parent, child)
    assert found is not None
    return found.kind


def without_units(model, kept):
    return model | {"a.weight": model["a.weight"][kept], "b.weight": model["b.weight"][:, kept]}


def test_units_that_were_removed_anywhere_are_a_pruning(measured, root, rng):
    small = without_units(root, np.sort(rng.permutation(48)[:30]))
    statistics = measured(root, small)
    assert kind(statistics, 0, 1) == "pruned"
    assert kind(statistics, 1, 0) == "grown"


def test_another_head_is_none(measured, root, rng):
    other = root | {"c.weight": rng.normal(size=(10, 24))}
    assert kind(measured(root, other), 0, 1) == "finetune"
