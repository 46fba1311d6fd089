"""Values of every number type become the float32 that a cast gives, to the last bit."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from neural_phylogeny.formats.base import convert

SHORT = (
    np.float16,
    ml_dtypes.bfloat16,
    ml_dtypes.float8_e4m3fn,
    ml_dtypes.float8_e5m2,
    ml_dtypes.float8_e4m3fnuz,
    ml_dtypes.float8_e5m2fnuz,
    ml_dtypes.float8_e8m0fnu,
)


@pytest.mark.parametrize("kind", SHORT)
@pytest.mark.parametrize("step", [1, -3])
def test_all_values_of_a_short_type(kind, step):
    width = np.dtype(kind).itemsize
    values = np.arange(1 << 8 * width, dtype=f"u{width}").view(kind)[::step]
    out = np.empty(len(values), dtype=np.float32)
    convert(values, out)
    is_number = ~np.isnan(values.astype(np.float32))
    assert np.array_equal(np.isnan(out), ~is_number)
    assert np.array_equal(out[is_number].view(np.uint32), values.astype(np.float32)[is_number].view(np.uint32))


@pytest.mark.parametrize("values", [np.array([1.5, -2.0], dtype=">f2"), np.array([1 + 2j, 3j]), np.array([3, -1])])
def test_other_types(values):
    out = np.empty(2, dtype=np.float32)
    convert(values, out)
    assert out.tolist() == values.real.tolist()
