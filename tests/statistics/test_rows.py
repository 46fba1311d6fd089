"""Rows that only shrank are found and counted; growth and steps follow their formulas; bad values say nothing."""

import warnings

import ml_dtypes
import numpy as np
import pytest

from neural_phylogeny.statistics.rows import of_rows, steps_of


def decayed(rng, n_still=20, factor=0.99, n_rows=40, n_values=64):
    """A matrix and its child: some rows shrank by one factor, the others also moved."""
    parent = rng.normal(size=(n_rows, n_values)).astype(np.float32)
    child = parent.copy()
    for _ in range(50):
        child *= np.float32(factor ** (1.0 / 50.0))
    child[n_still:] += 0.1 * rng.normal(size=(n_rows - n_still, n_values)).astype(np.float32)
    return np.stack([parent, child])


def test_rows_that_only_shrank_are_counted_with_their_factor(rng):
    found = of_rows(decayed(rng))
    assert found["multiples"][0, 1] == found["agree"][0, 1] == found["agree"][1, 0] == 20
    assert found["factor"][0, 1] == pytest.approx(np.log(0.99), rel=1e-4)
    assert found["factor"][1, 0] == -found["factor"][0, 1]
    assert not found["still"].any()


@pytest.mark.parametrize("n_still", [0, 40])
def test_a_matrix_whose_rows_all_shrank_was_rescaled(rng, n_still):
    assert not of_rows(decayed(rng, n_still))["multiples"].any()


def test_rows_that_were_multiplied_once_did_not_decay(rng):
    parent, child = decayed(rng, factor=1.0)
    assert not of_rows(np.stack([parent, (child * np.float32(0.9)).astype(np.float32)]))["multiples"].any()


def test_rows_that_all_are_multiples_with_factors_of_their_own_say_nothing(rng):
    parent = rng.normal(size=(40, 64)).astype(np.float32)
    child = parent * rng.choice([1.0, 0.9, 0.5, 1.4], size=(40, 1)).astype(np.float32)
    assert not of_rows(np.stack([parent, child]))["multiples"].any()


def test_rows_that_are_equal_are_still_unless_all_are(rng):
    found = of_rows(decayed(rng, factor=1.0))
    assert found["still"][0, 1] == 20
    assert not found["multiples"].any()
    same = rng.normal(size=(40, 64)).astype(np.float32)
    assert not of_rows(np.stack([same, same]))["still"].any()


def test_rows_that_moved_more_and_grew_more_point_away_from_their_parent(rng):
    parent = rng.normal(size=(40, 64)).astype(np.float32)
    moved = np.linspace(0.01, 1.0, 40)[:, None]
    child = (0.9 * parent + moved * rng.normal(size=parent.shape)).astype(np.float32)
    found = of_rows(np.stack([parent, child]))
    assert found["grow"][0, 1] > 3.0
    assert found["grow"][1, 0] == -found["grow"][0, 1]
    assert found["indep"][0, 1] == -found["indep"][1, 0]


def test_growth_along_strong_directions_is_that_of_the_singular_values(rng):
    parent = rng.normal(size=(16, 24)).astype(np.float32)
    child = (0.98 * parent + 0.4 * np.outer(rng.normal(size=16), rng.normal(size=24))).astype(np.float32)
    a, b = parent.astype(np.float64), child.astype(np.float64)
    u, s, v = np.linalg.svd(b - a, full_matrices=False)
    t = np.einsum("ik,ij,kj->k", u, a + b, v)
    expected = np.tanh((t * s**3).sum() / (s**4).sum() - (t * s).sum() / (s**2).sum())
    found = steps_of(np.stack([parent, child]))
    assert found[0, 1] == pytest.approx(expected, abs=1e-5)
    assert found[1, 0] == pytest.approx(-expected, abs=1e-5)


@pytest.mark.parametrize("dtype", [ml_dtypes.bfloat16, np.float16])
def test_on_a_grid_rows_that_only_came_nearer_to_zero_are_counted(rng, dtype):
    parent, child = decayed(rng, factor=0.995, n_values=256).astype(dtype).astype(np.float32)
    found = of_rows(np.stack([parent, child]))["shrunk"]
    assert found[0, 1] == 20
    assert found[1, 0] == 0


@pytest.mark.parametrize(
    "change",
    [
        lambda x: np.zeros_like(x),
        lambda x: x * np.float32(1e-38),
        lambda x: np.full_like(x, np.nan),
        lambda x: np.where(np.arange(40)[:, None] == 0, np.float32(np.inf), x),
        lambda x: np.full_like(x, 1e38),
        lambda x: x * np.float32(3.0),
        lambda x: -x,
    ],
)
def test_bad_values_count_no_row_and_warn_of_nothing(rng, change):
    parent = rng.normal(size=(40, 64)).astype(np.float32)
    with warnings.catch_warnings(), np.errstate(all="raise", under="ignore"):
        warnings.simplefilter("error")
        found = of_rows(np.stack([parent, change(parent)]))
        steps_of(np.stack([parent, change(parent)]))
    assert not found["multiples"].any()
    assert not found["shrunk"].any()
    assert not found["still"].any()


@pytest.mark.parametrize("shape", [(2, 1, 64), (2, 40, 3), (1, 40, 64), (2, 2, 16)])
def test_few_rows_values_or_models_are_measured_without_a_warning(rng, shape):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = of_rows(rng.normal(size=shape).astype(np.float32))
    assert np.isnan(found["grow"]).all()


def test_rows_that_only_begin_alike_are_not_equal(rng):
    rows = rng.normal(size=(3, 20, 32)).astype(np.float32)
    rows[1, :, :2] = rows[0, :, :2]
    rows[2, 4] = rows[0, 4]
    found = of_rows(rows)["still"]
    assert found[0, 1] == 0
    assert found[0, 2] == found[2, 0] == 1
