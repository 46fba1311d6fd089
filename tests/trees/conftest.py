"""Families with a planted truth, shared by the tests of the trees."""

import numpy as np
import pytest

from neural_phylogeny.trees.array_data import family_of
from neural_phylogeny.trees.family import Families, Posterior


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


def arrays_of(X):
    """The arrays of a family of models with a single matrix each, in which norms tell the direction."""
    gram = X @ X.T
    squares = np.diag(gram)
    by_norm = (squares[None, :] - squares[:, None]) / squares.mean()
    return {
        "gram": gram,
        "direction": 3.0 * by_norm,
        "lighter_tails": by_norm,
        "nearer": lambda fake: by_norm if fake.summed else np.sign(by_norm),
        "retained_gram": gram / squares.mean(),
        "detector": posterior_by_norm(by_norm),
    }


def posterior_by_norm(by_norm):
    """The posterior of a detector that sees norms alone: of any two models the shorter is the parent."""
    n = len(by_norm)
    older = np.where(by_norm > 0, np.exp(2.0 * np.maximum(by_norm, 0.0)), 0.0)
    parent = older + 1e-3 + 0.5 * np.eye(n)
    return Posterior(parent=parent / parent.sum(axis=0), missing=np.zeros(n))


def posterior_of(parent, missing=None):
    """A posterior with no missing parent, unless one is given."""
    parent = np.asarray(parent, dtype=np.float64)
    return Posterior(parent=parent, missing=np.zeros(len(parent)) if missing is None else np.asarray(missing))


def family_with(**arrays):
    """A family of n unrelated models but for the arrays given."""
    n = len(next(value.parent if isinstance(value, Posterior) else value for value in arrays.values()))
    return family_of(**{"gram": np.eye(n), "direction": np.zeros((n, n)), **arrays})


@pytest.fixture
def planted(rng):
    """(families, parents) of four stars of six."""
    X, labels, parents = stars_of(rng, 4, 6)
    return Families(labels, family_of(**arrays_of(X))), parents
