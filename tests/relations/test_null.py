"""The closed-form null of the relatedness test against drawn permutations, from arrays to p-values."""

import numpy as np
import pytest

from neural_phylogeny.relations.existence import existence

DRAWS = 200


def gaussian(rng, units, inputs):
    return rng.normal(size=(units, inputs))


def smooth(rng, units, inputs):
    """Units that are smooth functions of their inputs, as filters trained on equal images are."""
    waves = np.sin(np.outer(np.arange(1, 6), np.linspace(0, 3, inputs)))
    return rng.normal(size=(units, 5)) @ waves + 2 * waves[0]


def heavy(rng, units, inputs):
    """A few units that are much stronger than the others."""
    return rng.normal(size=(units, inputs)) * np.exp(1.5 * rng.normal(size=(units, 1)))


WEIGHTS = {"gaussian": gaussian, "smooth": smooth, "heavy": heavy}


@pytest.fixture(scope="module", params=list(WEIGHTS))
def model(request):
    make, rng = WEIGHTS[request.param], np.random.default_rng(0)
    return {f"{k}.weight": make(rng, units, 40).astype(np.float32) for k, units in enumerate((48, 24, 64))}


@pytest.fixture(scope="module")
def permuted(measured, model):
    """The statistics of a model and of itself with the units of every matrix permuted, ``DRAWS`` times."""
    rng = np.random.default_rng(1)
    return measured(model, *({name: rng.permutation(w) for name, w in model.items()} for _ in range(DRAWS)))


def test_mean_and_variance_over_permutations_are_those_of_the_closed_form(permuted):
    for _, arrays in permuted:
        drawn = arrays["matching.aligned"][0, 1:]
        variance = arrays["matching.variance"][0, 1:]
        assert variance == pytest.approx(variance[0], rel=1e-4)  # the same for all permutations
        assert abs(drawn.mean()) < 5.0 * np.sqrt(variance[0] / DRAWS)
        # Five standard errors of a variance; a few strong units give the drawn sums heavier tails than normal ones.
        excess = np.mean((drawn - drawn.mean()) ** 4) / drawn.var() ** 2 - 1.0
        assert drawn.var() == pytest.approx(variance[0], rel=5.0 * np.sqrt(excess / DRAWS))


def test_p_values_under_the_null_are_no_smaller_than_they_may_be(permuted):
    p = existence(permuted).p_value[0, 1:]
    for level in (0.2, 0.1, 0.05, 0.01):
        allowed = level + 4.0 * np.sqrt(level * (1.0 - level) / DRAWS)
        assert (p <= level).mean() <= allowed, level


def test_the_test_is_not_blind_where_its_null_holds(permuted, measured, model, rng):
    moved = {name: w + 0.3 * w.std() * rng.normal(size=w.shape).astype(np.float32) for name, w in model.items()}
    smallest = existence(permuted).p_value[0, 1:].min()
    assert existence(measured(model, moved)).p_value[0, 1] < smallest / 100.0
