"""Small tensors that follow each other are looked at together: every answer is that of a tensor by itself."""

from typing import Any

import numpy as np
import pytest
from tests.statistics.test_together import models

from neural_phylogeny.detector import space_features, triples
from neural_phylogeny.detector.features import pair_features
from neural_phylogeny.detector.measurements import Measurements
from neural_phylogeny.relations.direction import log_odds
from neural_phylogeny.relations.exact import marks_and_clock
from neural_phylogeny.relations.explanations import table, together
from neural_phylogeny.relations.explanations.whole import explanation
from neural_phylogeny.relations.merging import values
from neural_phylogeny.relations.merging.found import merges
from neural_phylogeny.relations.shared import shared_values
from neural_phylogeny.statistics import results
from neural_phylogeny.statistics.results import added, of_one_form


def answers(statistics):
    """What the relations and the detector make of a pass, by name."""
    n = statistics.alignment.n_models
    marks, clock = marks_and_clock(statistics)
    direction, signs = log_odds(statistics)
    seen = Measurements.of(statistics)
    found: dict[str, Any] = {**marks, **signs, **seen.arrays(), "direction": direction}
    found |= {"clock": clock.later, "factor": clock.factor}
    found |= {"pairs": pair_features(seen), "triples": triples.triple_features(seen, triples.everyone(n))}
    found |= {"merges": merges(statistics, range(n)).weights}
    found["shared"] = [shared_values(statistics, i, j, list(range(n))) for i in range(n) for j in range(i)]
    return found, {(i, j): explanation(statistics, i, j) for i in range(n) for j in range(i)}


@pytest.fixture
def one_by_one(monkeypatch):
    """Nothing is looked at together."""

    def switch():
        monkeypatch.setattr(results, "TOGETHER", 1)
        monkeypatch.setattr(results, "SMALL", 0)
        for module in (table, together, values):
            monkeypatch.setattr(module, "AT_ONCE", 1)
        for module in (space_features, triples):
            monkeypatch.setattr(module, "CHUNK", 1)

    return switch


def test_relations_of_many_small_tensors_are_those_of_each_by_itself(measured, rng, one_by_one):
    statistics = measured(*models(rng))
    many, kinds = answers(statistics)
    one_by_one()
    alone, expected = answers(statistics)
    assert many.keys() == alone.keys()
    for name, array in alone.items():
        np.testing.assert_array_equal(many[name], array, err_msg=name)
    assert kinds == expected


@pytest.mark.parametrize("chosen", [[4, 0, 2], [1, 3], list(range(7))])
def test_some_models_of_many_small_tensors_are_those_of_each_by_itself(measured, rng, one_by_one, chosen):
    statistics = measured(*models(rng))
    many = statistics.subset(chosen)
    assert many.alignment.tensors == statistics.alignment_of(chosen).tensors
    one_by_one()
    for found, expected in zip(many.arrays, statistics.subset(chosen).arrays, strict=True):
        assert found.keys() == expected.keys()
        for name, array in expected.items():
            np.testing.assert_array_equal(found[name], array, err_msg=name, strict=True)


@pytest.mark.parametrize("shape", [(), (1, 1), (1, 3), (3, 3), (40, 2)])
def test_a_total_has_the_bits_of_a_loop_whatever_the_order_in_memory(rng, shape):
    values = rng.normal(size=(1000, *shape))
    expected = total = rng.normal(size=shape)
    for value in values:
        expected = expected + value
    np.testing.assert_array_equal(added(np.asarray(total), values), expected)
    turned = np.asfortranarray(values)
    np.testing.assert_array_equal(added(np.asarray(total), turned), expected)


def test_arrays_of_one_form_come_in_parts_of_a_size(rng):
    shapes = [tuple(shape) for shape in rng.integers(1, 3, (50, 2)).tolist()]
    parts = list(of_one_form(shapes, 12))
    assert sorted(place for part in parts for place in part) == list(range(50))
    for part in parts:
        assert len({shapes[place] for place in part}) == 1
        assert len(part) * np.prod(shapes[part[0]]) <= 12


def test_matrices_that_nobody_holds_with_finite_values_say_nothing(measured, rng):
    models = [{f"{k}.weight": rng.normal(size=(8, 8)).astype(np.float32) for k in range(3)} for _ in range(2)]
    for model in models:
        model["1.weight"][:] = np.nan
    marks, clock = marks_and_clock(measured(*models))
    assert all(np.isfinite(odds).all() for odds in marks.values())
    assert not clock.later.any()
