"""Every kind of mistake by name, on forests small enough to work out by hand. "ab" is the edge from a to b."""

import pytest

from neural_phylogeny.evaluation.metrics import score
from neural_phylogeny.evaluation.truth import TrueEdge, TruePair, Truth
from neural_phylogeny.records import ModelRecord, Phylogeny


def two(text: str) -> list[tuple[str, str]]:
    return [(pair[0], pair[1]) for pair in text.split()]


def truth(edges: str = "", *, complete: bool = False, inferred: str = "", **pairs: str) -> Truth:
    def known(key: str) -> tuple[TruePair, ...]:
        return tuple(TruePair(a, b, "documented") for a, b in two(pairs.get(key, "")))

    return Truth(
        group="g",
        edges=tuple(TrueEdge(a, b, "finetune", "documented") for a, b in two(edges))
        + tuple(TrueEdge(a, b, "finetune", "inferred") for a, b in two(inferred)),
        unrelated=known("unrelated"),
        siblings=known("siblings"),
        copies=tuple(two(pairs.get("copies", ""))),
        complete=complete,
    )


def reported(result: Phylogeny, known: Truth) -> list[str]:
    return [str(mistake) for mistake in score(result, known).mistakes]


@pytest.mark.parametrize(
    ("families", "result", "known", "mistakes"),
    [
        (["ab"], {"edges": "ab"}, {"edges": "ab"}, []),
        (["ab"], {"edges": "ab"}, {"siblings": "ab"}, ["siblings drawn as parent and child: a -> b"]),
        (["ab"], {"undirected": "ab"}, {"siblings": "ab"}, []),
        (["ab"], {"edges": "ab"}, {"edges": "pa pb"}, ["siblings drawn as parent and child: a -> b"]),
        (
            ["abc"],
            {"edges": "ab bc"},
            {"edges": "ab ac"},
            ["siblings drawn as parent and child: b -> c; truth: a -> c"],
        ),
        (["a", "b"], {}, {"siblings": "ab"}, ["related models separated: a and b, which are siblings"]),
        (["ab"], {"edges": "ba"}, {"edges": "ab"}, ["reversed edge: b -> a; truth: a -> b"]),
        (["ab"], {"edges": "ba"}, {"edges": "ab", "complete": True}, ["reversed edge: b -> a; truth: a -> b"]),
        (["abc"], {"edges": "bc ca"}, {"edges": "ab bc", "complete": True}, [
            "reversed edge: c -> a; truth: a -> b -> c",
            "missed edge: b has no parent; truth: a -> b",
        ]),
        (["abc"], {"edges": "ab ac"}, {"edges": "ab bc"}, ["wrong parent: a -> c; truth: b -> c"]),
        (["ab"], {}, {"edges": "ab"}, ["missed edge: b has no parent; truth: a -> b"]),
        (["a", "b"], {}, {"edges": "ab"}, ["missed edge: a and b are unrelated; truth: a -> b"]),
        (
            ["abH"],
            {"edges": "Ha Hb", "hidden": "H"},
            {"edges": "ab"},
            ["missed edge: a and b are siblings; truth: a -> b"],
        ),
        (["ab"], {"undirected": "ab"}, {"edges": "ab"}, ["undecided direction: a ~ b; truth: a -> b"]),
        (["ab"], {"edges": "ab"}, {"unrelated": "ab"}, ["unrelated models joined: a and b"]),
        (
            ["ab"],
            {"edges": "ab"},
            {"complete": True, "unrelated": "ab"},
            ["wrong parent: a -> b, which has no parent", "unrelated models joined: a and b"],
        ),
        (["ab"], {"edges": "ab"}, {"copies": "ab"}, ["missed copies: a -> b; truth: a = b"]),
        (["ab"], {"undirected": "ab"}, {"copies": "ab"}, ["missed copies: a ~ b; truth: a = b"]),
        (["a", "b"], {}, {"copies": "ab"}, ["missed copies: a and b are unrelated; truth: a = b"]),
        (["abc"], {"edges": "ca", "copies": "ab"}, {"edges": "cb", "copies": "ab"}, []),
        (["ab"], {"copies": "ab"}, {"edges": "ab"}, ["false copies: a = b; truth: a -> b"]),
        (["ab"], {"copies": "ab"}, {"siblings": "ab"}, ["false copies: a = b, which are siblings"]),
        (["ab"], {"copies": "ab"}, {"edges": "ac", "complete": True, "unrelated": "ab"}, [
            "false copies: a = b, which are unrelated", "unrelated models joined: a and b"]),
        (["abc"], {"edges": "ab", "copies": "bc"}, {"edges": "ab"}, []),
    ],
)  # fmt: skip
def test_each_kind(answer, families, result, known, mistakes):
    given = dict(result)
    built = answer(families, given.pop("edges", ""), given.pop("undirected", ""), **given)
    assert reported(built, truth(**known)) == mistakes


def test_a_model_that_could_not_be_read(answer):
    assert reported(answer(["a"], skipped="b"), truth("ab")) == ["not read: b; truth: a -> b"]


def test_inferred_edges_are_no_mistakes_where_the_truth_is_not_complete(answer):
    assert reported(answer(["ab"], "ba"), truth(inferred="ab")) == []


def test_models_of_no_family_are_no_mistakes_twice():
    models = tuple(ModelRecord(name=n, path=n, format="npz", parameters=1, family=None) for n in "ab")
    assert reported(Phylogeny(models=models), truth("ab")) == ["missed edge: a and b were not compared; truth: a -> b"]
