import pytest

from neural_phylogeny.lab.bench.aggregate import summarise
from neural_phylogeny.lab.bench.runs import Result


def results(*counts):
    return [Result("cell", k, 10, 0.0, {"overall": pair}) for k, pair in enumerate(counts)]


def test_micro_is_over_models_and_macro_over_collections():
    # 9 of 10 and 1 of 2: together 10 of 12; the mean of the two shares is 0.7.
    summary = summarise(results((9, 10), (1, 2)), "overall")
    assert summary is not None
    assert summary.micro == pytest.approx(10 / 12)
    assert summary.macro == pytest.approx(0.7)
    assert summary.low == pytest.approx(0.5)
    assert summary.high == pytest.approx(0.9)


def test_collections_with_nothing_to_count_are_left_out():
    summary = summarise([*results((1, 2), (0, 0)), Result("cell", 9, 3, 0.0, {})], "overall")
    assert summary is not None
    assert summary.collections == 1
    assert summarise(results((0, 0)), "overall") is None
    assert summarise([], "overall") is None


def test_equal_collections_leave_no_doubt():
    summary = summarise(results(*[(3, 4)] * 5), "overall")
    assert summary is not None
    assert (summary.low, summary.high) == (0.75, 0.75)


def test_the_interval_covers_the_truth_about_as_often_as_it_says(rng):
    covered = 0
    for _ in range(100):
        summary = summarise(results(*[(float(k), 20.0) for k in rng.binomial(20, 0.7, size=24)]), "overall")
        assert summary is not None
        covered += summary.low <= 0.7 <= summary.high
    assert covered >= 87
