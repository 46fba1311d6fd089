"""Shares, bounds and calibration."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta

from neural_phylogeny.evaluation.rates import Bin, Proportion, calibration, upper_bound


@given(st.integers(1, 3000), st.data())
def test_the_bound_is_that_of_clopper_and_pearson(trials, data):
    events = data.draw(st.integers(0, min(trials - 1, 60)))
    assert upper_bound(events, trials) == pytest.approx(beta.ppf(0.95, events + 1, trials - events), rel=1e-9)


def test_bounds_at_the_ends():
    assert upper_bound(0, 0) is None
    assert upper_bound(5, 5) == 1.0


def test_shares_add_up():
    assert Proportion(1.5, 2) + Proportion(1, 3) == Proportion(2.5, 5)
    assert Proportion(0, 0).value is None


def test_reliability_bins():
    # 0.95 right and 0.95 wrong share a bin; 1.0 belongs to the last bin too; 0.5 has one of its own.
    found = calibration([(0.95, True), (0.95, False), (1.0, True), (0.5, True), (float("nan"), False)])
    assert found.number == 4
    assert found.brier == pytest.approx((0.0025 + 0.9025 + 0 + 0.25) / 4)
    low, high = found.bins
    assert low == Bin(0.5, 0.6, 1, 0.5, 1.0)
    assert (high.low, high.high, high.number) == (0.9, 1.0, 3)
    assert high.confidence == pytest.approx(2.9 / 3)
    assert high.right == pytest.approx(2 / 3)
