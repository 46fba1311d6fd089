import numpy as np
import pytest

from neural_phylogeny.reconstruction.family_data import families_of
from neural_phylogeny.reconstruction.findings import Findings
from neural_phylogeny.relations.existence import existence
from neural_phylogeny.relations.fake_init import FakeInitialisation


def test_a_family_is_what_the_weights_show_of_the_chosen_models(measured, rng):
    root = {"a": rng.uniform(-1, 1, (40, 30)), "b": rng.uniform(-1, 1, (20, 40))}
    kid = {name: w + rng.laplace(0, 0.5, w.shape) for name, w in root.items()}
    models = [kid, {"a": rng.uniform(-1, 1, (40, 30)), "c": np.eye(5)}, root, {"c": 2.0 * np.eye(5) + 1.0}]
    statistics = measured(*models)
    found = Findings.of(statistics, existence(statistics, 1e-3, 6))
    families = families_of(found, [2, 0, 1, 3], np.array([0, 0, 1, 2]), seed=5)
    family = families.models
    flat = [np.concatenate([m["a"].ravel(), m["b"].ravel()]) for m in (root, kid)]
    assert family.distance[0, 1] == pytest.approx(np.linalg.norm(flat[0] - flat[1]), rel=1e-4)
    only_a = np.linalg.norm(root["a"] - models[1]["a"])
    assert family.distance[0, 2] == pytest.approx(only_a, rel=1e-4), "on what the two share"
    assert np.isnan(family.distance[0, 3]), "nothing is compared"
    assert family.gram[0, 1] == pytest.approx(flat[0] @ flat[1], rel=1e-4)
    assert family.lighter_tails[0, 1] > 0, "uniform weights have lighter tails than their sum with Laplace noise"
    for fake in (FakeInitialisation(), FakeInitialisation(n_draws=4), FakeInitialisation(summed=True)):
        assert family.nearer(fake)[0, 1] > 0
    assert families.seed == 5
