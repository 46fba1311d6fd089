"""A model's place explained: for, against, and what would change it; strangers' names stay data."""

import pytest

from neural_phylogeny.errors import UnknownChoiceError
from neural_phylogeny.records import Edge, Evidence, Kinship, ModelRecord, Phylogeny
from neural_phylogeny.reports.explanation import render_explanation
from neural_phylogeny.reports.text import plain


@pytest.fixture
def answer():
    evidence = (
        Evidence("unit-matching", 0.9, "kin", 1.0, "their hidden units match"),
        Evidence("pruned", 8.0, "base", 0.99, "child has all zeros of base and more"),
        Evidence("kurtosis", -0.5, "child", 0.5, "child has the lighter tails"),
        Evidence("largest-weight", 0.0, "neither", 0.0, "the matrices are divided evenly"),
    )
    models = [ModelRecord(name, name, "npz", 10, 0) for name in ("base", "child", "copy", "other")]
    models += [ModelRecord("far", "far", "npz", 10, 1), ModelRecord("odd", "odd", "npz", 10, None, "no matrices")]
    return Phylogeny(
        tuple(models),
        edges=(Edge("base", "child", "finetune", 0.97, 0.9, 1.0, evidence),),
        undirected=(Kinship("child", "other", 1.0, 0.9, 1.0, evidence[:1]),),
        copies=(("child", "copy"),),
    )


def told(answer, name):
    return plain(render_explanation(answer, name))


def test_what_speaks_for_and_against_an_edge(answer):
    text = told(answer, "child")
    assert text.startswith("child was made from base (direction 97 %)")
    parts = [text.index(word) for word in ("For it:", "all zeros", "Against it:", "lighter tails", "Says nothing")]
    assert parts == sorted(parts)
    assert "It would change if kurtosis weighed more" in text
    assert "child and other are related; who came first is not known" in text


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("copy", "copy holds the same weights as child"),
        ("base", "base is a root"),
        ("base", "Made from it: child"),
        ("far", "far is related to no other model here"),
        ("odd", "odd was not compared: no matrices"),
    ],
)
def test_models_without_a_parent(answer, name, words):
    assert words in told(answer, name)


def test_an_unknown_model_is_told_with_the_nearest(answer):
    with pytest.raises(UnknownChoiceError, match="did you mean 'child'"):
        render_explanation(answer, "chld")


def test_of_two_models_it_is_said_what_cannot_be_known():
    models = tuple(ModelRecord(name, name, "npz", 10, 0) for name in ("a", "b"))
    answer = Phylogeny(models, edges=(Edge("a", "b", "finetune", 0.97, 0.9, 1.0),))
    assert "two siblings of a missing parent could look like parent and child" in " ".join(told(answer, "b").split())
