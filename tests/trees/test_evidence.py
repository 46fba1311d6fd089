"""The search for independent innovations finds planted trees, also where siblings learnt something in common."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from tests.trees.conftest import problem_of

from neural_phylogeny.trees.evidence import evidence_forest
from neural_phylogeny.trees.innovations import VALUES, log_likelihoods

TREES = {
    "star": [-1, 0, 0, 0, 0, 0],
    "chain": [-1, 0, 1, 2, 3],
    "levels": [-1, 0, 0, 1, 1, 2, 2],
    "two": [-1, 0],
}


def family(parents, rng, shared=0.0, keeps=1.0, values=4000):
    """Weights of a family, in an order that tells nothing, and its parents."""
    common = shared * rng.normal(size=values)
    rows = []
    for parent in parents:
        if parent < 0:
            rows.append(rng.normal(size=values))
        else:
            step = 0.3 * rng.normal(size=values) + common * rng.uniform(0.5, 1.5)
            rows.append(keeps * rows[parent] + step)
    order = rng.permutation(len(parents))
    place = np.argsort(order)
    known = np.array(parents)[order]
    return np.stack(rows)[order], np.where(known >= 0, place[known], -1)


@pytest.mark.parametrize("shape", TREES)
@pytest.mark.parametrize("shared", [0.0, 0.25])
def test_planted_trees_are_found(rng, shape, shared):
    if shape == "chain" and shared:
        pytest.skip("a common factor of all steps of a chain is a straight way on, which no inner product tells apart")
    for _ in range(3):
        X, parents = family(TREES[shape], rng, shared if shape == "star" else 0.0)
        forest = evidence_forest(problem_of(X, np.zeros(len(X), dtype=np.int64)), None)
        assert forest.parents.tolist() == parents.tolist()
        assert ((forest.probability > 0.5) & (forest.probability <= 1.0)).all()


def test_the_neighbours_of_a_decayed_family_are_found(rng):
    X, parents = family(TREES["levels"], rng, keeps=0.8)
    forest = evidence_forest(problem_of(X, np.zeros(len(X), dtype=np.int64)), None)
    links = lambda tree: {frozenset((j, int(i))) for j, i in enumerate(tree) if i >= 0}  # noqa: E731
    assert links(forest.parents) == links(parents)


def test_large_families_have_their_tree_without_a_search(rng):
    parents = [-1] + [int(rng.integers(k)) for k in range(1, 40)]
    X, truth = family(parents, rng)
    forest = evidence_forest(problem_of(X, np.zeros(40, dtype=np.int64)), None)
    assert forest.parents.tolist() == truth.tolist()


def test_without_factors_the_likelihood_is_the_gaussian_one(rng):
    X, _ = family([-1, 0, 0], rng, values=200)
    gram = X @ X.T / X.shape[1]
    tree = np.array([[-1, 0, 0], [1, -1, 0]])
    found = log_likelihoods(gram, tree, False)
    for parents, value in zip(tree, found, strict=True):
        step = np.eye(3)
        step[[j for j in range(3) if parents[j] >= 0], [p for p in parents if p >= 0]] -= 1.0
        innovations = step @ X
        variance = np.mean(innovations**2, axis=1)
        density = multivariate_normal(np.zeros(3), np.diag(variance)).logpdf(innovations.T).mean()
        free = VALUES * (density + 1.5 * np.log(2 * np.pi) + 1.5)
        assert value == pytest.approx(free, rel=1e-6) or value > free  # a factor may be worth its price
