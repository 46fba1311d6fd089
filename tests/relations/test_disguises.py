"""The search for a disguise leaves strangers early, and nothing else."""

import numpy as np

from neural_phylogeny.relations import disguises


def _brute(x, y):
    cosines = [np.abs(disguises.cosines(x[:, part::2], y[:, part::2])) for part in (0, 1)]
    return disguises.beyond_chance(cosines[1], disguises.assignment(cosines[0]))


def test_an_agreement_is_that_of_the_assignment_wherever_it_counts(rng):
    for noise in (0.0, 0.3, 0.6, 0.9, 1.2, 3.0):
        x = rng.normal(size=(24, 40))
        y = x[rng.permutation(24)] + noise * rng.normal(size=x.shape)
        expected, found = _brute(x, y), disguises._agreement(x, y, 0.6)
        assert (found == expected) if expected >= 0.6 else (found < 0.6)


def test_strangers_are_left_without_an_assignment(rng, monkeypatch):
    monkeypatch.setattr(disguises, "assignment", None)
    assert disguises._agreement(rng.normal(size=(60, 80)), rng.normal(size=(60, 80)), 0.6) == 0.0


def test_a_matrix_is_tried_again_only_with_new_orders(rng, monkeypatch):
    first, second = ({"a": rng.normal(size=(20, 40)), "b": rng.normal(size=(20, 20))} for _ in range(2))
    tried, matched = [], disguises._matched

    def counted(a, b, search):
        tried.append(a.shape)
        return matched(a, b, search)

    monkeypatch.setattr(disguises, "_matched", counted)
    assert disguises.find_disguise(first, second, {name: values.shape for name, values in first.items()}) is None
    assert len(tried) == 2
