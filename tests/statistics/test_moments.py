import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neural_phylogeny.statistics.moments import Moments, mantissa_bits


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
def test_the_grid_is_the_number_of_bits_that_rounding_must_keep(values):
    row = np.array([values], dtype=np.float32)
    bits = int(mantissa_bits(row)[0])
    kept = row.view(np.uint32) >> np.uint32(23 - bits) << np.uint32(23 - bits)
    np.testing.assert_array_equal(kept.view(np.float32), row)
    if bits:
        coarser = row.view(np.uint32) >> np.uint32(24 - bits) << np.uint32(24 - bits)
        assert (coarser.view(np.float32) != row).any()


def test_rounded_children_are_distinguished_by_their_grid(measured, rng):
    plain = rng.normal(size=(40, 50)).astype(np.float32)
    kinds = (np.float32, np.float16, ml_dtypes.bfloat16)
    [(_, found)] = list(measured(*({"w": plain.astype(k).astype(np.float32)} for k in kinds), statistics=[Moments()]))
    assert found["moments.grid"].tolist() == [23, 10, 7]


def test_the_sum_of_magnitudes(measured, rng):
    models = [{"w": rng.normal(size=(300, 500)).astype(np.float32)} for _ in range(2)]
    [(_, found)] = list(measured(*models, statistics=[Moments()]))
    np.testing.assert_allclose(found["moments.absolute"], [np.abs(m["w"]).sum(dtype=np.float64) for m in models], 1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_spoil_only_their_own_model(measured, rng, bad):
    models = [{"w": rng.normal(size=(30, 40)).astype(np.float32)} for _ in range(3)]
    models[1]["w"][0, 3] = bad
    [(_, found)] = list(measured(*models, statistics=[Moments()]))
    for key in ("absolute", "grid", "largest"):
        assert np.isfinite(found[f"moments.{key}"]).tolist() == [True, False, True]


def test_the_spacing_of_an_even_grid(measured, rng):
    w = rng.normal(size=(300, 260))
    step = 1.7 * np.abs(w).max() / 127
    codes = np.round(w / step)
    models = [
        w,
        codes * step,
        (codes + 3) * step,
        np.where(rng.random(w.shape) < 0.5, 0.0, codes * step),
        codes * step * np.linspace(1, 2, 300)[:, None],
        codes * step + 1e-3 * rng.normal(size=w.shape),
        np.zeros_like(w),
    ]
    found = measured(*({"w": m.astype(np.float32)} for m in models)).arrays[0]["moments.step"]
    np.testing.assert_allclose(found[1:4], step, rtol=1e-5)
    assert np.isnan(found[[0, 4, 5, 6]]).all()
