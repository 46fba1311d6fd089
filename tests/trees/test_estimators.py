import numpy as np
import pytest

pytest.importorskip("sklearn")
from sklearn.utils.estimator_checks import parametrize_with_checks

from neural_phylogeny.trees.estimators import KMeansPhylogeny, MeanShiftPhylogeny, SpanningTreePhylogeny

NO_CLUSTERING = {
    "check_clustering": "one tree over all models has a single label; the check wants three clusters of blobs",
    "check_clustering(readonly_memmap=True)": "one tree over all models has a single label",
}


def expected_failures(estimator):
    return NO_CLUSTERING if isinstance(estimator, SpanningTreePhylogeny) else {}


@parametrize_with_checks(
    [KMeansPhylogeny(), MeanShiftPhylogeny(), SpanningTreePhylogeny()], expected_failed_checks=expected_failures
)
@pytest.mark.filterwarnings("ignore")
def test_scikit_learns_own_contract(estimator, check):
    check(estimator)


@pytest.mark.parametrize("estimator", [KMeansPhylogeny(n_clusters=3), MeanShiftPhylogeny(), SpanningTreePhylogeny()])
def test_a_gram_matrix_gives_the_same_forest_as_the_weights(estimator, rng):
    X = rng.normal(size=(9, 400)) + np.repeat(rng.normal(size=(3, 400)) * 5, 3, axis=0)
    by_weights = estimator.fit(X).parents_.copy()
    by_gram = estimator.set_params(metric="precomputed").fit(X @ X.T).parents_
    np.testing.assert_array_equal(by_weights, by_gram)


def test_given_directions_decide_the_root(rng):
    X = rng.normal(size=(1, 300)) + 0.1 * rng.normal(size=(4, 300))
    age = np.array([3.0, 0.0, 1.0, 2.0])
    fitted = SpanningTreePhylogeny().fit(X, direction=age - age[:, None])
    assert fitted.roots_.tolist() == [1]


def test_wrong_shapes_are_told(rng):
    X = rng.normal(size=(4, 3))
    with pytest.raises(ValueError, match=r"must be square, not \(4, 3\)"):
        SpanningTreePhylogeny(metric="precomputed").fit(X)
    with pytest.raises(ValueError, match="metric must be 'euclidean' or 'precomputed', not 'manhattan'"):
        KMeansPhylogeny(metric="manhattan").fit(X)
    with pytest.raises(ValueError, match=r"direction must have the shape \(4, 4\)"):
        SpanningTreePhylogeny().fit(X, direction=np.zeros((2, 2)))
