"""Planted initialisations and planted ancestors are distinguished; the features do not see scale or order."""

import numpy as np
import pytest
from tests.detector.conftest import measurements_of

from neural_phylogeny import reconstruct
from neural_phylogeny.detector import initialisation
from neural_phylogeny.detector.initialisation import FEATURES, features, initialisation_test
from neural_phylogeny.errors import SavedFileError

SHAPES = {"0.weight": (96, 64), "0.bias": (96,), "1.weight": (64, 96), "1.bias": (64,), "2.weight": (48, 64)}


def siblings(rng, trained, moved, n=5):
    """Models of uniform initial weights and zero biases, or of an ancestor with heavy tails, and steps of their own."""
    common = {}
    for name, shape in SHAPES.items():
        start = np.zeros(shape) if name.endswith("bias") else rng.uniform(-1, 1, shape) / np.sqrt(shape[-1])
        common[name] = start + trained * rng.standard_t(4, shape) / np.sqrt(shape[-1])
    return [
        {
            name: (w + moved * rng.normal(size=w.shape) / np.sqrt(w.shape[-1])).astype(np.float32)
            for name, w in c.items()
        }
        for c in [common] * n
    ]


@pytest.mark.parametrize("n", [2, 5])
def test_an_initialisation_is_none_and_an_ancestor_is_one(rng, n):
    test = initialisation_test()
    assert test.verdict(measurements_of(siblings(rng, 0.0, 0.4, n))) == -1
    assert test.verdict(measurements_of(siblings(rng, 0.8, 0.04, n))) == 1


def test_strangers_of_one_initialisation_are_no_family_and_say_why(rng):
    strangers = reconstruct(dict(zip("abcde", siblings(rng, 0.0, 0.4), strict=True)))
    assert {model.family for model in strangers.models} == {None}
    assert [(group.models, group.reason) for group in strangers.undecided] == [
        (("a", "b", "c", "d", "e"), "common initialisation")
    ]
    assert (strangers.edges, strangers.undirected, strangers.missing) == ((), (), ())
    assert strangers.models[0].remark == "same random initialisation as b, c, d and 1 more, trained independently"
    assert strangers.models[0].remark in strangers.to_text()
    assert "Related to no other" not in strangers.to_text()
    relatives = reconstruct(dict(zip("abcde", siblings(rng, 0.8, 0.04), strict=True)))
    assert len(relatives.missing) == len({model.family for model in relatives.models}) == 1
    assert {model.remark for model in relatives.models} == {""}


def test_features_have_the_planted_values(rng):
    found = dict(zip(FEATURES, features(measurements_of(siblings(rng, 0.0, 0.2))), strict=True))
    assert found["kept"] == pytest.approx(np.log((1 / 3) / 0.04), abs=0.1)
    assert found["tails"] == pytest.approx(-1.2, abs=0.1)  # of a uniform distribution
    assert found["large moved more"] == pytest.approx(1.0, abs=0.1)


def test_features_depend_neither_on_scale_nor_on_order(rng):
    models = siblings(rng, 0.3, 0.1)
    changed = [{name: w * (1.0 if w.ndim == 1 else 8.0) for name, w in model.items()} for model in reversed(models)]
    expected = features(measurements_of(models))
    np.testing.assert_allclose(features(measurements_of(changed)), expected, rtol=1e-4)


def test_vectors_that_tell_nothing_count_as_the_mean(rng):
    models = siblings(rng, 0.3, 0.1)
    for model in models:
        for name in model:
            if name.endswith("bias"):
                model[name] = np.ones_like(model[name])
    found = features(measurements_of(models))
    assert np.isnan(found[FEATURES.index("kept in vectors")])
    test = initialisation_test()
    filled = np.where(np.isnan(found), test.mean, found)
    assert test.log_odds(found) == pytest.approx(test.log_odds(filled))


def test_a_missing_parameter_file_is_reported(monkeypatch):
    monkeypatch.setattr(initialisation, "PARAMETERS", "nowhere.json")
    initialisation_test.cache_clear()
    with pytest.raises(SavedFileError, match=r"nowhere\.json: cannot be read"):
        initialisation_test()
    initialisation_test.cache_clear()
