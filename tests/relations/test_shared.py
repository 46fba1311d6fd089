"""Values that two models share and a relative of both has not."""

import numpy as np
import pytest

from neural_phylogeny.reconstruction.findings import Findings
from neural_phylogeny.relations.existence import existence
from neural_phylogeny.relations.shared import shared_values
from neural_phylogeny.statistics.moments import FEWEST


@pytest.fixture
def root(rng):
    return {
        "a": rng.uniform(-1, 1, size=(40, 30)).astype(np.float32),
        "b": rng.uniform(-1, 1, size=(20, 40)).astype(np.float32),
    }


def trained(model, rng, frozen=(), moved=0.3):
    return {
        name: w if name in frozen else (w + moved * rng.laplace(size=w.shape)).astype(np.float32)
        for name, w in model.items()
    }


def test_a_matrix_that_a_grandchild_left_alone(measured, root, rng):
    child = trained(root, rng)
    statistics = measured(root, child, trained(child, rng, frozen=("a",)))
    assert shared_values(statistics, 1, 2, [0]) == 1200 / 2000 == shared_values(statistics, 2, 1, [0])
    assert shared_values(statistics, 0, 1, [2]) == 0.0


def test_siblings_that_left_the_parents_values_alone_share_nothing_of_their_own(measured, root, rng):
    models = root, trained(root, rng, frozen=("a",)), trained(root, rng, frozen=("a",))
    assert shared_values(measured(*models), 1, 2, [0]) == 0.0


def test_part_of_a_matrix_counts(measured, root, rng):
    child = trained(root, rng)
    grandchild = trained(child, rng)
    grandchild["a"][:10] = child["a"][:10]
    assert shared_values(measured(root, child, grandchild), 1, 2, [0]) == 300 / 2000
    grandchild["a"][1:10] += 1.0
    assert 30 < FEWEST
    assert shared_values(measured(root, child, grandchild), 1, 2, [0]) == 0.0


def test_zeros_and_coarse_values_meet_by_chance(measured, root, rng):
    masks = {name: rng.random(w.shape) < 0.5 for name, w in root.items()}
    pruned = [{n: np.where(masks[n], 0, w).astype(np.float32) for n, w in trained(root, rng).items()} for _ in "ab"]
    assert shared_values(measured(root, *pruned), 1, 2, [0]) == 0.0
    halves = [{n: w.astype(np.float16) for n, w in trained(root, rng, moved=1e-3).items()} for _ in "ab"]
    assert shared_values(measured(root, *halves), 1, 2, [0]) == 0.0


def test_it_needs_a_third(measured, root, rng):
    statistics = measured(root, trained(root, rng, frozen=("a",)))
    assert shared_values(statistics, 0, 1, []) == 0.0


def test_it_is_reported_as_evidence_of_relatedness(measured, root, rng):
    child = trained(root, rng)
    statistics = measured(root, child, trained(child, rng, frozen=("a",)))
    found = Findings.of(statistics, existence(statistics, 1e-3, 3))
    reported = {one.feature: one for one in found.evidence(1, 2, ("child", "grandchild"))}
    assert reported["shared-values"].favours == "related"
    assert reported["shared-values"].statement.startswith("at least 60.0% of the values")
    assert "shared-values" not in {one.feature for one in found.evidence(0, 1, ("root", "child"))}


def test_siblings_that_one_decay_took_down_alike_are_reported_as_kin_alone(measured, root, rng):
    """What has no gradient is the same in both and not their parent's; so it is no evidence of a common ancestor."""
    models = [root]
    for _ in range(2):
        child = trained(root, rng)
        child["a"][:, :10] = np.float32(0.9) * root["a"][:, :10]
        models.append(child)
    statistics = measured(*models)
    found = Findings.of(statistics, existence(statistics, 1e-3, 3))
    reported = {one.feature: one.favours for one in found.evidence(1, 2, ("first", "second"))}
    assert reported["shared-values"] == "related"
