"""A mean of models is found with its parts and shares; what training makes is no mean."""

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from neural_phylogeny.relations.merging.affine import misfit, pivoted, price, sums, weights_of


def tuned(model, rng, moved=0.1):
    return {name: (w + moved * rng.normal(size=w.shape)).astype(np.float32) for name, w in model.items()}


def mean(models, shares):
    return {
        name: sum(share * model[name] for share, model in zip(shares, models, strict=True)).astype(np.float32)
        for name in models[0]
    }


@pytest.fixture
def root(rng):
    return {"a": rng.normal(size=(40, 30)).astype(np.float32), "b": rng.normal(size=(20, 40)).astype(np.float32)}


@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.9, 0.1), (0.25, 0.25, 0.5), (0.2, 0.2, 0.2, 0.4)])
def test_a_mean_is_reported_with_its_shares(measured, root, rng, shares):
    parts = [tuned(root, rng) for _ in shares]
    found = sums(measured(root, *parts, mean(parts, shares), tuned(root, rng)), range(len(shares) + 3))
    expected = np.zeros_like(found)
    expected[1 : len(shares) + 1, len(shares) + 1] = shares
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_the_way_between_a_model_and_its_fine_tune_is_one_too(measured, root, rng):
    child = tuned(root, rng)
    found = sums(measured(root, mean([root, child], (0.3, 0.7)), child), [0, 1, 2])
    np.testing.assert_allclose(found[:, 1], [0.3, 0.0, 0.7], atol=1e-3)
    assert not found[:, [0, 2]].any()


def test_other_shares_in_each_matrix_are_no_mean(measured, root, rng):
    one, other = tuned(root, rng), tuned(root, rng)
    stitched = {"a": mean([one, other], (0.3, 0.7))["a"], "b": mean([one, other], (0.7, 0.3))["b"]}
    assert not sums(measured(one, other, stitched), [0, 1, 2]).any()


def test_a_mean_that_was_trained_on_is_none(measured, root, rng):
    one, other = tuned(root, rng), tuned(root, rng)
    assert not sums(measured(one, other, tuned(mean([one, other], (0.5, 0.5)), rng, 0.01)), [0, 1, 2]).any()


def test_checkpoints_of_one_run_are_none(measured, root, rng):
    drift = {name: rng.normal(size=w.shape) for name, w in root.items()}
    run = [root]
    for _ in range(4):
        run.append({name: (w + 0.1 * drift[name] + 0.01 * rng.normal(size=w.shape)) for name, w in run[-1].items()})
    run = [{name: w.astype(np.float32) for name, w in model.items()} for model in run]
    assert not sums(measured(*run), range(5)).any()


def test_rounding_is_allowed_for_unless_it_hides_everything(measured, root, rng):
    far = [tuned(root, rng, 1.0), tuned(root, rng, 1.0)]
    between = [tuned(root, rng, 0.1), tuned(root, rng, 0.1)]  # errors are 0.4 % of the squared distance
    near = [tuned(root, rng, 1e-3), tuned(root, rng, 1e-3)]
    for parts, is_reported in ((far, True), (between, True), (near, False)):
        merged = {n: w.astype(ml_dtypes.bfloat16).astype(np.float32) for n, w in mean(parts, (0.5, 0.5)).items()}
        assert sums(measured(*parts, merged), [0, 1, 2]).any() == is_reported


def test_copies_and_two_models_are_none(measured, root, rng):
    child = tuned(root, rng)
    assert not sums(measured(root, child, child), [0, 1, 2]).any()
    assert not sums(measured(root, child), [0, 1]).any()


def test_only_the_rows_asked_for_count_and_missing_matrices_are_no_parts(measured, root, rng):
    one, other = tuned(root, rng), tuned(root, rng)
    half, lost = mean([one, other], (0.5, 0.5)), {"a": one["a"]}
    statistics = measured(one, lost, other, half)
    assert sums(statistics, [0, 1, 2, 3])[:, 3] == pytest.approx([0.5, 0.0, 0.5, 0.0], abs=1e-3)
    assert not sums(statistics, [0, 1, 3]).any()


def test_values_that_are_not_finite_are_left_out(measured, root, rng):
    one, other = tuned(root, rng), tuned(root, rng)
    half = mean([one, other], (0.5, 0.5))
    half["b"] = np.full_like(half["b"], np.nan)
    assert sums(measured(one, other, half), [0, 1, 2])[:, 2] == pytest.approx([0.5, 0.5, 0.0], abs=1e-3)


@given(
    arrays.arrays(np.float64, (4, 12), elements=st.floats(-1, 1, width=32)),
    arrays.arrays(np.float64, 3, elements=st.floats(-1.0, 1.0, width=32)),
)
def test_weights_are_those_of_the_nearest_point(points, raw):
    weights = np.append(raw, 1.0 - raw.sum())
    every = np.vstack([points, weights @ points])
    squared = ((every[:, None] - every[None]) ** 2).sum(axis=2)
    found = weights_of(squared, np.arange(4), np.array([4]))[:, 0]
    assert found.sum() == pytest.approx(1.0)
    left = misfit(found, squared[4, :4], squared[:4, :4])
    assert left == pytest.approx(((found @ points - every[4]) ** 2).sum(), abs=1e-6)
    assert left == pytest.approx(0.0, abs=1e-6)


def test_an_exchange_solves_for_the_part(rng):
    points = rng.normal(size=(3, 9))
    weights = np.array([[0.8, 0.2], [0.6, 0.5], [-0.4, 0.3]])
    first, second = weights.T @ points
    turned = pivoted(weights, 0, 0)
    np.testing.assert_allclose(turned[:, 0] @ [first, points[1], points[2]], points[0])
    np.testing.assert_allclose(turned[:, 1] @ [first, points[1], points[2]], second)
    assert price(turned) > price(weights)


def test_all_sums_of_a_family_are_solved_together(measured, root, rng):
    parts = [root, *(tuned(root, rng) for _ in range(3))]
    shares = np.array(
        [[0, 0, 0.25, -0.4, 0.8], [0.35, 0.2, 0.25, 0.8, 0.7], [0.65, 0.5, 0.25, 0.6, 0], [0, 0.3, 0.25, 0, -0.5]]
    )
    made = [mean(parts, column) for column in shares.T]
    found = sums(measured(*made, *parts), range(9))
    np.testing.assert_allclose(found[5:, :5], shares, atol=1e-3)
    assert not found[:5].any()
    assert not found[:, 5:].any()
