"""A model's place explained: a record with each claim, what cannot be known, and what was made from it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from neural_phylogeny.errors import UnknownChoiceError
from neural_phylogeny.reconstruction.explain import explain
from neural_phylogeny.records import Edge, Evidence, MissingAncestor, ModelRecord, Phylogeny, RelatedPair
from neural_phylogeny.reports.json import explanation_to_json, from_json, to_json
from neural_phylogeny.reports.reasons import render_explanation
from neural_phylogeny.reports.text import plain

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "explanation.schema.json").read_text())


def evidence(feature, favours, strength, statement, model=None):
    return Evidence(
        feature=feature, value=strength, favours=favours, model=model, strength=strength, statement=statement
    )


EVIDENCE = (
    evidence("unit-matching", "related", 1.0, "their hidden units match"),
    evidence("pruned", "parent", 0.99, "child has all zeros of base and more", "base"),
    evidence("kurtosis", "parent", 0.5, "child has the lighter tails", "child"),
    evidence("runner-up", "parent", 0.1, "next likely is that other is the parent of child", "other"),
    evidence("largest-weight", "neither", 0.0, "the matrices are divided evenly"),
)
MEASURED: dict[str, Any] = {"similarity": 0.9, "coverage": 1.0}


def model(name, family, remark=""):
    return ModelRecord(name=name, path=name, format="npz", parameters=10, family=family, remark=remark)


@pytest.fixture
def answer():
    return Phylogeny(
        models=(
            *(model(name, 0) for name in ("base", "child", "copy", "other")),
            model("far", 1),
            model("odd", None, "no matrices"),
            *(model(name, 2) for name in ("left", "right")),
        ),
        edges=(
            Edge(
                parent="base",
                child="child",
                kind="finetune",
                p_parent=0.8,
                p_direction=0.84,
                p_value=1e-20,
                **MEASURED,
                evidence=EVIDENCE,
            ),
            *(Edge(parent="lost", child=name, kind="finetune", p_parent=0.8, **MEASURED) for name in ("left", "right")),
        ),
        undirected=(
            RelatedPair(a="child", b="other", p_value=1e-20, similarity=0.9, coverage=0.4, evidence=EVIDENCE[:3]),
        ),
        missing=(MissingAncestor(name="lost", family=2),),
        copies=(("child", "copy"),),
    )


def text_of(answer, name):
    return plain(render_explanation(explain(answer, name)))


def test_the_evidence_of_an_edge_is_sorted_by_which_way_it_points(answer):
    claim = explain(answer, "child").claims[0]
    assert (claim.relation, claim.other, claim.p_parent, claim.p_direction) == ("child", "base", 0.8, 0.84)
    assert [e.feature for e in claim.reasons.supporting] == ["unit-matching", "pruned"]
    assert [e.feature for e in claim.reasons.opposing] == ["kurtosis", "runner-up"]
    assert [e.feature for e in claim.reasons.neutral] == ["largest-weight"]


def test_a_sign_of_the_parent_is_no_evidence_of_relatedness(answer):
    claim = explain(answer, "child").claims[1]
    assert (claim.relation, claim.other) == ("related", "other")
    assert [e.feature for e in claim.reasons.supporting] == ["unit-matching"]
    assert claim.reasons.opposing == ()
    assert "Only 40 % of the larger model's weights could be compared." in claim.what_would_change


def test_the_text_of_an_edge(answer):
    text = text_of(answer, "child")
    assert text.startswith("child was made from base (parent 80 %, direction 84 %, p < 1e-12)")
    parts = [text.index(word) for word in ("For it:", "all zeros", "Against it:", "lighter tails", "Does not decide")]
    assert parts == sorted(parts)
    assert "child and other are related; the weights do not show which came first" in text


def test_an_unlikely_parent_may_be_the_parent(answer):
    edge = replace(answer.edges[0], p_parent=0.4)
    assert "child may have been made from base" in text_of(replace(answer, edges=(edge,)), "child")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("copy", "copy has the same weights as child; the claims name child"),
        ("child", "child has the same weights as copy; weights cannot show which of them came first"),
        ("base", "base is a root: no model here was found to be its parent"),
        ("base", "The least certain child is child, with a direction of 84 %"),
        ("base", "Made from it: child"),
        ("far", "far is related to no other model here"),
        ("odd", "odd was not compared: no matrices"),
        ("left", "left was made from lost (parent 80 %)"),
        ("left", "left and right appear to have the same missing parent"),
    ],
)
def test_the_text_of_models_in_other_places(answer, name, words):
    assert words in text_of(answer, name)


def test_a_missing_ancestor_is_explained_by_its_children(answer):
    found = explain(answer, "lost")
    assert (found.model.name, found.model.path, found.claims, found.children) == ("lost", "", (), ("left", "right"))
    text = text_of(answer, "lost")
    assert "lost is not in the collection. left, right have more in common than any model here accounts for" in text
    assert "Probability that the parent of each is missing: left 80 %, right 80 %." in text
    with pytest.raises(UnknownChoiceError, match="los"):
        explain(answer, "los")


def test_the_remark_on_a_model_is_shown(answer):
    noted = [replace(m, remark="left out: values in w") if m.name == "child" else m for m in answer.models]
    assert "On child: left out: values in w." in text_of(replace(answer, models=tuple(noted)), "child")


def test_an_unknown_model_is_reported_with_the_nearest(answer):
    with pytest.raises(UnknownChoiceError, match="did you mean 'child'"):
        explain(answer, "chld")


@pytest.mark.parametrize("name", ["base", "child", "copy", "other", "far", "odd", "left"])
def test_the_json_is_as_documented_and_survives_a_result_file(answer, name):
    text = explanation_to_json(explain(answer, name))
    jsonschema.validate(json.loads(text), SCHEMA)
    assert explanation_to_json(explain(from_json(to_json(answer)), name)) == text
