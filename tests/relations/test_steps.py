"""A step does not depend on where it starts, whatever its scale and slope."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neural_phylogeny.relations.steps import dependence, step_differences
from neural_phylogeny.relations.tables import mean_sign_of


def sums(first, second):
    """What ``dependence`` reads of two models."""
    w = np.stack([first, second])
    n = w.shape[1]
    square = ((w[:, None] - w[None]) ** 2).mean(axis=2)
    return w @ w.T / n, (w**3) @ w.T / n, (w**2) @ (w**2).T / n, square


def by_hand(start, end):
    slope = (start * end).mean() / (start**2).mean()
    step = end - slope * start
    return abs(np.log((step**2 * start**2).mean() / ((step**2).mean() * (start**2).mean())))


def test_dependence_is_what_it_says(rng):
    first, second = rng.uniform(-1, 1, size=500), rng.laplace(size=500)
    found = dependence(*sums(first, first + 0.1 * second))
    assert found[0, 1] == pytest.approx(by_hand(first, first + 0.1 * second), rel=1e-8)
    assert found[1, 0] == pytest.approx(by_hand(first + 0.1 * second, first), rel=1e-8)


def test_seen_from_a_pruned_copy_all_depends_on_where_it_is_zero(rng):
    """The mean product is exactly zero or a rounding of either sign, by how a processor adds; the answer is one."""
    parent = rng.normal(size=500)
    pruned = np.where(np.abs(parent) < 0.3, 0.0, parent)
    found = dependence(*sums(parent, pruned))
    assert found[1, 0] > 10 > found[0, 1]
    product, third, second, square = sums(parent, pruned)
    for error in (-1e-12, 1e-12):
        assert dependence(product, third, second * (1 + error), square)[1, 0] == pytest.approx(found[1, 0])


def test_equal_models_have_no_step(rng):
    first = rng.normal(size=500)
    assert np.isnan(dependence(*sums(first, first))).all()


@given(st.integers(0, 2**32 - 1), st.floats(0.2, 1.5), st.floats(0.3, 2.0), st.sampled_from(["uniform", "laplace"]))
def test_the_start_of_a_step_is_the_parent(seed, slope, size, kind):
    """Uniform weights, as initialised, or heavy tails: the step from the parent is independent, the reverse is not."""
    rng = np.random.default_rng(seed)
    parent = rng.uniform(-1, 1, size=40_000) if kind == "uniform" else rng.laplace(size=40_000)
    parent /= parent.std()
    child = slope * (parent + size * rng.laplace(size=40_000) / np.sqrt(2.0))
    found = dependence(*sums(parent, child))
    assert found[0, 1] < 0.1
    if kind == "uniform":
        assert found[0, 1] < found[1, 0]


def test_leads_have_a_row_a_matrix_and_are_antisymmetric(measured, rng):
    parent = {"a": rng.uniform(-1, 1, size=(80, 60)), "b": rng.uniform(size=5)}
    child = {name: w + rng.laplace(0, 0.5, size=w.shape) for name, w in parent.items()}
    found = step_differences(measured(parent, child))
    assert np.isnan(found[1]).all()
    assert found[0, 0, 1] > 0
    np.testing.assert_array_equal(found[0, 0, 1], -found[0, 1, 0])
    assert mean_sign_of(found).tolist() == [[0.0, 1.0], [-1.0, 0.0]]


def test_what_was_not_measured_gives_nothing(measured, rng):
    from neural_phylogeny.statistics.moments import Moments

    model = {"a": rng.normal(size=(8, 6))}
    assert np.isnan(step_differences(measured(model, model, statistics=(Moments(),)))).all()
