import numpy as np
import pytest
from scipy.stats import kurtosis

from neural_phylogeny.relations.direction import log_odds, norm_score
from neural_phylogeny.relations.matrix_scores import kurtosis_score, largest_score
from neural_phylogeny.relations.tables import differences, mean_sign, weighted_sign_of


def chain(rng, length=3):
    """Uniform initialisation, then steps that widen the distribution and fatten its tails."""
    weights = rng.uniform(-1, 1, size=(2, 80, 60))
    models = []
    for _ in range(length):
        models.append({"a": weights[0].astype(np.float32), "b": weights[1].astype(np.float32)})
        weights = weights + rng.laplace(0, 0.5, size=weights.shape)
    return models


def test_scores_are_what_they_say(measured, rng):
    [first, second, _] = chain(rng)
    statistics = measured(first, second)
    for row, name in enumerate("ab"):
        assert norm_score(statistics)[row, 0] == pytest.approx(np.sum(np.square(first[name], dtype=float)), rel=1e-5)
        expected = kurtosis(first[name].astype(float), axis=None, fisher=False)
        assert kurtosis_score(statistics)[row, 0] == pytest.approx(expected, rel=1e-3)
        rms = np.sqrt(np.mean(np.square(second[name], dtype=float)))
        assert largest_score(statistics)[row, 1] == pytest.approx(np.abs(second[name]).max() / rms, rel=1e-4)


def test_a_chain_is_ordered_by_distance_and_begins_at_its_root(measured, rng):
    direction, by_score = log_odds(measured(*chain(rng)))
    assert np.all(direction[0, 1:] > 0)
    np.testing.assert_allclose(direction, -direction.T)
    np.testing.assert_array_equal(by_score["fake-initialisation"], np.sign(np.arange(3) - np.arange(3)[:, None]))


def test_every_model_and_its_fine_tune_get_a_direction(measured, rng):
    for _ in range(5):
        parent, child, _ = chain(rng)
        direction, _ = log_odds(measured(parent, child))
        assert direction[0, 1] > 0.1


def test_signs_count_tensors_and_ignore_gaps():
    scores = np.array([[1.0, 2.0, np.nan], [1.0, 2.0, 5.0], [3.0, 2.0, 5.0]])
    found = mean_sign(scores)
    assert found[0, 1] == pytest.approx(1 / 3)
    assert found[0, 2] == 1.0
    np.testing.assert_array_equal(found, -found.T)


def test_weighted_signs_have_the_sign_of_the_whole():
    scores = np.array([[1.0, 2.0, np.nan], [1.0, 1.5, 5.0], [9.0, 2.0, 5.0]])
    found = weighted_sign_of(differences(scores))
    assert found[0, 1] == pytest.approx((1 + 0.5 - 7) / 8.5)
    assert found[0, 2] == pytest.approx(0.0)
    np.testing.assert_array_equal(found, -found.T)


def test_equal_models_have_no_direction(measured, rng):
    model = chain(rng)[0]
    direction, _ = log_odds(measured(model, {k: v.copy() for k, v in model.items()}))
    assert not direction.any()
