import pytest

from neural_phylogeny.errors import SavedFileError, UnknownChoiceError
from neural_phylogeny.lab.bench.report import METRICS
from neural_phylogeny.lab.bench.suites import SUITES, cached_collections, cells_of, find_suite
from neural_phylogeny.lab.zoo.libraries.recipes import known_library_recipes
from neural_phylogeny.lab.zoo.recipes import known_recipes


def test_every_recipe_of_a_suite_is_known_and_every_recipe_is_used():
    used = [recipe for suite in SUITES.values() for recipe in suite.recipes]
    assert sorted(used) == sorted([*known_recipes(), *known_library_recipes()])
    assert {metric for suite in SUITES.values() for metric in suite.metrics} <= METRICS.keys()


def test_an_unknown_suite_names_the_nearest():
    with pytest.raises(UnknownChoiceError, match="'wild'"):
        find_suite("wilde")


def test_the_paper_suite_has_each_cell_of_the_paper():
    cells = cells_of(find_suite("paper"))
    assert cells is not None
    assert len(cells) == 24
    assert {cell.rsplit("-", 1)[1] for cell in cells} == {"5shot", "50shot", "full"}
    assert cells_of(find_suite("wild")) is None


def test_missing_collections_are_reported_with_the_remedy(tmp_path):
    with pytest.raises(
        SavedFileError, match=r"zoo make fc --out DIR, .* make vit --out DIR, then nphylo lab bench cache paper DIR"
    ):
        cached_collections(find_suite("paper"), tmp_path, 8)


def test_seeds_are_taken_by_number(tmp_path):
    cell = tmp_path / "wild" / "cell"
    cell.mkdir(parents=True)
    for seed in (10, 2):
        (cell / f"{seed}.npz").write_bytes(b"")
    with pytest.raises(SavedFileError, match=r"2\.npz"):  # the first that is read
        cached_collections(find_suite("wild"), tmp_path, 1)
