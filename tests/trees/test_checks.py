import numpy as np
import pytest

from neural_phylogeny.trees.checks import direction_matrix, gram_matrix, parent_vector, square


def test_right_input_comes_back_as_it_is(rng):
    X = rng.normal(size=(4, 9))
    np.testing.assert_array_equal(gram_matrix(X @ X.T), X @ X.T)
    age = np.arange(4.0)
    np.testing.assert_array_equal(direction_matrix(age - age[:, None], 4), age - age[:, None])
    assert parent_vector([-1, 0, 1], 3).tolist() == [-1, 0, 1]
    assert square("it", np.zeros((0, 0))).shape == (0, 0)


@pytest.mark.parametrize(
    ("gram", "message"),
    [
        (np.zeros((2, 3)), r"a precomputed Gram matrix must be square, not \(2, 3\)"),
        (np.array([[1.0, np.nan], [np.nan, 1.0]]), "a Gram matrix must be finite"),
        (np.array([[1.0, 2.0], [0.0, 1.0]]), "a Gram matrix must be symmetric"),
        (np.diag([1.0, -1.0]), "squared norms on its diagonal"),
    ],
)
def test_what_is_no_gram_matrix_is_reported(gram, message):
    with pytest.raises(ValueError, match=message):
        gram_matrix(gram)


@pytest.mark.parametrize(
    ("direction", "message"),
    [
        (np.zeros((3, 3)), r"direction must have the shape \(2, 2\)"),
        (np.full((2, 2), np.inf), "direction must be finite"),
        (np.ones((2, 2)), "direction must be antisymmetric"),
    ],
)
def test_what_is_no_direction_is_reported(direction, message):
    with pytest.raises(ValueError, match=message):
        direction_matrix(direction, 2)


@pytest.mark.parametrize(
    ("parents", "message"),
    [
        ([0.0, -1.0], "must be 2 integers, one per model, not float64"),
        ([-1], r"must be 2 integers, one per model, not int64 of shape \(1,\)"),
        ([-1, 2], "the parent of model 1 must be from -1"),
        ([1, 0], "the parent vector has a cycle"),
    ],
)
def test_what_is_no_parent_vector_is_reported(parents, message):
    with pytest.raises(ValueError, match=message):
        parent_vector(parents, 2)
