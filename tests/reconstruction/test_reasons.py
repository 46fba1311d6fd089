"""What would change a verdict: sentences that are true of the case."""

import pytest

from neural_phylogeny.reconstruction.reasons import ONE_SEED, TWO, verdict_would_change, what_would_change
from neural_phylogeny.records import Edge, Evidence, Favours, RelatedPair

RELATED = Evidence(
    feature="unit-matching", value=0.9, favours="related", strength=1.0, statement="their hidden units match"
)


def edge(*evidence, sure=0.8, direction=0.84, coverage=1.0, support=None):
    return Edge(
        parent="a",
        child="b",
        kind="finetune",
        p_parent=sure,
        similarity=0.9,
        coverage=coverage,
        evidence=(RELATED, *evidence),
        p_value=1e-20,
        p_direction=direction,
        support=support,
    )


def rival(name, probability):
    favours: Favours = "no parent" if name is None else "parent"
    return Evidence(
        feature="runner-up", value=probability, favours=favours, model=name, strength=probability, statement="next"
    )


def reported(claim, n_models=5):
    return " ".join(what_would_change(claim, n_models))


@pytest.mark.parametrize(("direction", "words"), [(0.84, "odds of 5:1"), (0.6, "odds of 1.5:1"), (1.0, "more than")])
def test_the_odds_of_the_direction(direction, words):
    assert words in reported(edge(direction=direction))


def test_an_unknown_direction_has_no_odds():
    assert "odds of" not in reported(edge(direction=None))
    assert "odds of" not in reported(edge(sure=None, direction=None))


@pytest.mark.parametrize(
    ("evidence", "words"),
    [
        (rival("c", 0.1), "The next likely answer is that c is its parent (10 %); the odds for a against it are 8:1."),
        (
            rival(None, 0.1),
            "The next likely answer is that b has no parent here (10 %); the odds for a against it are 8:1",
        ),
        (rival(None, 0.9), "It is at least as likely that b has no parent here (90 %)"),
        (rival("c", 0.9), "Taken alone, it is at least as likely that c is its parent (90 %)"),
        (rival("c", 0.0), "odds for a against it are more than 1000:1"),
    ],
)
def test_the_runner_up(evidence, words):
    assert words in reported(edge(evidence))
    assert "No measurement opposes it" in reported(edge(evidence))


def test_the_strongest_evidence_against():
    weak, strong = (
        Evidence(feature=name, value=-0.5, favours="parent", model="b", strength=sure, statement="b is older")
        for name, sure in (("weak", 0.1), ("strong", 0.5))
    )
    assert "The strongest evidence against it is strong (strength 0.50 of 1): b is older." in reported(
        edge(weak, strong)
    )


def test_a_family_of_two_little_coverage_and_support():
    assert TWO in reported(edge(), 2)
    assert TWO not in reported(edge(), 3)
    assert "Only 40 %" in reported(edge(coverage=0.4))
    assert "70 % of the resamples of the matrices recover it" in reported(edge(support=0.7))


def test_the_draw_of_a_usual_seed_leaves_independent_trainings_open():
    drawn = Evidence(feature="initialisation", value=30.0, favours="neither", strength=1.0, statement="under seed 0")
    assert ONE_SEED in reported(edge(drawn), 3)
    assert ONE_SEED not in reported(edge(), 3)


def test_a_pair_without_a_direction_names_the_evidence_of_both():
    signs = (
        Evidence(feature="kurtosis", value=0.5, favours="parent", model="a", strength=0.5, statement=""),
        Evidence(feature="largest-weight", value=-0.5, favours="parent", model="b", strength=0.5, statement=""),
    )
    text = reported(RelatedPair(a="a", b="b", p_value=1e-20, similarity=0.9, coverage=1.0, evidence=(RELATED, *signs)))
    assert "kurtosis for a; largest-weight for b as the parent" in text
    assert "No feature gives a direction" in reported(
        RelatedPair(a="a", b="b", p_value=1e-20, similarity=0.9, coverage=1.0, evidence=(RELATED,))
    )


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        ("unrelated", "A p-value below 0.001 would make them related; it is 0.3"),
        ("copies", "A single different value"),
        ("not enough in common", "At least a tenth"),
        ("not comparable", "matrices that both models have"),
    ],
)
def test_verdicts_without_a_claim(verdict, words):
    assert words in " ".join(verdict_would_change(verdict, 0.3, 1e-3))
