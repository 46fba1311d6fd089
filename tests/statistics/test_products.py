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
