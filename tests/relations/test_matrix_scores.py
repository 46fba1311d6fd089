"""Statistics of single matrices: hand-checked numbers, and what a step does to them."""

import numpy as np
import pytest
from scipy.stats import norm

from neural_phylogeny.relations import matrix_scores
from neural_phylogeny.relations.matrix_scores import UNIFORM, outside_bounds, quantile_distance
from neural_phylogeny.statistics.sketch import QUANTILES

NORMAL = norm.ppf((1.0 + np.array(QUANTILES)) / 2.0)


def test_of_normal_weights_a_sixth_lies_outside_the_bounds():
    assert outside_bounds(NORMAL, np.array(4.0)) == pytest.approx(2 * norm.sf(2 * norm.ppf(0.75)), abs=0.01)


def test_outside_the_bounds_by_hand():
    """Half of the magnitudes up to 1, then a line to 0.65 at 1.5, 0.8 at 3, 0.9 at 4, 0.98 at 5, all at 6."""
    quantiles = np.array([0.1, 0.2, 0.5, 0.8, 1.0, 1.5, 3.0, 4.0, 5.0])
    assert outside_bounds(quantiles, np.array(6.0)) == pytest.approx(0.2 + 0.15 * (3.0 - 2.0) / 1.5)


def test_nothing_lies_beyond_the_largest():
    assert outside_bounds(np.ones(9), np.array(1.0)) == 0.0


def test_no_layout_is_reported_as_none():
    assert np.isnan(outside_bounds(np.full((2, 9), np.nan), np.ones(2))).all()


def test_distances_from_a_family():
    assert quantile_distance(UNIFORM, UNIFORM) == 0.0
    assert quantile_distance(np.stack([UNIFORM, UNIFORM + 0.5]), UNIFORM).tolist() == [0.0, pytest.approx(0.5)]


SCORES = [
    matrix_scores.kurtosis_score,
    matrix_scores.largest_score,
    matrix_scores.outside_score,
    matrix_scores.spectrum_score,
    matrix_scores.unit_score,
    matrix_scores.input_score,
]


@pytest.mark.parametrize("score", SCORES)
def test_a_step_of_few_directions_and_heavy_tails_raises_each_number_at_any_scale(measured, rng, score):
    weights = rng.uniform(-1, 1, size=(80, 60))
    step = 0.5 * rng.standard_t(3, size=(80, 1)) * rng.standard_t(3, size=(1, 60))
    found = score(measured({"a": weights}, {"a": 0.01 * (weights + step)}))
    assert found.shape == (1, 2)
    assert found[0, 0] < found[0, 1]


@pytest.mark.parametrize("score", SCORES)
def test_without_layouts_or_matrices_there_is_no_score(measured, rng, score):
    from neural_phylogeny.statistics.moments import Moments

    model = {"b": rng.normal(size=5)}
    assert np.isnan(score(measured(model, model, statistics=(Moments(),)))).all()
