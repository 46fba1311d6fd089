"""What would change a verdict: sentences that are true of the case."""

import math

import pytest

from neural_phylogeny.records import Edge, Evidence, RelatedPair
from neural_phylogeny.wording import TWO, verdict_would_change, what_would_change

KIN = Evidence(feature="unit-matching", value=0.9, favours="kin", strength=1.0, statement="their hidden units match")


def edge(*evidence, sure=0.8, direction=0.84, coverage=1.0, support=math.nan):
    return Edge(parent="a", child="b", kind="finetune", p_parent=sure, similarity=0.9, coverage=coverage, evidence=(KIN, *evidence), p_value=1.0, p_direction=direction, support=support)


def rival(name, probability):
    return Evidence(feature="runner-up", value=probability, favours=name, strength=probability, statement="next likely")


def said(claim, n_models=5):
    return " ".join(what_would_change(claim, n_models))


@pytest.mark.parametrize(("direction", "words"), [(0.84, "odds of 5:1"), (0.6, "odds of 1.5:1"), (1.0, "more than")])
def test_the_odds_of_the_direction(direction, words):
    assert words in said(edge(direction=direction))


def test_the_confidence_is_that_of_the_direction_where_no_other_is_known():
    assert "odds of 4:1" in said(edge(direction=math.nan))
    assert "odds of" not in said(edge(sure=math.nan, direction=math.nan))


@pytest.mark.parametrize(
    ("witness", "words"),
    [
        (rival("c", 0.1), "Next likely is that c is its parent (10 %); the odds for a against that are 8:1."),
        (rival("nobody", 0.1), "Next likely is that b has no parent here (10 %); the odds for a against that are 8:1;"),
        (rival("nobody", 0.9), "That b has no parent here is no less likely (90 %)"),
        (rival("c", 0.9), "By itself it is no less likely that c is its parent (90 %)"),
        (rival("c", 0.0), "odds for a against that are more than 1000:1"),
    ],
)
def test_the_runner_up(witness, words):
    assert words in said(edge(witness))
    assert "Nothing that was measured speaks against it" in said(edge(witness))


def test_the_strongest_witness_against():
    weak, strong = (Evidence(feature=name, value=-0.5, favours="b", strength=sure, statement="b is older") for name, sure in (("weak", 0.1), ("strong", 0.5)))
    assert "The strongest witness against it is strong (strength 0.50 of 1): b is older." in said(edge(weak, strong))


def test_a_family_of_two_little_coverage_and_support():
    assert TWO in said(edge(), 2)
    assert TWO not in said(edge(), 3)
    assert "Only 40 %" in said(edge(coverage=0.4))
    assert "found again in 70 % of the draws" in said(edge(support=0.7))


def test_a_pair_without_a_direction_names_the_witnesses_of_both():
    votes = (Evidence(feature="kurtosis", value=0.5, favours="a", strength=0.5, statement=""), Evidence(feature="largest-weight", value=-0.5, favours="b", strength=0.5, statement=""))
    text = said(RelatedPair(a="a", b="b", p_value=1.0, similarity=0.9, coverage=1.0, evidence=(KIN, *votes)))
    assert "kurtosis for a as the parent; largest-weight for b as the parent" in text
    assert "No witness tells a direction" in said(RelatedPair(a="a", b="b", p_value=1.0, similarity=0.9, coverage=1.0, evidence=(KIN,)))


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        ("unrelated", "a probability below 0.001; here it is 0.3"),
        ("copies", "A single different value"),
        ("not comparable", "matrices that both share"),
    ],
)
def test_verdicts_without_a_claim(verdict, words):
    assert words in " ".join(verdict_would_change(verdict, 0.7, 1e-3))
