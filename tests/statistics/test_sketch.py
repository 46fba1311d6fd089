import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from neural_phylogeny.statistics.blocks import BLOCK
from neural_phylogeny.statistics.sketch import (
    QUANTILES,
    Sketch,
    leading_matrix,
    magnitude_quantiles,
    spectrum_of,
    variation,
)

weights = st.floats(-4, 4, width=32, allow_nan=False).filter(lambda x: abs(x) > 1e-3)


@given(arrays(np.float32, st.integers(2, 60), elements=weights))
def test_quantiles_are_those_of_numpy(values):
    magnitudes = np.abs(values.astype(np.float64))
    expected = np.quantile(magnitudes, QUANTILES) / np.sqrt(np.mean(magnitudes**2))
    np.testing.assert_allclose(magnitude_quantiles(values), expected, rtol=1e-12)


@given(arrays(np.float32, st.tuples(st.integers(2, 9), st.integers(2, 9)), elements=weights))
def test_variation_and_spectrum_are_those_of_the_formulas(matrix):
    exact = matrix.astype(np.float64)
    for axis, found in zip((1, 0), variation(matrix), strict=True):
        norms = np.linalg.norm(exact, axis=axis)
        assert found == pytest.approx(norms.std() / norms.mean(), rel=1e-4, abs=1e-6)
    singular = np.linalg.svd(exact, compute_uv=False)
    shares = singular**2 / np.sum(singular**2)
    stable, gap, entropy = spectrum_of(matrix)
    assert stable == pytest.approx(np.log(np.sum(singular**2) / singular[0] ** 2), abs=1e-9)
    assert entropy == pytest.approx(-np.sum(shares * np.log(shares + 1e-300)) / np.log(len(shares)), abs=1e-6)
    if np.median(singular) > 1e-4 * singular[0]:
        assert gap == pytest.approx(np.log(singular[0] / np.median(singular)), rel=1e-4, abs=1e-9)


def test_known_spectra():
    np.testing.assert_allclose(spectrum_of(np.eye(8, 20, dtype=np.float32)), [np.log(8), 0, 1], atol=1e-12)
    one = np.outer(np.arange(1, 5), np.arange(1, 8)).astype(np.float32)
    np.testing.assert_allclose(spectrum_of(one), [0, np.nan, 0], atol=1e-12)


@pytest.mark.parametrize(("shape", "axis"), [((6, 5), 0), ((5, 6), 1), ((6, 2, 3, 3), 0), ((3, 3, 2, 6), 3)])
def test_rows_are_output_units_whatever_the_axis(shape, axis):
    values = np.arange(np.prod(shape), dtype=np.float32)
    units = np.moveaxis(values.reshape(shape), axis, 0).reshape(6, -1)
    np.testing.assert_array_equal(leading_matrix(values, shape, axis), units)


def test_slices_that_are_not_complete_are_left_out():
    assert leading_matrix(np.arange(29, dtype=np.float32), (9, 2, 5), 0).shape == (2, 10)
    assert leading_matrix(np.arange(29, dtype=np.float32), (9, 2, 5), 2).shape == (5, 4)
    assert leading_matrix(np.arange(4, dtype=np.float32), (9, 5), 0).shape == (0, 5)


def test_only_the_beginning_of_a_large_matrix_counts(measured, rng):
    one = rng.normal(size=(300, 500)).astype(np.float32)
    two = one.copy()
    two[BLOCK // 500 + 1 :] = 7
    [(_, found)] = list(measured({"w": one}, {"w": two}, statistics=[Sketch()]))
    for key, inner in {"quantiles": (9,), "rows": (), "columns": (), "spectrum": (3,)}.items():
        assert found[f"sketch.{key}"].shape == (2, *inner)
        assert np.isfinite(found[f"sketch.{key}"]).all()
    np.testing.assert_array_equal(found["sketch.rows"][0], found["sketch.rows"][1])
    np.testing.assert_array_equal(found["sketch.spectrum"][0], found["sketch.spectrum"][1])
    np.testing.assert_allclose(found["sketch.rows"][0], variation(one[: BLOCK // 500])[0])
    np.testing.assert_allclose(found["sketch.spectrum"][0], spectrum_of(one[:64]))


def test_scale_does_not_count(measured, rng):
    one = rng.normal(size=(20, 30)).astype(np.float32)
    [(_, found)] = list(measured({"w": one}, {"w": 8 * one}, statistics=[Sketch()]))
    for key in ("quantiles", "rows", "columns", "spectrum"):
        np.testing.assert_allclose(found[f"sketch.{key}"][0], found[f"sketch.{key}"][1], rtol=1e-9)


def test_what_is_undefined_is_nan(measured, rng):
    long = BLOCK + 1
    models = [
        {"w": np.full((4, 5), k), "z": np.zeros((4, 5)), "b": rng.normal(size=9), "l": rng.normal(size=(3, long))}
        for k in (0.5, 1.0)
    ]
    [(_, constant), (_, zero), (_, vector), (_, wide)] = list(measured(*models, statistics=[Sketch()]))
    for key in ("quantiles", "rows", "columns", "spectrum"):
        assert np.isnan(constant[f"sketch.{key}"]).all()
        assert np.isnan(zero[f"sketch.{key}"]).all()
        for found in (vector, wide):
            assert np.isnan(found[f"sketch.{key}"]).all() == (key != "quantiles")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_spoil_only_their_own_model(measured, rng, bad):
    models = [{"w": rng.normal(size=(30, 40)).astype(np.float32)} for _ in range(3)]
    models[1]["w"][2, 3] = bad
    [(_, found)] = list(measured(*models, statistics=[Sketch()]))
    for key in ("quantiles", "rows", "columns", "spectrum"):
        finite = np.isfinite(found[f"sketch.{key}"]).reshape(3, -1)
        assert finite.all(axis=1).tolist() == [True, False, True]
        assert not finite[1].any()
