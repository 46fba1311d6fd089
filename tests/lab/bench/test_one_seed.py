"""The table of one seed on a planted collection: a base, its child, and a stranger of the same draw."""

import numpy as np
import pytest

pytest.importorskip("torch")

from neural_phylogeny.lab.bench.tables.one_seed import (
    compared,
    fitted,
    initialisations,
    joined,
    levels,
    measured,
    weights,
)
from neural_phylogeny.lab.one_seed.collections import OneSeed
from neural_phylogeny.relations.initialisations.generators import TorchGenerator
from neural_phylogeny.relations.initialisations.independence import WITH_DRAW

ROWS, COLUMNS = 40, 60


@pytest.fixture(scope="module")
def families():
    """One family for choosing and one for reporting, whose draw is found."""
    found = []
    for number in (0, 1):
        rng, generator, bound = np.random.default_rng(number), TorchGenerator(42), COLUMNS**-0.5
        draws = [generator.uniform(ROWS * COLUMNS, -bound, bound) for _ in range(3)]
        base = [z + rng.laplace(0, 0.05, z.shape) for z in draws]
        child = [w + rng.laplace(0, 0.02, w.shape) for w in base]
        stranger = [z + rng.laplace(0, 0.06, z.shape) for z in draws]
        models = tuple(
            {f"l{k}.weight": w.reshape(ROWS, COLUMNS).astype(np.float32) for k, w in enumerate(model)}
            for model in (base, child, stranger)
        )
        about = {"steps": [100, 100, 100]}
        missing = np.zeros(3, dtype=bool)
        found.append(OneSeed(number, models, np.array([-1, 0, -1]), np.array([0, 0, 1]), missing, about))
    return list(measured(found))


def test_the_draw_is_found_and_strangers_are_counted(families):
    assert [one.drawn for one in families] == ["found", "found"]
    assert "| reporting | found | " in (page := joined(found := compared(families)))
    assert "of 2 |" in page
    assert "of 1 |" in page
    assert "| reporting | found | 2 |" in levels(found)


def test_the_parent_is_nearer_to_its_true_initialisation(families):
    assert "| true | 2 | 1.000 |" in initialisations(families)


def test_weights_are_fitted_on_those_for_choosing(families):
    found = fitted(families, WITH_DRAW, with_draw=True)
    assert set(found) == set(WITH_DRAW)
    assert found[""] > 0 > found["forgotten"]
    assert fitted([], WITH_DRAW, with_draw=True) == {}
    assert "| draw found | forgotten |" in weights(families)
