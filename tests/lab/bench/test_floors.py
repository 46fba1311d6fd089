"""Accuracy does not fall unnoticed: the main methods on a cached collection of each suite, just below their numbers."""

from functools import lru_cache
from pathlib import Path

import pytest

from neural_phylogeny.evaluation.metrics import score
from neural_phylogeny.lab.bench.cached import CachedCollection, load_cached
from neural_phylogeny.lab.bench.runs import ALPHA, counts_of
from neural_phylogeny.reconstruction.decide import phylogeny
from neural_phylogeny.reconstruction.examine import Examined, examine
from neural_phylogeny.trees.methods import METHODS

DATA = Path(__file__).parents[3] / "benchmarks" / "data"


FLOORS = {
    "paper/resnet-tiny-50shot/0": {"auto": (0.95, 0.95), "detector": (0.95, 0.95), "innovation-tree": (0.95, 0.95)},
    "mixed/mixed-fc/0": {"auto": (0.80, 0.80), "detector": (0.65, 0.60), "innovation-tree": (0.92, 0.95)},
    "generations/generations-fc-trees/0": {
        "auto": (0.92, 0.95),
        "detector": (0.92, 0.95),
        "innovation-tree": (0.92, 0.95),
    },
    "quick/quick-star/0": {"auto": (0.93, 0.91), "detector": (0.73, 0.70), "innovation-tree": (0.93, 0.91)},
    "wild/oarriaga-fer/0": {"auto": (0.92, 0.92), "detector": (0.92, 0.92), "innovation-tree": (0.85, 0.85)},
    "wild/cvdong-pruning/0": {"auto": (0.87, 0.93), "detector": (0.50, 0.75), "innovation-tree": (0.87, 0.93)},
}
"""Least share of right parents, and least tree direction."""

CASES = [(place, method) for place, methods in FLOORS.items() for method in methods]


@lru_cache(maxsize=1)
def examined(place: str) -> tuple[CachedCollection, Examined]:
    kept = load_cached(DATA / f"{place}.npz")
    return kept, examine(kept.collection, ALPHA)


@pytest.mark.parametrize(("place", "method"), CASES)
def test_a_method_is_as_right_as_it_was(place, method):
    kept, found = examined(place)
    counts = counts_of(score(phylogeny(kept.collection, METHODS[method], ALPHA, 0, found), kept.truth))
    parents = counts.get("overall", counts["exact_parent"])
    least_right, least_directed = FLOORS[place][method]
    assert parents[0] / parents[1] >= least_right
    assert counts["tree_direction"][0] / counts["tree_direction"][1] >= least_directed
    assert counts["false_positives"][0] == 0


@pytest.mark.parametrize("method", ["auto", "detector"])
def test_strangers_of_one_initialisation_are_unrelated(method):
    kept, found = examined("strangers/strangers-fc-same/0")
    counts = counts_of(score(phylogeny(kept.collection, METHODS[method], ALPHA, 0, found), kept.truth))
    assert counts["false_positives"] == (0, 190)


@pytest.mark.parametrize("method", ["auto", "detector", "innovation-tree"])
def test_strangers_of_their_own_initialisations_are_unrelated(method):
    kept, found = examined("strangers/strangers-fc-own/0")
    counts = counts_of(score(phylogeny(kept.collection, METHODS[method], ALPHA, 0, found), kept.truth))
    assert counts["false_positives"][0] == 0 < counts["false_positives"][1]
