"""Problems with a planted truth, shared by the tests of the trees."""

import numpy as np
import pytest

from neural_phylogeny.trees.baselines.distances import distances
from neural_phylogeny.trees.problem import Problem


def stars_of(rng, n_families, size, n_features=1500):
    """Parents and children that are them and independent noise, shuffled: weights, families, parents."""
    rows, families, parents = [], [], []
    for family in range(n_families):
        rows.append(rng.uniform(-1, 1, n_features))
        parents.append(-1)
        for _ in range(size - 1):
            rows.append(rows[family * size] + rng.uniform(0.2, 0.3) * rng.normal(size=n_features))
            parents.append(family * size)
        families += [family] * size
    order = rng.permutation(len(rows))
    known, place = np.array(parents)[order], np.argsort(order)
    return np.stack(rows)[order], np.array(families)[order], np.where(known >= 0, place[known], -1)


def problem_of(X, families, seed=0):
    """All that a method may look at, from weights in a single matrix; norms tell the direction."""
    gram = X @ X.T
    squares = np.diag(gram)
    by_norm = (squares[None, :] - squares[:, None]) / squares.mean()
    scale = np.sqrt(np.outer(squares, squares))
    return Problem(
        families=families,
        cosine=gram / scale,
        gram=gram,
        distance=distances(gram),
        direction=3.0 * by_norm,
        lighter_tails=by_norm,
        nearer=lambda fake: by_norm if fake.summed else np.sign(by_norm),
        seed=seed,
        even=lambda rows: gram[np.ix_(rows, rows)] / squares.mean(),
        exact=lambda rows: {},
        learned=lambda rows: said_by_norm(by_norm[np.ix_(rows, rows)]),
    )


def said_by_norm(by_norm):
    """What a detector would say that only looks at norms: the shortest model is the parent of all others."""
    n = len(by_norm)
    first = int(np.argmax(by_norm.sum(axis=1)))
    said = np.full((n, n), 0.05 / n)
    said[first] += 0.95
    return said, np.zeros(n)


@pytest.fixture
def planted(rng):
    """(problem, families, parents) of four stars of six."""
    X, families, parents = stars_of(rng, 4, 6)
    return problem_of(X, families), families, parents
