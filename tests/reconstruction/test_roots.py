"""Roots have odds, a credible set and a prior, in records, text and JSON."""

import json
from typing import Any

import pytest

from neural_phylogeny import Phylogeny, compare, reconstruct
from neural_phylogeny.errors import UnknownChoiceError
from neural_phylogeny.records import CredibleRoots, ModelRecord
from neural_phylogeny.reports.json import from_json
from neural_phylogeny.reports.text import to_text


@pytest.fixture
def models(rng):
    base = {"a": rng.uniform(-1, 1, (48, 40)), "b": rng.uniform(-1, 1, (40, 48))}
    found = {"base": base}
    for k in range(3):
        found[f"child {k}"] = {name: w + rng.normal(0, 0.4, w.shape) for name, w in base.items()}
    return found | {"alone": {"a": rng.uniform(-1, 1, (48, 40)), "b": rng.uniform(-1, 1, (40, 48))}}


def test_each_model_of_a_family_has_a_probability_as_root(models):
    answer = reconstruct(models)
    p_root = {model.name: model.p_root for model in answer.models}
    assert p_root.pop("alone") is None
    assert [name for name, p in p_root.items() if p is not None and p > 0.5] == ["base"]
    (credible,) = answer.credible_roots
    assert credible.models[0] == "base"
    assert sum(credible.probabilities) >= 0.95


def test_odds_and_prior_come_back_from_the_file(models):
    answer = reconstruct(models, prior="likely")
    assert answer.prior == json.loads(answer.to_json())["provenance"]["parameters"]["prior"] == "likely"
    again = from_json(answer.to_json())
    assert again.credible_roots == answer.credible_roots
    assert [model.p_root for model in again.models] == [model.p_root for model in answer.models]
    assert "it is likely that the parents are among these models" in to_text(answer)


def test_a_method_without_a_posterior_has_no_odds(models):
    answer = reconstruct(models, method="star")
    assert answer.credible_roots == ()
    assert {model.p_root for model in answer.models} == {None}


def test_doubt_about_a_root_is_written_below_its_family():
    about: dict[str, Any] = {"path": "", "format": "npz", "parameters": 10, "family": 0}
    records = tuple(ModelRecord(name=name, **about) for name in "abcdef")
    doubtful = CredibleRoots(family=0, models=tuple("abcdef"), probabilities=(0.4, 0.2, 0.1, 0.1, 0.1, 0.1))
    text = to_text(Phylogeny(models=records, credible_roots=(doubtful,)))
    assert "root: a 0.40 or b 0.20 or 4 more" in text


@pytest.mark.parametrize(
    "call", [lambda m, **o: reconstruct(m, **o), lambda m, **o: compare(m["base"], m["alone"], **o)]
)
def test_another_prior_is_refused(models, call):
    with pytest.raises(UnknownChoiceError, match="prior"):
        call(models, prior="maybe")
