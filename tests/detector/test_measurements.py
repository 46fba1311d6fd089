"""What the detector looks at is what the pass measured, and nothing is lost on the way to a file."""

import numpy as np
from tests.detector.conftest import measurements_of

from neural_phylogeny.detector.measurements import Measurements


def test_numbers_are_means_over_the_values(star):
    measured = measurements_of(star)
    a, b = (model["0.weight"].astype(np.float64).ravel() for model in star[:2])
    t = int(np.argmax(measured.sizes))
    assert measured.sizes[t] == a.size
    for name, expected in {
        "product": np.mean(a * b),
        "second": np.mean(a**2 * b**2),
        "third": np.mean(a**3 * b),
        "square": np.mean((a - b) ** 2),
        "fourth": np.mean((a - b) ** 4),
    }.items():
        np.testing.assert_allclose(measured.pairs[name][t, 0, 1], expected, rtol=1e-6)
    np.testing.assert_allclose(measured.models["absolute"][t, 0], np.abs(a).mean(), rtol=1e-6)
    np.testing.assert_allclose(measured.models["largest"][t, 0], np.abs(a).max(), rtol=1e-6)
    bias = np.array([model["0.bias"] for model in star], dtype=np.float64)
    np.testing.assert_allclose(measured.vectors[0], bias @ bias.T / bias.shape[1], rtol=1e-5)


def test_a_missing_matrix_is_no_number(star):
    del star[1]["1.weight"]
    measured = measurements_of(star)
    gone = np.isnan(measured.pairs["product"][:, 1, 0])
    assert gone.sum() == 1
    assert np.isfinite(measured.pairs["product"][:, 0, 2]).all()


def test_matrices_with_values_that_are_not_finite_count_as_absent(star):
    star[0]["0.weight"][0, 0] = np.nan
    measured = measurements_of(star)
    assert np.isnan(measured.pairs["product"][:, 0, 1]).sum() == 1


def test_equal_tensors_are_reported(star):
    star[4]["0.bias"] = star[0]["0.bias"].copy()
    measured = measurements_of(star)
    assert measured.identical[0, 4] == measured.identical[4, 0] == 1 / 3
    assert measured.identical[0, 1] == 0


def test_arrays_come_back(measured_star):
    back = Measurements.from_arrays(measured_star.arrays())
    for name, array in measured_star.arrays().items():
        np.testing.assert_array_equal(back.arrays()[name], array, err_msg=name)


def test_a_subset_is_what_those_models_alone_would_give(star):
    chosen = [4, 0, 2]
    subset = measurements_of(star).subset(chosen)
    alone = measurements_of([star[k] for k in chosen])
    for name, array in alone.arrays().items():
        np.testing.assert_allclose(subset.arrays()[name], array, rtol=1e-9, err_msg=name)
    assert len(measurements_of(star).subset([0, 1], [0]).sizes) == 1


def test_a_matrix_that_a_model_lacks_is_that_of_its_nearest_relative(rng):
    root = {"a.weight": rng.normal(size=(40, 30)), "b.weight": rng.normal(size=(20, 40))}
    kid = {name: w + rng.normal(0, 0.5, w.shape) for name, w in root.items()}
    near = {name: w + rng.normal(0, 0.05, w.shape) for name, w in root.items()}
    found = measurements_of([kid, root, {**near, "a.weight": np.full((40, 30), np.nan)}]).even_gram()
    filled = measurements_of([kid, root, {**near, "a.weight": root["a.weight"]}]).even_gram()
    np.testing.assert_allclose(found, filled, rtol=0.1)
    assert np.linalg.eigvalsh(found).min() > 0, "inner products of vectors of one space"
    assert found[1, 1] - 2.0 * found[1, 2] + found[2, 2] > 0, "a distance"
