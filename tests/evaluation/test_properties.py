"""Whatever a result says of whatever truth: scores are shares, and only the truth itself is all right."""

from hypothesis import given, settings
from hypothesis import strategies as st

from neural_phylogeny.evaluation.metrics import score
from neural_phylogeny.evaluation.truth import TrueEdge, Truth
from neural_phylogeny.lab.bench.runs import counts_of
from neural_phylogeny.records import Edge, ModelRecord, Phylogeny

NAMES = "abcdefg"


def forests():
    """Parent of each model, or -1: each hangs below an earlier one in a shuffled order."""
    above = st.tuples(*(st.integers(-1, k - 1) for k in range(len(NAMES))))
    return st.tuples(above, st.permutations(range(len(NAMES)))).map(
        lambda drawn: {drawn[1][k]: drawn[1][parent] if parent >= 0 else -1 for k, parent in enumerate(drawn[0])}
    )


def trees(parents):
    """Label of the tree of each model."""

    def root(k):
        return k if parents[k] < 0 else root(parents[k])

    return [root(k) for k in range(len(NAMES))]


def reported(parents):
    families = trees(parents)
    return Phylogeny(
        models=tuple(
            ModelRecord(name=name, path=name, format="npz", parameters=10, family=families[k])
            for k, name in enumerate(NAMES)
        ),
        edges=tuple(
            Edge(parent=NAMES[p], child=NAMES[k], kind="finetune", p_direction=0.9, similarity=0.9, coverage=1.0)
            for k, p in parents.items()
            if p >= 0
        ),
    )


def known(parents):
    return Truth(
        group="g",
        edges=tuple(TrueEdge(NAMES[p], NAMES[k], "finetune", "documented") for k, p in parents.items() if p >= 0),
        roots=tuple(NAMES[k] for k, p in parents.items() if p < 0),
        complete=True,
    )


@settings(deadline=None, max_examples=60)
@given(forests(), forests())
def test_every_score_is_a_share_and_only_the_truth_is_exact(truth, answer):
    found = score(reported(answer), known(truth))
    counts = counts_of(found)
    assert (not found.mistakes) == (truth == answer)
    for name, (right, total) in counts.items():
        assert 0 <= right <= total, name
    assert (counts["overall"][0] == len(NAMES)) == (truth == answer)
    assert (counts["exact_forest"][0] == 1.0) == (truth == answer)
    assert (counts["lineage"][0] == counts["lineage"][1]) == same_partition(trees(truth), trees(answer))


def same_partition(a, b):
    return len(set(zip(a, b, strict=True))) == len(set(a)) == len(set(b))


@settings(deadline=None, max_examples=30)
@given(forests())
def test_calling_all_models_copies_of_each_other_is_no_way_to_be_right(truth):
    models = tuple(ModelRecord(name=name, path=name, format="npz", parameters=10, family=0) for name in NAMES)
    counts = counts_of(score(Phylogeny(models=models, copies=(tuple(NAMES),)), known(truth)))
    n_edges = sum(parent >= 0 for parent in truth.values())
    assert counts["exact_parent"][0] == 0
    assert counts["tree_direction"] == (0.5 * n_edges, n_edges)
    apart = sum(x != y for k, x in enumerate(trees(truth)) for y in trees(truth)[:k])
    assert counts["false_positives"] == (apart, apart)
