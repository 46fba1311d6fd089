from pathlib import Path

from neural_phylogeny.lab.bench.tables.ablation import Row, ablation, noise, rows_table

DATA = Path(__file__).parents[3] / "benchmarks" / "data"


def row(without, low, high, suite="quick"):
    return Row(suite, without, "exact_parent", 0.9, (low + high) / 2, low, high)


def test_noise_is_what_no_suite_misses():
    rows = [row("a", -0.1, 0.1), row("a", 0.0, 0.0, "wild"), row("b", -0.1, 0.1), row("b", -0.2, -0.1, "wild")]
    assert noise(rows) == ["a"]


def test_every_piece_of_evidence_has_a_row_in_the_quick_suite():
    rows = list(ablation(DATA, ["quick"], seeds=1))
    assert {"untouched-values", "innovation-tree"} <= {found.without for found in rows}
    assert all(found.low <= found.difference <= found.high for found in rows)
    assert rows_table(rows).count("\n") == len(rows) + 1
