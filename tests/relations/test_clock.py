"""The clock speaks where enough rows agree in one factor, and is silent elsewhere."""

import warnings

import ml_dtypes
import numpy as np
import pytest

from neural_phylogeny.relations.clock import Clock
from neural_phylogeny.relations.exact import CERTAIN, DECAYED, exact_marks


def clock_of(*matrices):
    """A clock of two models: for each matrix the rows that only shrank, how many agree, their factor."""
    multiples, agree, factor = (np.zeros((len(matrices), 2, 2)) for _ in range(3))
    for k, (number, near, log) in enumerate(matrices):
        multiples[k] += number
        agree[k] += near
        factor[k, 0, 1], factor[k, 1, 0] = log, -log
    return Clock.of(multiples, agree, factor, np.zeros((len(matrices), 2, 2)))


@pytest.mark.parametrize(
    ("matrices", "later"),
    [
        ([(8, 8, -0.01)], 1),
        ([(8, 8, 0.01)], -1),
        ([(2, 2, -0.01), (2, 2, -0.01)], 1),  # few rows of each, one factor
        ([(3, 3, -0.01)], 0),
        ([(20, 4, -0.01)], 0),  # most rows have factors of their own
        ([(8, 8, -0.01), (8, 8, -0.002)], 1),  # each layer has its rate
        ([(8, 8, -0.01), (8, 8, 0.01)], 0),
        ([], 0),
    ],
)
def test_the_shorter_is_later_where_rows_agree(matrices, later):
    clock = clock_of(*matrices)
    assert clock.later[0, 1] == later
    assert clock.later[1, 0] == -later


def test_factors_and_rows_are_those_that_agree():
    clock = clock_of((9, 8, -0.01), (6, 6, -0.0101), (1, 1, 0.2))
    assert clock.factor[0, 1] == pytest.approx(-0.01)
    assert clock.rows[0, 1] == 14


def test_unknown_numbers_say_nothing():
    clock = Clock.of(*(np.full((3, 4, 4), np.nan) for _ in range(4)))
    assert not clock.later.any()
    assert not clock.rows.any()


@pytest.fixture
def lineage(rng):
    """A model, and its child: the first 30 rows of an embedding shrank in steps, all else moved."""
    parent = {
        "embedding.weight": rng.normal(size=(80, 32)).astype(np.float32),
        "layer.weight": rng.normal(size=(40, 32)).astype(np.float32),
    }
    child = {name: w.copy() for name, w in parent.items()}
    for w in child.values():
        for _ in range(30):
            w *= np.float32(1.0 - 5e-4)
    child["embedding.weight"][30:] += 0.1 * rng.normal(size=(50, 32)).astype(np.float32)
    child["layer.weight"] += (0.1 * rng.normal(size=(40, 32))).astype(np.float32)
    return parent, child


def marked(measured, *models):
    """Log-odds of the clock for the first of two models as the parent."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        odds = exact_marks(measured(*models))[DECAYED]
    return float(odds[0, 1] - odds[1, 0])


def test_the_model_that_decayed_is_not_the_parent(measured, lineage):
    assert marked(measured, *lineage) == CERTAIN
    assert marked(measured, *lineage[::-1]) == -CERTAIN


@pytest.mark.parametrize("dtype", [ml_dtypes.bfloat16, np.float16])
def test_both_on_a_grid_still_show_it(measured, lineage, dtype):
    wide = [{name: np.tile(w, (1, 8)).astype(dtype) for name, w in model.items()} for model in lineage]
    assert marked(measured, *wide) == CERTAIN


def altered():
    """What happens to a model where nothing decayed, or what hides the decay; the clock must be silent."""
    return {
        "a cast to the grid of the base": lambda p, c: (c, {n: w.astype(ml_dtypes.bfloat16) for n, w in p.items()}),
        "a cast": lambda p, c: (c, {n: w.astype(ml_dtypes.bfloat16) for n, w in c.items()}),
        "a multiple": lambda p, c: (p, {n: w * np.float32(0.9) for n, w in p.items()}),
        "zeros": lambda p, c: (p, {n: np.zeros_like(w) for n, w in p.items()}),
        "tiny values": lambda p, c: (p, {n: w * np.float32(1e-38) for n, w in c.items()}),
        "one row": lambda p, c: ({n: w[:1] for n, w in p.items()}, {n: w[:1] for n, w in c.items()}),
        "decay of zero": lambda p, c: (
            p,
            {n: np.where(np.arange(len(w))[:, None] < 30, p[n], w) for n, w in c.items()},
        ),
        "folded norms": lambda p, c: (
            p,
            {n: w * np.random.default_rng(0).uniform(0.8, 1.0, w.shape[1]).astype(np.float32) for n, w in p.items()},
        ),
        "infinite values": lambda p, c: (p, c | {"embedding.weight": np.full_like(c["embedding.weight"], np.inf)}),
    }


@pytest.mark.parametrize("name", altered())
def test_the_clock_is_silent_where_something_else_explains_lengths(measured, lineage, name):
    assert marked(measured, *altered()[name](*lineage)) == 0.0
