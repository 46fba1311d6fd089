"""New rows of a vocabulary that nobody has trained yet."""

import numpy as np
import pytest

from neural_phylogeny.reconstruction.evidence import exact_evidence
from neural_phylogeny.relations.exact import GOOD, exact_marks
from neural_phylogeny.relations.vocabulary import longer


@pytest.fixture
def root(rng):
    lengths = rng.lognormal(0, 0.5, size=(60, 1))
    return {"embed": lengths * rng.normal(size=(60, 48)), "a": rng.normal(size=(40, 48))}


def with_rows(model, rows, rng):
    return {name: w + 0.05 * rng.normal(size=w.shape) for name, w in model.items()} | {
        "embed": np.concatenate([model["embed"], rows])
    }


def test_who_has_new_rows_came_later(measured, root, rng):
    statistics = measured(root, with_rows(root, 0.02 * rng.normal(size=(8, 48)), rng))
    assert longer(statistics).tolist() == [[False, True], [False, False]]
    odds = exact_marks(statistics)
    assert odds["new-rows"].tolist() == [[0.0, 0.0], [-GOOD, 0.0]]
    reported = {one.feature: one.model for one in exact_evidence(odds, 0, 1, ("root", "child"))}
    assert reported == {"new-rows": "root"}


def test_rows_that_were_trained_say_nothing(measured, root, rng):
    rows = rng.lognormal(0, 0.5, size=(8, 1)) * rng.normal(size=(8, 48))
    assert not longer(measured(root, with_rows(root, rows, rng))).any()


def test_a_vocabulary_that_nobody_trained_says_nothing(measured, rng):
    root = {"embed": rng.normal(size=(60, 48)), "a": rng.normal(size=(40, 48))}
    assert not longer(measured(root, with_rows(root, rng.normal(size=(8, 48)), rng))).any()


def test_even_rows_of_another_length_were_added_to_even_ones(measured, rng):
    root = {"head": 0.3 * rng.normal(size=(10, 48)), "a": rng.normal(size=(40, 48))}
    mean = np.repeat(root["head"].mean(axis=0, keepdims=True), 6, axis=0)
    for rows in (0.02 * rng.normal(size=(6, 48)), mean):
        child = root | {"head": np.concatenate([root["head"], rows])}
        assert longer(measured(root, child)).tolist() == [[False, True], [False, False]]


def test_another_vocabulary_says_nothing(measured, root, rng):
    other = with_rows(root, 0.02 * rng.normal(size=(8, 48)), rng)
    other["embed"] = rng.permutation(other["embed"][:, ::-1], axis=1)
    assert not longer(measured(root, other)).any()


def test_of_three_sizes_the_shorter_are_compared(measured, root, rng):
    child = with_rows(root, 0.02 * rng.normal(size=(8, 48)), rng)
    grandchild = with_rows(child, 0.02 * rng.normal(size=(8, 48)), rng)
    found = longer(measured(root, child, grandchild))
    assert found[0].tolist() == [False, True, True]
    assert not found[2].any()


def test_statistics_that_were_kept_before_are_silent(measured, root):
    from neural_phylogeny.statistics.sketch import Sketch

    statistics = measured(root, root, statistics=(Sketch(),))
    assert not longer(statistics).any()
