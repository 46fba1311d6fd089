"""Products of rows are those of float64 for few models and for many, and need no third model."""

import numpy as np
import pytest

from neural_phylogeny.statistics.products import MANY, products


@pytest.mark.parametrize("n", [1, 2, 8, MANY, MANY + 1])
def test_products_are_those_of_more_digits(rng, n):
    values = rng.normal(size=(n, 5000)).astype(np.float32)
    exact = values.astype(np.float64) @ values.T.astype(np.float64)
    found = products(values)
    assert (found == found.T).all()
    np.testing.assert_allclose(found, exact, atol=5e-7 * np.diag(exact).max())


@pytest.mark.parametrize("length", [1, 2, 3, 6, 7, 31, 64, 333, 5001])
@pytest.mark.parametrize("others", [1, 2, 5, 10, 18, MANY - 3])
def test_products_of_two_rows_need_no_third(rng, others, length):
    pair = rng.normal(size=(2, length)).astype(np.float32)
    more = rng.normal(size=(others, length)).astype(np.float32)
    alone = products(pair)
    np.testing.assert_array_equal(products(np.concatenate([pair, more]))[:2, :2], alone)
    np.testing.assert_array_equal(products(np.concatenate([more, pair]))[-2:, -2:], alone)


@pytest.mark.parametrize("at", [1, 3, 6])
def test_equal_rows_have_no_distance(rng, at):
    values = rng.normal(size=(7, 5001)).astype(np.float32)
    values[at] = values[0]
    found = products(values)
    assert found[0, 0] == found[at, at] == found[0, at]
