"""Scores of forests small enough to work out by hand. Models are letters; "ab" is the edge from a to b."""

from dataclasses import replace

import pytest

from neural_phylogeny.errors import SavedFileError
from neural_phylogeny.evaluation.metrics import score
from neural_phylogeny.evaluation.rates import Proportion
from neural_phylogeny.evaluation.truth import TrueEdge, TruePair, Truth


def two(text: str) -> list[tuple[str, str]]:
    return [(pair[0], pair[1]) for pair in text.split()]


def truth(edges: str = "", *, complete: bool = False, roots: str = "", **more: str) -> Truth:
    def pairs(key: str) -> tuple[TruePair, ...]:
        return tuple(TruePair(a, b, "documented") for a, b in two(more.get(key, "")))

    return Truth(
        group="g",
        edges=tuple(TrueEdge(a, b, "finetune", "documented (log)") for a, b in two(edges))
        + tuple(TrueEdge(a, b, "finetune", "inferred") for a, b in two(more.get("inferred", ""))),
        unrelated=pairs("unrelated"),
        siblings=pairs("siblings"),
        copies=tuple(two(more.get("copies", ""))),
        roots=tuple(roots),
        complete=complete,
    )


def test_a_right_answer_is_right_everywhere(answer):
    found = score(answer(["abc", "de", "f"], "ab bc de"), truth("ab bc de", complete=True, roots="adf"))
    assert found.whole is not None
    assert found.models == 6
    assert (
        found.documented.tree_direction
        == found.documented.exact_parent
        == found.documented.same_family
        == Proportion(3, 3)
    )
    assert found.whole.overall == Proportion(6, 6)
    assert found.whole.lineage == Proportion(15, 15)
    assert found.whole.lineage_pairs.precision == found.whole.lineage_pairs.recall == Proportion(4, 4)
    assert found.whole.edges.f1 == found.whole.ancestors.f1 == 1.0
    assert found.whole.roots == Proportion(3, 3)
    assert found.whole.exact
    assert found.mistakes == ()


def test_a_chain_reported_as_a_star(answer):
    # Truth a > b > c, reported a > b, a > c. Parents: a (none) and b are right, c is wrong: 2 of 3.
    # a is an ancestor of b in the answer; b is none of c: 1 of 2 edges. Edges: 1 of 2 claimed, 1 of 2 found, F1 1/2.
    # Ancestors: true ab bc ac, reported ab ac: 2 hits of 2 and of 3, F1 4/5.
    found = score(answer(["abc"], "ab ac"), truth("ab bc", complete=True, roots="a"))
    assert found.whole is not None
    assert found.documented.tree_direction == Proportion(1, 2)
    assert found.documented.exact_parent == Proportion(1, 2)
    assert found.whole.overall == Proportion(2, 3)
    assert found.whole.edges.f1 == 0.5
    assert found.whole.ancestors.f1 == pytest.approx(0.8)
    assert found.whole.roots == Proportion(1, 1)
    assert not found.whole.exact
    assert [str(mistake) for mistake in found.mistakes] == ["wrong parent: a -> c; truth: b -> c"]


def test_a_chain_skipping_one_has_the_right_direction(answer):
    # Truth a > c documented; reported a > b > c: the parent is wrong, but a is an ancestor of c.
    found = score(answer(["abc"], "ab bc"), truth("ac"))
    assert found.documented.tree_direction == Proportion(1, 1)
    assert found.documented.exact_parent == Proportion(0, 1)
    assert found.whole is None


def test_a_reversed_edge(answer):
    found = score(answer(["ab"], "ba", confidence=0.9), truth("ab", complete=True))
    assert found.whole is not None
    assert found.documented.tree_direction == Proportion(0, 1)
    assert found.whole.overall == Proportion(0, 2)
    assert found.whole.roots == Proportion(0, 1)
    assert found.whole.lineage == Proportion(1, 1)
    # One confidence of 0.9 that was wrong: (0.9 - 0)^2.
    assert found.calibration_direction.brier == pytest.approx(0.81)


def test_undecided_counts_a_half(answer):
    # a ~ b > c: whether a is above b and c is open. For d ~ e < ... nothing leads from c to a: that is wrong.
    reported = answer(["abc"], "bc", "ab")
    assert score(reported, truth("ab")).documented.tree_direction == Proportion(0.5, 1)
    assert score(reported, truth("ac")).documented.tree_direction == Proportion(0.5, 1)
    assert score(reported, truth("ca")).documented.tree_direction == Proportion(0, 1)
    assert score(reported, truth("ab")).documented.exact_parent == Proportion(0, 1)


def test_lineage_has_precision_and_recall(answer):
    # True trees abc | de; reported ab | cde. Same-tree pairs: true ab ac bc de, reported ab cd ce de.
    # Of 10 pairs ac bc cd ce are wrong: 6 right. Both are right in ab de: 2 of 4 and 2 of 4.
    found = score(answer(["ab", "cde"], "ab cd ce"), truth("ab ac de", complete=True))
    assert found.whole is not None
    assert found.whole.lineage == Proportion(6, 10)
    assert found.whole.lineage_pairs.precision == Proportion(2, 4)
    assert found.whole.lineage_pairs.recall == Proportion(2, 4)


def test_siblings_are_of_one_tree(answer):
    found = score(answer(["ab"]), truth(siblings="ab", complete=True))
    assert found.whole is not None
    assert found.whole.lineage == Proportion(1, 1)
    assert found.whole.lineage_pairs.recall == Proportion(1, 1)


def test_false_positives_among_documented_strangers(answer):
    # Strangers ab ac; reported ab in one family, c alone: 1 of 2 false.
    found = score(answer(["ab", "c"], "ab"), truth(unrelated="ab ac"))
    assert found.false_positives.proportion == Proportion(1, 2)
    assert found.false_positives.pairs == (("a", "b"),)
    none = score(answer(["a", "b", "c"]), truth(unrelated="ab ac")).false_positives
    assert none.proportion == Proportion(0, 2)
    assert none.upper == pytest.approx(1 - 0.05**0.5)


def test_models_not_compared_are_not_related(answer):
    found = score(answer(["a"], not_compared="bc"), truth("bc", unrelated="ab"))
    assert found.false_positives.proportion == Proportion(0, 1)
    assert found.documented.same_family == Proportion(0, 1)


def test_inferred_claims_are_apart(answer):
    found = score(answer(["abc"], "ab bc"), truth("ab", inferred="bc ca"))
    assert found.documented.exact_parent == Proportion(1, 1)
    assert found.inferred.exact_parent == Proportion(1, 2)
    assert found.inferred.tree_direction == Proportion(1, 2)


def test_an_edge_to_either_copy_is_right(answer):
    # a and A are one model by the truth. The answer hangs b under A, or calls them copies and hangs b under a.
    for reported in (answer(["aAb"], "aA Ab"), answer(["aAb"], "ab", copies="aA"), answer(["aAb"], "Ab")):
        found = score(reported, truth("ab", copies="aA", complete=True))
        assert found.whole is not None
        assert found.models == 2
        assert found.documented.exact_parent == Proportion(1, 1)
        assert found.whole.overall == Proportion(2, 2)


def test_a_child_that_is_reported_as_a_copy_of_its_parent_is_undecided(answer):
    found = score(answer(["ab"], copies="ab"), truth("ab"))
    assert found.documented.tree_direction == Proportion(0.5, 1)
    assert found.documented.exact_parent == Proportion(0, 1)


def test_the_child_of_a_merge_has_several_right_parents(answer):
    # Four true edges into e; one is named. Direction: 1 of 4 edges; parent: 1 of 1 child.
    found = score(answer(["abcde"], "be"), truth("ae be ce de"))
    assert found.documented.exact_parent == Proportion(1, 1)
    assert found.documented.tree_direction == Proportion(1, 4)


def test_a_missing_ancestor_is_no_parent(answer):
    # The truth knows that p, which was not given, is the parent of a and b; the answer says so, or says nothing.
    for reported in (answer(["abH"], "Ha Hb", hidden="H"), answer(["ab"])):
        found = score(reported, truth("pa pb", complete=True))
        assert found.whole is not None
        assert found.documented.exact_parent == Proportion(0, 0)
        assert found.whole.overall == Proportion(2, 2)
        assert found.whole.lineage == Proportion(1, 1)
        assert found.whole.roots == Proportion(0, 0)
        assert found.absent == ("p",)


def test_a_model_that_could_not_be_read_is_wrong(answer):
    # b was given and skipped: its edge is missed, and so is its root's answer; a is right: 1 of 2 models.
    found = score(answer(["a"], skipped="b"), truth("ab", complete=True))
    assert found.whole is not None
    assert found.unread == ("b",)
    assert found.documented.tree_direction == Proportion(0, 1)
    assert found.documented.exact_parent == Proportion(0, 1)
    assert found.whole.overall == Proportion(1, 2)


def test_calling_everything_unrelated_finds_no_root(answer):
    found = score(answer(["a", "b", "c"]), truth("ab ac", complete=True))
    assert found.whole is not None
    assert found.whole.roots == Proportion(0, 1)
    assert found.whole.edges.f1 == 0.0
    assert found.whole.overall == Proportion(1, 3)


def test_posteriors_of_parents_are_held_against_the_parents(answer):
    # 0.9 for the parent of b, who is a: 0.01; 0.9 for c's, who is a and not b: 0.81; d is unknown. Mean 0.41.
    reported = answer(["abcd"], "ab bc ad")
    reported = replace(reported, edges=tuple(replace(edge, p_parent=0.9) for edge in reported.edges))
    found = score(reported, truth("ab ac"))
    assert found.calibration_parent.number == 2
    assert found.calibration_parent.brier == pytest.approx(0.41)
    assert score(reported, truth("ab ac", complete=True, roots="ad")).calibration_parent.number == 3


def test_undirected_pairs_have_no_probability(answer):
    """1 - p is no probability of a relation, so undirected pairs are in no calibration."""
    found = score(answer(["ab"], "", "ab"), truth("ab", complete=True))
    assert found.calibration_parent.number == found.calibration_direction.number == 0


def test_nothing_known(answer):
    found = score(answer(["ab"], "ab"), Truth("g"))
    assert found.documented.tree_direction.value is None
    assert found.false_positives.upper is None
    assert found.calibration_direction.brier is None


def test_the_truth_of_another_folder(answer):
    with pytest.raises(SavedFileError) as caught:
        score(answer(["ab"]), truth("xy"))
    assert str(caught.value) == (
        "none of the 2 models of the truth file is among the 2 of the result. "
        "Score a result with the truth of the same folder."
    )
