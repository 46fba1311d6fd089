"""Every number of a benchmark, on collections whose scores are known without it."""

import json

import pytest

from neural_phylogeny import demo
from neural_phylogeny.errors import SavedFileError
from neural_phylogeny.evaluation import score
from neural_phylogeny.evaluation.truth import TrueEdge, Truth
from neural_phylogeny.lab.bench.cached import cache, load_cached
from neural_phylogeny.lab.bench.pairs import pair_direction, true_pairs
from neural_phylogeny.lab.bench.runs import counts_of, read_results, run_suite, write_results
from neural_phylogeny.reconstruction.api import METHODS


@pytest.fixture
def kept(tmp_path):
    cache(demo.folder(), tmp_path / "demo" / "0.npz")
    return load_cached(tmp_path / "demo" / "0.npz")


def test_results_are_the_scores_of_the_answers(kept):
    results = run_suite([kept], ["spanning-tree", "star"])
    [auto], [star] = results["spanning-tree"], results["star"]
    assert auto.models == star.models == 14
    assert auto.counts["exact_parent"] == (9, 12)
    assert auto.counts["tree_direction"] == (9.5, 12)  # of one edge the direction is not reported
    assert auto.counts["false_positives"][0] == 0 < auto.counts["false_positives"][1]
    assert auto.counts["pair_direction"][1] == 12
    assert star.counts["exact_parent"] != auto.counts["exact_parent"]


def test_a_pair_alone_is_ordered_by_the_metric_of_the_method(kept):
    pairs = true_pairs(kept, 1e-3)
    assert len(pairs) == 12
    shares = {name: pair_direction(pairs, METHODS[name], 1e-3, 0).right for name in ("star", "kmeans", "paper-kmeans")}
    assert shares["star"] == shares["kmeans"]  # two models are one cluster, whoever clusters
    assert shares["star"] > 6


def test_counts_leave_out_what_the_truth_cannot_tell(answer):
    edge = TrueEdge("a", "b", "finetune", "documented")
    reported = answer(["ab", "c"], "ab")
    assert "overall" not in counts_of(score(reported, Truth("g", edges=(edge,))))
    whole = counts_of(score(reported, Truth("g", edges=(edge,), roots=("a", "c"), complete=True)))
    assert whole["overall"] == (3, 3)
    assert whole["edge_f1"] == (2, 2)
    assert whole["exact_forest"] == (1, 1)
    assert whole["brier_direction"] == pytest.approx((0.01, 1))


def test_results_can_be_read_again(kept, tmp_path):
    [results] = run_suite([kept], ["star"]).values()
    path = write_results(tmp_path, "wild", METHODS["star"], 5, results)
    assert read_results(path) == ("wild", "star", results)
    content = json.loads(path.read_text())
    assert content["parameters"]["seed"] == 5
    assert content["software"].keys() >= {"neural-phylogeny", "numpy"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "benchmark result"),
        ("[]", "benchmark result"),
        ('{"format": "neural-phylogeny-benchmark", "version": 99}', "not a benchmark result of version 1"),
        ('{"format": "neural-phylogeny-benchmark", "version": 1, "suite": "s", "method": 3}', "method"),
    ],
)
def test_damaged_results_are_refused(tmp_path, content, message):
    path = tmp_path / "star.json"
    path.write_text(content)
    with pytest.raises(SavedFileError, match=message) as caught:
        read_results(path)
    assert "star.json" in str(caught.value)
