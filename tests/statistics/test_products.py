"""Inner products of blocks: right, symmetric, and of the two rows alone."""

from __future__ import annotations

import numpy as np
import pytest

from neural_phylogeny.statistics import products
from neural_phylogeny.statistics.blocks import BLOCK


@pytest.mark.parametrize("n_values", [3, products.SLICE, 3 * products.SLICE + 17, BLOCK])
@pytest.mark.parametrize("n", [1, 2, 4, 5, 7, 9, products.MANY + 1])
def test_the_error_is_within_the_bound(rng, n, n_values):
    values = rng.standard_normal((n, n_values), dtype=np.float32)
    exact = values.astype(np.float64) @ values.T.astype(np.float64)
    norms = np.sqrt(np.diag(exact))
    found = products.inner_products(values)
    assert np.array_equal(found, found.T)
    assert (np.abs(found - exact) <= 1e-6 * norms[:, None] * norms).all()


@pytest.mark.skipif(not products._takes_few(), reason="this processor's products are those of whole matrices")
@pytest.mark.parametrize("n", [2, 5, 6, 11, 12])
def test_digits_depend_on_the_two_rows_alone(rng, n):
    values = rng.standard_normal((products.MANY, BLOCK), dtype=np.float32)
    few = products.FEW
    reference = products.inner_products(values[: few if n <= few else products.MANY])
    kept = rng.permutation(len(reference))[:n]
    assert np.array_equal(products.inner_products(values[kept]), reference[np.ix_(kept, kept)])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_row_that_is_not_finite_spoils_no_other(rng, bad):
    values = rng.standard_normal((6, BLOCK), dtype=np.float32)
    values[2, 100] = bad
    others = np.arange(6) != 2
    found = products.inner_products(values)
    assert not np.isfinite(found[2]).any()
    assert np.array_equal(found[others][:, others], products.inner_products(values[others]))
