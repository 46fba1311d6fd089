"""The forests of random families are those of the release: a change of any number must be meant.

Written anew by ``python -m tests.trees.test_pinned`` where a change is meant; the changelog then lists it.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neural_phylogeny.trees.array_data import family_of
from neural_phylogeny.trees.family import CommonOrigin, Families, Family, Posterior
from neural_phylogeny.trees.methods import METHODS

FILE = Path(__file__).parent / "data" / "pinned_forests.json"
NAMES = ("auto", "detector", "innovation-tree", "spanning-tree", "star", "nearest-l2", "mother", "kmeans-along")
SEEDS = range(12)


def random_family(seed: int) -> tuple[Family, np.ndarray]:
    """Two to nine models in one or two families, with everything that changes a forest somewhere."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 10))
    labels = np.sort(rng.integers(0, 2, n)) if n > 5 else np.zeros(n, dtype=np.int64)
    weights = [rng.normal(size=400) + labels[0]]
    for label in labels[1:]:
        parent = weights[int(rng.integers(len(weights)))]
        weights.append(rng.choice([1.0, 0.8]) * parent + (0.3 + label) * rng.normal(size=400))
    X = np.stack(weights)
    gram = X @ X.T / 400
    direction = rng.normal(size=(n, n))
    parents = rng.dirichlet(np.full(n, 0.5), size=n).T + 1e-4 + np.diag(rng.choice([0.0, 2.0], n))
    merges = np.zeros((n, n))
    if n > 3 and seed % 3 == 0:
        merges[[0, 1], n - 1] = 0.4, 0.6
    exact = np.where(rng.random((n, n)) < 0.05, 8.0, 0.0)
    family = family_of(
        gram=gram,
        direction=direction - direction.T,
        lighter_tails=direction.T - direction,
        exact={"rounded": exact - exact.T},
        detector=Posterior(parent=parents / parents.sum(axis=0), missing=rng.random(n)),
        merges=merges,
        origin=list(CommonOrigin)[seed % 3],
    )
    return family, labels


def forests(name: str) -> list[dict[str, Any]]:
    """What one method answers for each seed, rounded."""
    found = []
    for seed in SEEDS:
        family, labels = random_family(seed)
        forest = METHODS[name].solve(Families(labels, family, seed))
        known: dict[str, Any] = {"parents": forest.parents.tolist()}
        for field in ("p_direction", "p_parent", "missing"):
            values = getattr(forest, field)
            known[field] = None if values is None else np.round(values, 9).tolist()
        known["apart"] = [[*one.members, one.certain] for one in forest.common_initialisations]
        known["merged"] = None if forest.merged is None else int(np.count_nonzero(forest.merged))
        found.append(known)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_forests_are_those_that_are_pinned(name):
    pinned = json.loads(FILE.read_text(encoding="utf-8"))[name]
    for seed, (found, expected) in enumerate(zip(forests(name), pinned, strict=True)):
        for field, value in expected.items():
            if field in ("p_direction", "p_parent", "missing") and value is not None:
                np.testing.assert_allclose(found[field], value, atol=2e-9, err_msg=f"seed {seed}, {field}")
            else:
                assert found[field] == value, f"seed {seed}, {field}"


if __name__ == "__main__":
    FILE.write_text(json.dumps({name: forests(name) for name in NAMES}) + "\n", encoding="utf-8")
