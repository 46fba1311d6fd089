"""Features of a third model: angles and slopes where they are known, the order of models, large groups."""

import numpy as np
from tests.detector.conftest import measurements_of, star_of

from neural_phylogeny.detector.triples import FREE, N_TRIPLES, NEAREST, thirds, triple_features

ANGLE_AT_I, ANGLE_AT_K, SLOPE_J_ON_I, SPREAD_J_ON_I = 0, 2, 17, 35


def of(models):
    measured = measurements_of(models)
    return triple_features(measured, thirds(measured)).astype(float)


def test_a_chain_has_right_angles_and_a_slope_of_one(rng):
    root = {"a": rng.normal(size=(60, 50)), "b": rng.normal(size=(40, 30))}
    child = {name: w + 0.5 * rng.normal(size=w.shape) for name, w in root.items()}
    grandchild = {name: w + 0.5 * rng.normal(size=w.shape) for name, w in child.items()}
    found = of([{name: w.astype(np.float32) for name, w in model.items()} for model in (root, child, grandchild)])
    assert found.shape == (3, 3, 3, N_TRIPLES)
    assert abs(found[1, 2, 0, ANGLE_AT_I]) < 0.1
    assert abs(found[1, 2, 0, ANGLE_AT_K] - np.sqrt(0.5)) < 0.05
    assert abs(found[1, 2, 0, SLOPE_J_ON_I] - np.arcsinh(1.0)) < 0.05
    assert found[1, 2, 0, SPREAD_J_ON_I] < 0.05


def test_the_order_of_models_is_nothing(rng):
    models, order = star_of(rng), rng.permutation(6)
    moved = of([models[k] for k in order])
    np.testing.assert_array_equal(moved, of(models)[np.ix_(order, order, order)])


def test_models_of_which_two_are_equal_are_no_trouble(rng):
    models = star_of(rng)
    assert np.isfinite(of([models[0], models[0], *models])).all()
    absent = [{name: w for name, w in model.items() if k or name != "0.weight"} for k, model in enumerate(models)]
    assert np.isfinite(of(absent)).all()


def test_of_a_large_group_only_the_nearest_are_looked_at(rng):
    root = rng.normal(size=(12, 10))
    models = [
        {"w": (root + (0.1 + 0.01 * k) * rng.normal(size=root.shape)).astype(np.float32)} for k in range(FREE + 1)
    ]
    measured = measurements_of(models)
    chosen = thirds(measured)
    assert chosen.shape == (FREE + 1, NEAREST)
    assert (chosen != np.arange(FREE + 1)[:, None]).all()
    everyone = np.tile(np.arange(FREE + 1), (FREE + 1, 1))
    whole = triple_features(measured, everyone)
    some = triple_features(measured, chosen)
    np.testing.assert_array_equal(some[7], whole[7][:, chosen[7]])
