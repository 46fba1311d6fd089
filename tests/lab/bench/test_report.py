from neural_phylogeny.lab.bench import report
from neural_phylogeny.lab.bench.runs import Result
from neural_phylogeny.lab.bench.suites import SUITES

RESULTS = {
    "auto": [Result("a", 0, 4, 0.5, {"overall": (3.0, 4.0)}), Result("b", 0, 4, 0.5, {"overall": (1.0, 4.0)})],
    "star": [Result("a", 0, 4, 0.1, {"overall": (1.0, 4.0)}), Result("b", 0, 4, 0.1, {})],
}


def test_a_row_a_method_and_a_column_a_metric_that_anything_is_known_of():
    table = report.by_method(RESULTS).splitlines()
    assert table[0] == "| method | overall | s / collection |"
    assert table[2].startswith("| auto | 0.50 [0.25, 0.75] | 0.500 |")
    assert table[3].startswith("| star | 0.25 [0.25, 0.25] | 0.100 |")


def test_the_best_of_a_cell_is_bold_and_what_is_unknown_a_dash():
    table = report.by_cell(RESULTS, "overall").splitlines()
    assert table[2:] == ["| a | **0.75** | 0.25 |", "| b | **0.25** | – |"]


def test_a_report_says_what_it_is_about():
    text = report.page(SUITES["mixed"], RESULTS, "mixed.png")
    assert text.startswith("### mixed: optimisers, decay")
    assert "2 collections in 2 cells (seed 0), 8 models" in text
    assert text.endswith("(mixed.png)\n")


def test_methods_that_agree_in_every_cell_share_a_column():
    text = report.by_cell(RESULTS | {"kmeans": RESULTS["star"]}, "overall")
    assert text.splitlines()[0] == "| overall, by cell | auto | star |"
    assert text.endswith("The same in every cell: `star`: kmeans.")


def test_a_page_names_its_seeds():
    cells = {"a": (0, 1, 2), "b": (0, 1, 2), "c": (0,)}
    found = [Result(cell, seed, 4, 0.5, {"overall": (3.0, 4.0)}) for cell, seeds in cells.items() for seed in seeds]
    text = report.page(SUITES["mixed"], {"auto": found})
    assert "7 collections in 3 cells (seeds 0 to 2 of 2 cells; seed 0 of 1 cells), 28 models" in text
