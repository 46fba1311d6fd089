"""Two models side by side."""

from dataclasses import replace
from typing import Any

import pytest

from neural_phylogeny.inputs import Skipped
from neural_phylogeny.records import Comparison, Evidence, ModelRecord, Reasons, TensorComparison
from neural_phylogeny.reports.comparison import render_comparison
from neural_phylogeny.reports.inspection import render_inspection
from neural_phylogeny.reports.text import plain

A, B = (ModelRecord(name=name, path=name, format="npz", parameters=1_000, family=0) for name in ("a", "b\x1b[2J"))


@pytest.mark.parametrize(
    ("verdict", "sentence"),
    [
        ("parent", r"b\x1b[2J was made from a (direction 90 %)"),
        ("child", r"a was made from b\x1b[2J (direction 90 %)"),
        ("related", r"a and b\x1b[2J are related (p < 1e-12); their weights do not show which came first"),
        ("unrelated", r"a and b\x1b[2J are unrelated, as far as their weights show"),
        ("copies", r"a and b\x1b[2J have the same weights"),
        ("not enough in common", r"a and b\x1b[2J do not have enough in common to be judged"),
        ("not comparable", r"a and b\x1b[2J cannot be compared"),
    ],
)
def test_the_verdict_comes_first(verdict, sentence):
    numbers: dict[str, Any] = {"p_direction": 0.9} if verdict in ("parent", "child") else {"p_value": 1e-20}
    assert (
        plain(
            render_comparison(Comparison(a=A, b=B, verdict=verdict, **numbers, similarity=0.8, coverage=0.5))
        ).splitlines()[0]
        == sentence
    )


def test_copies_found_in_a_sample_are_called_no_more_than_that():
    text = plain(
        render_comparison(Comparison(a=A, b=B, verdict="copies", similarity=1.0, coverage=1.0, share_read=0.0123))
    ).splitlines()
    assert text[0] == r"a and b\x1b[2J are equal in all that was read, 1.2 % of the weights"
    assert "read: 1.2 % of the weights compared" in text


def test_all_that_is_known_is_shown():
    evidence = (
        Evidence(
            feature="kurtosis",
            value=0.5,
            favours="parent",
            model="a",
            strength=0.8,
            statement="a has the lighter tails",
        ),
    )
    tensors = (
        TensorComparison(name="w", name_in_b="v", role="kernel", cosine=0.75, coverage=1.0),
        TensorComparison(name="z", name_in_b="z", role="vector", cosine=None, coverage=0.5),
    )
    skipped = (Skipped(path="c.pt", reason="it is damaged"),)
    found = Comparison(a=A, b=B, verdict="parent", coverage=1.0, evidence=evidence, tensors=tensors, skipped=skipped)
    text = plain(
        render_comparison(replace(found, reasons=Reasons(supporting=evidence), what_would_change=("a sibling",)))
    )
    assert "For it:" in text
    assert "Against it:" not in text
    assert "- a sibling" in text
    assert "[#### ] kurtosis: a has the lighter tails" in text
    assert ["w", "v", "kernel", "0.7500", "100", "%"] in [line.split() for line in text.splitlines()]
    assert ["z", "vector", "-", "50", "%"] in [line.split() for line in text.splitlines()]
    assert "skipped: c.pt  it is damaged" in text
    assert "similarity" not in text


def test_an_inspection_shows_tensors_components_and_what_was_left_out():
    tensor = {"name": "w\n", "shape": [2, 3], "dtype": "float32", "role": "kernel"}
    found = {"name": "a", "format": "pytorch", "parameters": 6, "components": ["ema", ""], "notes": ["a note"]}
    text = plain(render_inspection([{**found, "tensors": [tensor]}], [{"path": "b", "reason": "it is empty"}]))
    assert text.splitlines()[0] == "a  pytorch  6 parameters"
    assert "component ema; also in the file: (top level)" in text
    assert "a note" in text
    assert [r"w\n", "2", "x", "3", "float32", "kernel"] in [line.split() for line in text.splitlines()]
    assert "left out: b: it is empty" in text


def test_a_parent_less_likely_than_not_is_a_lead():
    found = Comparison(a=A, b=B, verdict="child", p_parent=0.3, similarity=0.8, coverage=0.5, p_direction=0.7)
    assert plain(render_comparison(found)).splitlines()[0] == (
        r"a may have been made from b\x1b[2J (parent 30 %, direction 70 %)"
    )
