import numpy as np
import pytest

from neural_phylogeny.relations.similarity import compared_pairs, matrix_cosine, matrix_gram


def test_products_and_cosines_are_those_of_all_matrices_together(measured, rng):
    models = [{name: rng.normal(size=shape) for name, shape in (("a", (8, 6)), ("b", (4, 8)))} for _ in range(3)]
    statistics = measured(*models)
    flat = np.array([np.concatenate([w.ravel() for w in model.values()]) for model in models])
    product, norm, norm_of_other = matrix_gram(statistics)
    np.testing.assert_allclose(product, flat @ flat.T, rtol=1e-5)
    np.testing.assert_allclose(norm * norm_of_other, np.outer(np.diag(product), np.diag(product)), rtol=1e-5)
    assert matrix_cosine(statistics)[0, 1] == pytest.approx(
        flat[0] @ flat[1] / np.linalg.norm(flat[0]) / np.linalg.norm(flat[1]), rel=1e-4
    )


def test_a_matrix_that_is_not_finite_in_one_is_not_compared(measured, rng):
    models = [{"w": rng.normal(size=(8, 6))} for _ in range(3)]
    models[1]["w"][0, 0] = np.nan
    found = compared_pairs(measured(*models))
    assert found[0, 2]
    assert not found[1].any()
    assert np.isnan(matrix_cosine(measured(*models))[0, 1])
