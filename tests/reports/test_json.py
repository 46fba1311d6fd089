"""The result file: as documented, there and back, and strict about damage."""

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neural_phylogeny.errors import SavedFileError
from neural_phylogeny.records import KINDS, Comparison, Edge, Evidence, ModelRecord, Phylogeny, TensorComparison
from neural_phylogeny.reports.json import comparison_to_json, from_json, to_json

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "result.schema.json").read_text())


def content(phylogeny: Phylogeny) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(to_json(phylogeny), parse_constant=lambda constant: pytest.fail(constant))
    return parsed


def damaged(everything: Phylogeny, key: str, index: int, **changes: object) -> str:
    parsed = content(everything)
    parsed[key][index].update(changes)
    return json.dumps(parsed)


def test_the_schema_holds_and_lists_the_kinds(everything):
    jsonschema.validate(content(everything), SCHEMA)
    jsonschema.validate(content(Phylogeny(models=())), SCHEMA)
    assert SCHEMA["$defs"]["kind"]["enum"] == list(KINDS)


def test_keys_and_their_order(everything):
    parsed = content(everything)
    assert list(parsed) == [
        *(
            "format",
            "version",
            "models",
            "edges",
            "undirected",
            "missing",
            "undecided",
            "components",
            "copies",
            "credible_roots",
            "similarities",
            "skipped",
            "provenance",
            "counts",
        ),
    ]
    assert parsed["format"] == "neural-phylogeny"
    assert parsed["version"] == 2
    assert list(parsed["models"][0]) == [
        "name",
        "path",
        "format",
        "parameters",
        "family",
        "remark",
        "compared",
        "sha256",
        "p_root",
        "rootstrap",
        "copy_kind",
    ]
    assert list(parsed["edges"][0])[:4] == ["parent", "child", "kind", "p_parent"]


def test_edges_below_even_odds_are_marked_and_counted(everything):
    first, *others = everything.edges
    parsed = content(dataclasses.replace(everything, edges=(dataclasses.replace(first, p_parent=0.4), *others)))
    assert [edge["is_weak"] for edge in parsed["edges"]] == [True] + [False] * len(others)
    assert parsed["counts"] == {"edges": len(everything.edges), "weak": 1}


def test_edges_repeat_their_numbers_under_the_names_of_version_1(everything):
    for edge, written in zip(everything.edges, content(everything)["edges"], strict=True):
        assert (written["confidence"], written["direction"]) == (edge.confidence, edge.p_direction)


def test_there_and_back(everything):
    assert from_json(to_json(everything)) == everything
    assert from_json(to_json(Phylogeny(models=()))) == Phylogeny(models=())


@given(st.text(), st.floats(), st.floats(0, 1), st.integers(0, 2**70))
def test_any_name_and_number_survives(name, value, confidence, parameters):
    other = f"{name}2"
    evidence = Evidence(feature="w", value=value, favours="parent", model=name, strength=0.5, statement=name)
    models = (
        ModelRecord(name=name, path=name, format="npz", parameters=parameters, family=0),
        ModelRecord(name=other, path=other, format="npz", parameters=1, family=0),
    )
    answer = Phylogeny(
        models=models,
        edges=(
            Edge(
                parent=name,
                child=other,
                kind="unknown",
                p_direction=confidence,
                similarity=value,
                coverage=1.0,
                evidence=(evidence,),
            ),
        ),
    )
    text = to_json(answer)
    assert text.isascii()
    assert "\x1b" not in text
    again = from_json(text)
    assert to_json(again) == text
    assert again.models == answer.models
    found = again.edges[0].evidence[0].value
    assert found == value if math.isfinite(value) else math.isnan(found)


def test_numpy_and_other_values_in_the_provenance():
    answer = Phylogeny(
        models=(), provenance={"n": np.int64(3), "x": np.float32("nan"), "p": Path("a"), "s": {"b", "a"}}
    )
    assert content(answer)["provenance"] == {"n": 3, "x": None, "p": "a", "s": ["a", "b"]}


def test_a_file_that_lacks_the_optional_keys(everything):
    parsed = content(everything)
    del parsed["edges"][0]["similarity"], parsed["edges"][0]["coverage"], parsed["models"][0]["remark"]
    parsed["models"][0]["colour"] = "red"
    found = from_json(json.dumps(parsed))
    assert found.edges[0].similarity is None
    assert found.models[0].remark == ""


def test_a_file_of_version_1_is_read(everything):
    found = from_json((Path(__file__).parent / "data" / "result-v1.json").read_text())
    jsonschema.validate(content(found), SCHEMA)
    assert (found.models, found.missing, found.copies) == (everything.models, everything.missing, everything.copies)
    orphan, known, identical, plain = found.edges[:4]
    assert (orphan.p_parent, orphan.p_direction) == (0.97, None)
    assert (known.p_parent, known.p_direction, known.support) == (0.9, 0.95, 0.75)
    assert known.p_value == pytest.approx(2e-9, rel=1e-6)
    assert (identical.p_value, plain.p_parent, plain.p_direction, plain.p_value) == (None, None, 0.97, None)
    favoured = [(e.feature, e.favours, e.model) for e in known.evidence]
    assert favoured == [
        ("unit-matching", "related", None),
        ("runner-up", "no parent", None),
        ("spectrum", "neither", None),
        ("kurtosis", "parent", "base"),
    ]
    assert [pair.p_value for pair in found.undirected] == pytest.approx([1e-3, 0.1, 0.1])


def test_damage_in_a_file_of_version_1_is_named_with_its_place():
    old = json.loads((Path(__file__).parent / "data" / "result-v1.json").read_text())
    wrong = [*old["edges"][:3], old["edges"][3] | {"confidence": "high"}]
    with pytest.raises(SavedFileError, match=r"edges\[3\].p_direction is not a finite number or null"):
        from_json(json.dumps(old | {"edges": wrong}))
    with pytest.raises(SavedFileError, match="edges is not a list"):
        from_json(json.dumps(old | {"edges": 7}))
    with pytest.raises(SavedFileError, match="lacks 'missing'"):
        from_json(json.dumps({key: value for key, value in old.items() if key != "hidden"}))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a result file: no valid JSON"),
        ("[" * 100_000, "not a result file: no valid JSON"),
        ("[]", "not a result file: the whole is not a JSON object"),
        ("{}", "not a result file: it names no format, expected 'neural-phylogeny'"),
        ('{"format": "onnx"}', "not a result file: its format is 'onnx', expected 'neural-phylogeny'"),
        (
            '{"format": "neural-phylogeny", "version": 3}',
            "a result file of version 3; this program reads versions 1 to 2",
        ),
        ('{"format": "neural-phylogeny", "version": 0}', "a result file of version 0; this program reads versions"),
        ('{"format": "neural-phylogeny", "version": true}', "a damaged result file: version is not a whole number"),
        ('{"format": "neural-phylogeny", "version": NaN}', "NaN is not a number of JSON"),
    ],
)
def test_what_is_no_result_file(text, message):
    with pytest.raises(SavedFileError) as caught:
        from_json(text)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("key", "change", "message"),
    [
        ("models", {"name": 7}, "models[0].name is not a string"),
        ("models", {"name": "a"}, "two models are named 'a'"),
        ("models", {"parameters": -1}, "models[0].parameters is not a whole number"),
        ("models", {"family": 1.5}, "models[0].family is not a whole number or null"),
        ("edges", {"p_parent": 1.5}, "edges[0].p_parent is not between 0 and 1"),
        ("edges", {"p_parent": "high"}, "edges[0].p_parent is not a finite number or null"),
        ("edges", {"similarity": 10**400}, "edges[0].similarity is not a finite number or null"),
        ("edges", {"evidence": {}}, "edges[0].evidence is not a list"),
        ("edges", {"evidence": [1]}, "edges[0].evidence[0] is not a JSON object"),
        ("edges", {"child": "ghost"}, "edges[0] names 'ghost', which is not among its models"),
        ("edges", {"child": "lost"}, "edges[0] joins a model to itself"),
        ("missing", {"family": None}, "missing[0].family is not a whole number"),
        ("skipped", {"reason": None}, "skipped[0].reason is not a string"),
    ],
)
def test_damage_is_named_with_its_place(everything, key, change, message):
    with pytest.raises(SavedFileError) as caught:
        from_json(damaged(everything, key, 0, **change), "result.json")
    assert str(caught.value).startswith("result.json: ")
    assert message in str(caught.value)


def test_copies_must_be_lists_of_names(everything):
    parsed = content(everything)
    parsed["copies"] = [["ep4", 3]]
    with pytest.raises(SavedFileError, match="copies is not a list of lists of names"):
        from_json(json.dumps(parsed))


def test_a_comparison_is_plain_data():
    a = ModelRecord(name="a", path="a", format="npz", parameters=10, family=0)
    tensors = (TensorComparison(name="w", name_in_b="v", role="kernel", cosine=None, coverage=0.5),)
    found = Comparison(
        a=a,
        b=dataclasses.replace(a, name="b"),
        verdict="parent",
        p_direction=0.9,
        similarity=0.8,
        coverage=1.0,
        evidence=(),
        tensors=tensors,
    )
    parsed = json.loads(comparison_to_json(found))
    assert parsed["format"] == "neural-phylogeny-comparison"
    assert parsed["verdict"] == "parent"
    tensor = {"name": "w", "name_in_b": "v", "role": "kernel", "cosine": None, "coverage": 0.5}
    assert parsed["tensors"] == [tensor | {"matched_by": "name", "layout": ""}]
