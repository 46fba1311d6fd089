"""The sparse forest is that of the dense search, and has no cycle."""

import numpy as np
import pytest

from neural_phylogeny.trees.arborescence import maximum_arborescence
from neural_phylogeny.trees.sparse_arborescence import sparse_forest


@pytest.mark.parametrize("n", [1, 2, 3, 7, 40])
def test_it_is_the_best_forest(rng, n):
    for _ in range(20):
        scores, roots = rng.normal(size=(n, n)), rng.normal(-1.0, 0.5, size=n)
        scores[rng.random((n, n)) < 0.5] = -np.inf
        above, below = np.nonzero(np.isfinite(scores) & ~np.eye(n, dtype=bool))
        found = sparse_forest(above, below, scores[above, below], roots)
        assert found.tolist() == maximum_arborescence(scores, roots).tolist()


def test_cycles_within_cycles_are_broken(rng):
    n = 300
    near = np.abs(np.arange(n)[:, None] - np.arange(n)[None, :]) == 1
    above, below = np.nonzero(near)
    found = sparse_forest(above, below, rng.random(len(above)), np.full(n, -100.0))
    assert np.count_nonzero(found < 0) == 1
    for model in range(n):
        for _ in range(n):
            model = int(found[model]) if model >= 0 else model
        assert model < 0
