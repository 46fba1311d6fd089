"""Features are finite whatever comes, follow the models wherever they are put, and do not know the scale."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.detector.conftest import measurements_of, star_of

from neural_phylogeny.detector.features import GROUPS, names, pair_features


def test_every_feature_has_a_name_and_a_group(measured_star):
    features = pair_features(measured_star)
    assert features.shape == (6, 6, len(names()))
    assert len(set(names())) == len(names()) > 200
    assert {name.partition(".")[0] for name in names()} == set(GROUPS)


@settings(max_examples=5)
@given(st.permutations(range(6)), st.integers(0, 100))
def test_the_order_of_models_and_tensors_is_nothing(order, seed):
    star = star_of(np.random.default_rng(seed))
    features = pair_features(measurements_of(star))
    turned = [dict(reversed(star[k].items())) for k in order]
    moved = pair_features(measurements_of(turned))
    np.testing.assert_allclose(moved, features[np.ix_(order, order)], atol=2e-5)


def test_the_scale_of_all_weights_is_nothing(star):
    features = pair_features(measurements_of(star))
    larger = pair_features(measurements_of([{k: 8 * w for k, w in model.items()} for model in star]))
    np.testing.assert_allclose(larger, features, atol=1e-4)


def test_rounding_makes_no_features_of_a_model_beside_itself(measured_star):
    expected = pair_features(measured_star)
    for sign in (1.0, -1.0):
        third = measured_star.pairs["third"].copy()
        every = np.arange(len(measured_star))
        third[:, every, every] *= 1.0 + sign * 1e-15
        noisy = replace(measured_star, pairs={**measured_star.pairs, "third": third})
        np.testing.assert_allclose(pair_features(noisy), expected, atol=1e-5)
    moved = [names().index(f"pairs.moved_large_of_{side}.mean") for side in "ij"]
    np.testing.assert_allclose(np.diagonal(expected[..., moved]), np.log(0.01), rtol=1e-6)


def test_rounding_makes_no_features_of_a_matrix_that_two_models_share(star):
    star[1] = star[1] | {name: star[0][name] for name in list(star[0])[:2]}
    measured = measurements_of(star)
    identical = measured.pairs["square"] == 0.0
    assert identical[:, 0, 1].any()
    for sign in (1.0, -1.0):
        third = np.where(identical, measured.pairs["third"] * (1.0 + sign * 1e-15), measured.pairs["third"])
        noisy = replace(measured, pairs={**measured.pairs, "third": third})
        np.testing.assert_allclose(pair_features(noisy), pair_features(measured), atol=1e-5)


def hostile(rng):
    star = star_of(rng)
    zero = {name: np.zeros_like(w) for name, w in star[0].items()}
    constant = {name: np.full_like(w, 3.0) for name, w in star[0].items()}
    broken = {name: np.full_like(w, np.nan) for name, w in star[0].items()}
    vectors = {"0.bias": star[0]["0.bias"]}
    return {
        "zeros": [*star, zero],
        "constant": [*star, constant],
        "not finite": [*star, broken],
        "equal": [star[0], star[0], star[1]],
        "all equal": [star[0]] * 4,
        "two": star[:2],
        "vectors alone": [vectors, vectors, star[2]],
        "huge": [{k: w * np.float32(1e15) for k, w in model.items()} for model in star],
        "tiny": [{k: w * np.float32(1e-15) for k, w in model.items()} for model in star],
        "one matrix in common": [{"0.weight": star[0]["0.weight"]}, *star[1:]],
    }


@pytest.mark.parametrize("case", list(hostile(np.random.default_rng(0))))
def test_features_are_finite(rng, case):
    models = hostile(rng)[case]
    features = pair_features(measurements_of(models))
    assert features.shape[:2] == (len(models),) * 2
    assert np.isfinite(features).all()


def test_a_pruned_child_keeps_the_zeros(star):
    parent, child = star[0], {name: w.copy() for name, w in star[0].items()}
    for model, share in ((parent, 0.3), (child, 0.6)):
        for name in ("0.weight", "1.weight"):
            model[name][np.abs(parent[name]) < np.quantile(np.abs(parent[name]), share)] = 0
    features = pair_features(measurements_of([child, parent, star[3]]))
    kept, more = (features[1, 0, names().index(f"exact.{what}")] for what in ("zeros_kept_by_j", "more_zeros_in_j"))
    assert kept == 1.0
    assert more == 1.0
    assert features[0, 1, names().index("exact.zeros_kept_by_j")] < 0.9
