"""Re-initialised heads do not count in which of two models came first."""

import numpy as np
import pytest

from neural_phylogeny.relations.direction import log_odds
from neural_phylogeny.relations.retained import matrix_cosines, median, retained


@pytest.fixture
def root(rng):
    shapes = {"a": (40, 30), "b": (40, 40), "head": (10, 40)}
    return {name: rng.uniform(-1, 1, size=shape).astype(np.float32) for name, shape in shapes.items()}


def moved(model, rng, size=0.3):
    return {name: (w + size * rng.laplace(size=w.shape)).astype(np.float32) for name, w in model.items()}


def test_cosines_are_those_of_the_matrices(measured, root, rng):
    child = moved(root, rng) | {"bias": np.ones(3)}
    found = matrix_cosines(measured(root | {"bias": np.ones(3)}, child))
    flat = root["b"].ravel(), child["b"].ravel()
    assert found[1, 0, 1] == pytest.approx(flat[0] @ flat[1] / np.sqrt((flat[0] @ flat[0]) * (flat[1] @ flat[1])))
    assert np.isnan(found[3]).all()


def test_a_new_head_is_not_retained(measured, root, rng):
    child = moved(root, rng) | {"head": rng.uniform(-1, 1, size=(10, 40))}
    found = retained(measured(root, child, moved(root, rng)))
    assert found[:, 0, 1].tolist() == [True, True, False]
    assert found[:, 0, 2].all()
    np.testing.assert_array_equal(found, found.transpose(0, 2, 1))


def test_of_strangers_everything_is_left(measured, root, rng):
    stranger = {name: rng.uniform(-1, 1, size=w.shape) for name, w in root.items()}
    assert retained(measured(root, stranger)).all()


def test_a_new_head_does_not_count(measured, root, rng):
    """The parent's head is long trained, the child's re-initialised one looks like an initialisation."""
    parent = root | {"head": 5 * rng.standard_t(3, size=(10, 40)).astype(np.float32)}
    child = moved(root, rng) | {"head": rng.uniform(-1, 1, size=(10, 40)).astype(np.float32)}
    direction, by_score = log_odds(measured(parent, child))
    assert direction[0, 1] > 0
    assert by_score["fake-initialisation"][0, 1] == 1.0
    assert by_score["kurtosis"][0, 1] == 1.0


def test_a_median_of_what_is_there(rng):
    values = rng.normal(size=(7, 3, 3))
    values[rng.random(values.shape) < 0.4] = np.nan
    values[0] = 0.0
    np.testing.assert_allclose(median(values), np.nanmedian(values, axis=0))
    assert np.isnan(median(np.full((4, 2, 2), np.nan))).all()
