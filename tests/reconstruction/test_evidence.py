"""The evidence on a pair says why, in the words of what was found."""

import numpy as np
import pytest

from neural_phylogeny.reconstruction.evidence import (
    clock_evidence,
    direction_evidence,
    exact_evidence,
    existence_evidence,
)
from neural_phylogeny.relations.clock import Clock
from neural_phylogeny.relations.direction import DIRECTION_FEATURES, log_odds
from neural_phylogeny.relations.exact import exact_marks
from neural_phylogeny.relations.existence import existence
from neural_phylogeny.relations.overlap import Overlap

NAMES = ("first", "second")


@pytest.fixture
def root(rng):
    return {"a": rng.normal(size=(40, 30)).astype(np.float32), "b": rng.normal(size=(20, 40)).astype(np.float32)}


def test_a_matrix_that_is_the_same_is_the_reason(measured, root, rng):
    child = {"a": root["a"], "b": rng.normal(size=(20, 40)).astype(np.float32)}
    found = existence_evidence(existence(measured(root, child), 1e-3, 1), 0, 1)
    assert (found.feature, found.favours, found.strength) == ("equal-matrix", "related", 1.0)


def test_else_units_match_or_they_do_not(measured, root, rng):
    child = {name: w + 0.1 * rng.normal(size=w.shape).astype(np.float32) for name, w in root.items()}
    stranger = {name: rng.normal(size=w.shape).astype(np.float32) for name, w in root.items()}
    found = existence(measured(root, child, stranger), 1e-3, 3)
    assert existence_evidence(found, 0, 1).favours == "related"
    assert existence_evidence(found, 0, 2).favours == "unrelated"
    assert "do not clearly match" in existence_evidence(found, 0, 2).statement


def test_the_strength_of_a_match_is_the_order_of_its_p_value(measured, root, rng):
    far, near = ({n: w + s * rng.normal(size=w.shape).astype(np.float32) for n, w in root.items()} for s in (4.0, 1.0))
    found = existence(measured(root, far, near), 0.5, 1)
    for k in (1, 2):
        log10_p = found.log_p[0, k] / np.log(10.0)
        expected = min(1.0, -log10_p / 12.0)
        assert existence_evidence(found, 0, k).strength == pytest.approx(
            expected if found.related[0, k] else 1.0 - expected
        )
    assert existence_evidence(found, 0, 2).strength > existence_evidence(found, 0, 1).strength


def test_counters_name_the_one_that_saw_fewer_batches_as_parent(measured, root, rng):
    models = [
        root | {"bn.num_batches_tracked": np.array(300)},
        {name: w + 0.1 * rng.normal(size=w.shape).astype(np.float32) for name, w in root.items()}
        | {"bn.num_batches_tracked": np.array(100)},
    ]
    found = exact_evidence(exact_marks(measured(*models)), 0, 1, NAMES)
    assert [(one.feature, one.favours, one.model) for one in found] == [("batches-seen", "parent", "second")]
    assert found[0].statement.startswith("first has counted more training batches")


def test_every_score_of_direction_is_reported_in_words(measured, root, rng):
    child = {name: w + 0.1 * rng.standard_t(3, size=w.shape).astype(np.float32) for name, w in root.items()}
    _, signs = log_odds(measured(root, child))
    found = direction_evidence(signs, 0, 1, NAMES)
    assert [one.feature for one in found] == [score.name for score in DIRECTION_FEATURES]
    assert all(one.favours == "neither" if one.model is None else one.model in one.statement for one in found)


def test_decay_is_reported_as_a_factor_and_still_rows_as_its_absence(measured, root, rng):
    root = {"a": rng.normal(size=(80, 30)).astype(np.float32)}
    child = {"a": root["a"].copy()}
    for _ in range(20):
        child["a"] *= np.float32(0.9995)
    child["a"][20:] += 0.1 * rng.normal(size=(60, 30)).astype(np.float32)
    statistics = measured(child, root)
    clock, odds = Clock.of_statistics(statistics, Overlap.of(statistics)), exact_marks(statistics)
    (found,) = clock_evidence(clock, odds, 0, 1, NAMES)
    assert (found.feature, found.favours, found.model) == ("decayed-rows", "parent", "second")
    assert "rows and columns first is second times 0.99004" in found.statement
    moved = {"a": np.where(np.arange(80)[:, None] < 20, root["a"], child["a"])}
    statistics = measured(moved, root)
    clock, odds = Clock.of_statistics(statistics, Overlap.of(statistics)), exact_marks(statistics)
    (found,) = clock_evidence(clock, odds, 0, 1, NAMES)
    assert (found.feature, found.favours, found.strength) == ("still-rows", "neither", 0.0)
