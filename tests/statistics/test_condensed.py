"""Condensed and expanded again: everything is back, and what near models differ by is not lost."""

import numpy as np
import pytest

from neural_phylogeny.statistics.condensed import condense, expand
from neural_phylogeny.statistics.kept import VALUES

EXACT = ("equality.label", "cross.zeros", "cross.equal", "cross.count", "moments.count")


@pytest.fixture
def statistics(measured, rng):
    base = rng.normal(size=(40, 30)).astype(np.float32)
    near = base + rng.normal(0, 1e-4, base.shape).astype(np.float32)
    nearer = near + rng.normal(0, 1e-4, base.shape).astype(np.float32)
    bias = rng.normal(size=40).astype(np.float32)
    return measured(*({"w": w, "b": bias + k} for k, w in enumerate((base, near, nearer, base))))


def test_everything_is_back(statistics):
    back = expand(condense(statistics))
    assert back.pairwise == statistics.pairwise
    assert back.alignment is statistics.alignment
    for (tensor, found), (_, expected) in zip(back, statistics, strict=True):
        missing = expected.keys() - found.keys()
        dropped = VALUES if tensor.is_matrix else "sketch."
        assert missing == {key for key in expected if key.startswith(dropped)}
        for key, array in found.items():
            if key in EXACT:
                np.testing.assert_array_equal(array, expected[key], err_msg=key)
            else:
                np.testing.assert_allclose(array, expected[key], rtol=2e-6, atol=1e-9, err_msg=key)


def test_small_differences_are_not_lost(statistics):
    [(_, found), *_] = [item for item in expand(condense(statistics)) if item[0].is_matrix]
    [(_, expected), *_] = [item for item in statistics if item[0].is_matrix]

    def moved(arrays):
        """Sum of (w_i - w_j)^2 w_i^2, a hundred million times smaller than its terms."""
        own = np.diag(arrays["cross.third"])
        return (own[:, None] - 2 * arrays["cross.third"] + arrays["cross.second"])[0, 1:3]

    np.testing.assert_allclose(moved(found), moved(expected), rtol=1e-4)
    assert (moved(expected) < 1e-6 * found["cross.second"][0, 0]).all()


def test_what_is_condensed_is_smaller(statistics):
    def size(chosen):
        return sum(array.nbytes for _, found in chosen for array in found.values())

    assert size(condense(statistics)) < 0.7 * size(statistics)


def test_values_that_are_not_finite_stay_so(measured, rng):
    weights = [rng.normal(size=(8, 9)).astype(np.float32) for _ in range(3)]
    weights[1][0, 0] = np.nan
    [found] = expand(condense(measured(*({"w": w} for w in weights)))).arrays
    assert np.isnan(found["gram"][1]).all()
    assert np.isfinite(found["gram"][0, 2])
