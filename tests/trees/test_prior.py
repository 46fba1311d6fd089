"""The prior of parents being present multiplies the odds of having none here, in every method with a posterior."""

import numpy as np
import pytest

from neural_phylogeny.trees.array_data import family_of
from neural_phylogeny.trees.auto import auto_forest, detector_forest
from neural_phylogeny.trees.baselines.options import Options
from neural_phylogeny.trees.family import Posterior
from neural_phylogeny.trees.prior import PRIORS, with_prior


@pytest.fixture
def posterior():
    parent = np.array([[0.6, 0.5, 0.3], [0.2, 0.4, 0.3], [0.2, 0.1, 0.4]])
    return Posterior(parent=parent, missing=np.array([0.1, 0.5, 0.2]))


@pytest.mark.parametrize("prior", PRIORS)
def test_odds_of_no_parent_are_multiplied(posterior, prior):
    found = with_prior(posterior, prior)
    np.testing.assert_allclose(found.parent.sum(axis=0), 1.0)
    for before, after in ((np.diag(posterior.parent), np.diag(found.parent)), (posterior.missing, found.missing)):
        np.testing.assert_allclose(after / (1.0 - after), PRIORS[prior] * before / (1.0 - before))


def test_the_usual_prior_leaves_all_as_it_is(posterior):
    np.testing.assert_allclose(with_prior(posterior, "unknown").parent, posterior.parent)


@pytest.mark.parametrize("method", [auto_forest, detector_forest])
def test_parents_that_are_likely_present_are_found_where_odds_are_even(posterior, method):
    family = family_of(gram=np.diag([1.0, 1.1, 1.2]) + 1.0, detector=posterior)
    roots = {prior: int((method(family, Options(prior=prior)).parents < 0).sum()) for prior in PRIORS}
    p_root = {prior: method(family, Options(prior=prior)).p_root.sum() for prior in PRIORS}
    assert roots["likely"] <= roots["unknown"] <= roots["unlikely"]
    assert p_root["likely"] < p_root["unknown"] < p_root["unlikely"]
