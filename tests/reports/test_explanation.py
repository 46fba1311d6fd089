"""A model's place explained: a record with each claim, what cannot be known, and what was made from it."""

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from neural_phylogeny.errors import UnknownChoiceError
from neural_phylogeny.records import Edge, Evidence, MissingAncestor, RelatedPair, ModelRecord, Phylogeny
from neural_phylogeny.reports.explanation import explain
from neural_phylogeny.reports.json import explanation_to_json, from_json, to_json
from neural_phylogeny.reports.reasons import render_explanation
from neural_phylogeny.reports.text import plain

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "explanation.schema.json").read_text())


@pytest.fixture
def answer():
    evidence = (
        Evidence(feature="unit-matching", value=0.9, favours="kin", strength=1.0, statement="their hidden units match"),
        Evidence(feature="pruned", value=8.0, favours="base", strength=0.99, statement="child has all zeros of base and more"),
        Evidence(feature="kurtosis", value=-0.5, favours="child", strength=0.5, statement="child has the lighter tails"),
        Evidence(feature="runner-up", value=0.1, favours="other", strength=0.1, statement="next likely is that other is the parent of child"),
        Evidence(feature="largest-weight", value=0.0, favours="neither", strength=0.0, statement="the matrices are divided evenly"),
    )
    models = [ModelRecord(name=name, path=name, format="npz", parameters=10, family=0) for name in ("base", "child", "copy", "other")]
    models += [ModelRecord(name="far", path="far", format="npz", parameters=10, family=1), ModelRecord(name="odd", path="odd", format="npz", parameters=10, family=None, remark="no matrices")]
    models += [ModelRecord(name=name, path=name, format="npz", parameters=10, family=2) for name in ("left", "right")]
    orphans = [Edge(parent="lost", child=name, kind="finetune", p_direction=0.8, similarity=0.9, coverage=1.0) for name in ("left", "right")]
    return Phylogeny(
        models=tuple(models),
        edges=(Edge(parent="base", child="child", kind="finetune", p_parent=0.8, similarity=0.9, coverage=1.0, evidence=evidence, p_value=1.0, p_direction=0.84), *orphans),
        undirected=(RelatedPair(a="child", b="other", p_value=1.0, similarity=0.9, coverage=0.4, evidence=evidence[:3]),),
        missing=(MissingAncestor(name="lost", family=2),),
        copies=(("child", "copy"),),
    )


def told(answer, name):
    return plain(render_explanation(explain(answer, name)))


def test_the_evidence_of_an_edge_is_sorted_by_which_way_it_points(answer):
    claim = explain(answer, "child").claims[0]
    assert (claim.relation, claim.other, claim.confidence, claim.direction) == ("child", "base", 0.8, 0.84)
    assert [e.witness for e in claim.reasons.supporting] == ["unit-matching", "pruned"]
    assert [e.witness for e in claim.reasons.opposing] == ["kurtosis", "runner-up"]
    assert [e.witness for e in claim.reasons.neutral] == ["largest-weight"]


def test_whom_a_witness_takes_for_the_parent_says_nothing_of_kinship(answer):
    claim = explain(answer, "child").claims[1]
    assert (claim.relation, claim.other) == ("related", "other")
    assert [e.witness for e in claim.reasons.supporting] == ["unit-matching"]
    assert claim.reasons.opposing == ()
    assert "Only 40 % of the larger model's weights could be compared." in claim.what_would_change


def test_the_text_of_an_edge(answer):
    text = told(answer, "child")
    assert text.startswith("child was made from base (parent 80 %, direction 84 %, kin 100 %)")
    parts = [text.index(word) for word in ("For it:", "all zeros", "Against it:", "lighter tails", "Says nothing")]
    assert parts == sorted(parts)
    assert "child and other are related; who came first is not known" in text


def test_an_unlikely_parent_is_told_as_a_lead(answer):
    edge = replace(answer.edges[0], confidence=0.4)
    assert "child may have been made from base" in told(replace(answer, edges=(edge,)), "child")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("copy", "copy holds the same weights as child; what is said here is said of child"),
        ("child", "child holds the same weights as copy; which of them was there first"),
        ("base", "base is a root: no model here was found to be its parent"),
        ("base", "The least sure child is child, with a direction of 84 %"),
        ("base", "Made from it: child"),
        ("far", "far is related to no other model here"),
        ("odd", "odd was not compared: no matrices"),
        ("left", "left was made from lost (parent 80 %)"),
        ("left", "The parent of left is taken to be missing, and that of right to be the same"),
    ],
)
def test_what_is_said_of_models_in_other_places(answer, name, words):
    assert words in told(answer, name)


def test_the_remark_on_a_model_is_told(answer):
    noted = [replace(m, remark="left out: values in w") if m.name == "child" else m for m in answer.models]
    assert "On child: left out: values in w." in told(replace(answer, models=tuple(noted)), "child")


def test_an_unknown_model_is_told_with_the_nearest(answer):
    with pytest.raises(UnknownChoiceError, match="did you mean 'child'"):
        explain(answer, "chld")


@pytest.mark.parametrize("name", ["base", "child", "copy", "other", "far", "odd", "left"])
def test_the_json_is_as_documented_and_survives_a_result_file(answer, name):
    text = explanation_to_json(explain(answer, name))
    jsonschema.validate(json.loads(text), SCHEMA)
    assert explanation_to_json(explain(from_json(to_json(answer)), name)) == text


def test_strangers_names_stay_data(everything):
    for model in everything.models:
        text = told(everything, model.name)
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert explanation_to_json(explain(everything, model.name)).isascii()
