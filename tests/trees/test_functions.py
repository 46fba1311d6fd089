"""A function of a family is a method; what it answers is checked."""

from dataclasses import replace

import numpy as np
import pytest

from neural_phylogeny import reconstruct
from neural_phylogeny.errors import UnknownChoiceError
from neural_phylogeny.reconstruction.explain import explain
from neural_phylogeny.reports.json import from_json
from neural_phylogeny.trees.array_data import family_of
from neural_phylogeny.trees.baselines.one_family import spanning_tree
from neural_phylogeny.trees.baselines.options import Options
from neural_phylogeny.trees.family import Families
from neural_phylogeny.trees.forest import Forest, Rivals
from neural_phylogeny.trees.functions import find_method
from neural_phylogeny.trees.methods import METHODS


def solve(function, n=3):
    return find_method(function).solve(Families(np.zeros(n, dtype=np.int64), family_of(gram=np.eye(n))))


def shortest_is_parent(family):
    """The model of smallest norm is the parent of all others."""
    parents = np.full(len(family), np.argmin(np.diag(family.gram)))
    parents[parents[0]] = -1
    return parents


@pytest.fixture
def models(rng):
    parent = {"w": rng.uniform(-1, 1, (64, 64))}
    children = {f"child{k}": {"w": parent["w"] + rng.normal(0, 0.5, (64, 64))} for k in range(2)}
    return {**children, "parent": parent, "other": {"w": rng.uniform(-1, 1, (64, 64))}}


def test_a_parent_vector_is_an_answer(models):
    answer = reconstruct(models, method=shortest_is_parent)
    assert {(edge.parent, edge.child) for edge in answer.edges} == {("parent", "child0"), ("parent", "child1")}
    parameters = answer.provenance["parameters"]
    assert parameters["method"] == "tests.trees.test_functions.shortest_is_parent"
    assert {edge.p_direction for edge in answer.edges} == {edge.p_parent for edge in answer.edges} == {None}
    assert "direction" not in answer.to_text()
    assert from_json(answer.to_json()).edges == answer.edges
    assert explain(answer, "child0").claims


def test_a_forest_is_an_answer_and_the_same_as_its_row(models):
    by_function = reconstruct(models, method=lambda family: spanning_tree(family, Options()))
    by_row = reconstruct(models, method=METHODS["spanning-tree"])
    assert by_function.edges == by_row.edges


def test_a_list_will_do_and_probabilities_are_unknown():
    forest = solve(lambda family: [-1, 0, 1])
    assert forest.parents.tolist() == [-1, 0, 1]
    assert np.isnan(forest.p_direction).tolist() == [False, True, True]
    assert forest.p_parent is None


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ([-1, 0], r"3 integers, one per model, not int64 of shape \(2,\)"),
        ([-1.0, 0.0, 1.0], "3 integers, one per model, not float64"),
        (None, "3 integers, one per model, not object"),
        ([-1, 0, 3], "the parent of model 2 must be from -1"),
        ([1, 0, -1], "has a cycle"),
    ],
)
def test_what_is_no_parent_vector_is_an_error(answer, message):
    with pytest.raises(ValueError, match=f"method '.*<lambda>', for a family of 3 models: .*{message}"):
        solve(lambda family: answer)


WHOLE = Forest(parents=np.array([-1, 0, 0]), p_direction=np.array([1.0, 0.9, 0.9]))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"p_direction": np.ones(2)}, r"`p_direction` must have the shape \(3,\), not \(2,\)"),
        ({"p_parent": np.full(3, 1.5)}, "`p_parent` must hold probabilities"),
        ({"families": np.zeros(4, dtype=np.int64)}, r"`families` must have the shape \(3,\)"),
        ({"merged": np.zeros(3)}, r"`merged` must have the shape \(3, 3\)"),
        ({"rivals": Rivals(parents=np.zeros(3, dtype=np.int64), probability=np.ones(1))}, "`rivals.probability` must"),
    ],
)
def test_a_field_of_a_forest_that_does_not_fit_is_an_error(wrong, message):
    with pytest.raises(ValueError, match=message):
        solve(lambda family: replace(WHOLE, **wrong))


def test_the_families_of_one_answer_have_the_same_fields():
    def sometimes(family):
        n = len(family)
        return Forest(parents=np.full(n, -1), p_direction=np.ones(n), missing=np.zeros(n) if n == 2 else None)

    families = Families(np.array([0, 0, 1, 1, 1]), family_of(gram=np.eye(5)))
    with pytest.raises(ValueError, match="a method must give `missing` for all families or for none"):
        find_method(sometimes).solve(families)


def test_what_is_no_method_is_an_error(models):
    with pytest.raises(UnknownChoiceError, match="did you mean 'auto'"):
        reconstruct(models, method="autp")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="a name, a Method or a function of a Family, not int"):
        reconstruct(models, method=3)  # type: ignore[arg-type]
