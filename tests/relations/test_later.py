"""A run that goes on makes strong directions stronger; another task does not."""

import numpy as np
import pytest

from neural_phylogeny.relations.explanations import whole
from neural_phylogeny.relations.explanations.step import Step
from neural_phylogeny.relations.onward import ONE_RUN, onward


@pytest.fixture
def parent(rng):
    """Matrices that training has given strong directions."""
    return [rng.normal(size=(32, 2)) @ rng.normal(size=(2, 64)) + rng.normal(size=(32, 64)) for _ in range(4)]


def kind(parent, child):
    return whole.explained([Step("w", a, b, a.shape) for a, b in zip(parent, child, strict=True)]).kind


def strong(matrix, n=2):
    u, s, v = np.linalg.svd(matrix)
    return (u[:, :n] * s[:n]) @ v[:n]


def step(rng):
    return 0.1 * rng.normal(size=(32, 3)) @ rng.normal(size=(3, 64)) + 0.03 * rng.standard_t(4, size=(32, 64))


def test_strong_directions_grow_in_one_run(parent, rng):
    assert kind(parent, [w + step(rng) + 0.05 * strong(w) for w in parent]) == "later-checkpoint"


def test_another_task_does_not_make_them_grow(parent, rng):
    assert kind(parent, [w + step(rng) for w in parent]) == "finetune"
    assert kind(parent, [w + step(rng) - 0.05 * strong(w) for w in parent]) == "finetune"


def test_layers_that_stay_or_begin_anew_are_another_training(parent, rng):
    grown = [w + step(rng) + 0.05 * strong(w) for w in parent]
    assert kind(parent, [parent[0], *grown[1:]]) == "finetune"
    assert kind(parent, [rng.normal(size=(32, 64)), *grown[1:]]) == "finetune"


def test_a_step_that_goes_on_the_way_of_the_step_before_is_of_one_run(measured, rng):
    names = "abc"
    first = {name: rng.normal(size=(40, 30)) for name in names}
    way = {name: rng.normal(size=(40, 30)) for name in names}
    middle = {name: first[name] + 0.1 * way[name] for name in names}
    other = {name: middle[name] + 0.1 * rng.normal(size=(40, 30)) for name in names}
    last = {name: other[name] + 0.1 * way[name] for name in names}
    statistics = measured(first, middle, last, other)
    assert onward(statistics, 0, 1, 2) > ONE_RUN
    assert abs(onward(statistics, 0, 1, 3)) < ONE_RUN
    assert np.isnan(onward(statistics, 0, 0, 1))
