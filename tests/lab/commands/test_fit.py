"""``nphylo lab fit`` and ``nphylo lab table``: parameter files from batches, and pages that lose no rows."""

import json
import shutil
from pathlib import Path

import pytest

import neural_phylogeny
from neural_phylogeny.detector.shipped import HASHES, weights_path
from neural_phylogeny.errors import SavedFileError
from neural_phylogeny.lab.bench.tables.base import TABLES, Page, rows_of, write_page
from neural_phylogeny.lab.fitting.parameters import SHIPPED, shipped_path
from neural_phylogeny.lab.fitting.run import NEEDS, SHARES

pytestmark = pytest.mark.torch

DATA = Path(__file__).parents[3] / "benchmarks" / "data"


@pytest.fixture
def work(batches, tmp_path, monkeypatch):
    """Batches under the numbers and names that fits look for."""
    from neural_phylogeny.lab.families.batches import batch_path
    from neural_phylogeny.lab.fitting import run

    monkeypatch.setattr(run, "make_batches", lambda *arguments, **extra: None)
    for prior, share in run.SHARES.items():
        (tmp_path / prior).mkdir()
        for number in range(2):
            shutil.copy(batch_path(batches, number), batch_path(tmp_path / prior, share.first + number))
    return tmp_path


def test_weights_of_evidence_are_fitted(run, work):
    text = run("lab", "fit", "fusion", "--work", work, "--out", work, "--batches", 2, "-q").stdout
    assert "| the detector alone |" in text
    assert "| the weights that ship |" in text
    found = json.loads((work / "fusion.json").read_text())
    assert found["factors"]
    assert all(0.0 <= weight <= 2.0 for weight in found["factors"].values())


def test_a_parameter_file_tells_how_it_was_made(run, work):
    run("lab", "fit", "--work", work, "--out", work, "--batches", 2, "-q")
    batches = {"fusion": {"tiny": "2000", "wide": "5106"}, "initialisation": {"tiny": "2000", "strangers": "9000"}}
    for name, used in batches.items():
        recipe = json.loads((work / f"{name}.json").read_text())["recipe"]
        assert recipe["command"] == f"nphylo lab fit {name}"
        assert recipe["batches"] == used  # the odd ones are left out
        assert recipe["code"].startswith(neural_phylogeny.__version__)


@pytest.mark.parametrize("name", SHIPPED)
def test_what_ships_tells_how_it_was_made(name):
    recipe = json.loads(shipped_path(name).read_text(encoding="utf-8"))["recipe"]
    assert recipe["code"].startswith(neural_phylogeny.__version__)
    assert recipe["batches"]
    if "detector" in recipe:
        shipped = weights_path().with_name(HASHES).read_text(encoding="ascii").split()[0]
        assert shipped in (recipe["detector"], recipe["checked"]["detector"])  # of the fit, or of a later check


def test_the_test_of_initialisations_was_fitted_by_its_command_without_the_odd_batches():
    recipe = json.loads(shipped_path("initialisation").read_text(encoding="utf-8"))["recipe"]
    assert recipe["command"] == "nphylo lab fit initialisation"
    assert recipe["batches"].keys() == set(NEEDS["initialisation"])
    for prior, numbers in recipe["batches"].items():
        share = SHARES[prior]
        assert set(map(int, numbers.split())) <= set(range(share.first, share.first + share.count, 2))


def test_an_unknown_fit_names_the_nearest(run, work):
    assert "'fusion'" in run("lab", "fit", "fussion", "--work", work, "-q", code=2).stderr


def test_tables_are_listed(run):
    text = run("lab", "table").stdout
    assert all(name in text for name in TABLES)


def test_confidence_from_batches_and_suites(run, batches, tmp_path):
    for place in ("paper/fc-fmnist-5shot", "mixed/mixed-fc", "generations/generations-fc-runs", "wild/esl-lenet5"):
        (tmp_path / "data" / place).mkdir(parents=True)
        shutil.copy(DATA / place / "0.npz", tmp_path / "data" / place)
    out = tmp_path / "tables"
    run("lab", "table", "confidence", "--data", tmp_path / "data", "--wide", batches, "--out", out, "-q")
    text = (out / "confidence.md").read_text()
    assert "| larger networks | this parent |" in text
    assert "| paper | this parent | 20 |" in text
    assert (out / "reliability.png").read_bytes().startswith(b"\x89PNG")
    result = run("lab", "table", "confidence", "--data", tmp_path / "data", "--out", out, "-q", code=3)
    assert "rows and the new page" in result.stderr.replace("\n", " ")
    assert (out / "confidence.md").read_text() == text


def test_a_table_without_what_it_needs(run):
    assert "give --batches" in run("lab", "table", "detector", "-q", code=3).stderr.replace("\n", " ")
    assert "'direction'" in run("lab", "table", "directions", "-q", code=2).stderr


def test_a_page_with_fewer_rows_replaces_none(tmp_path):
    path = tmp_path / "page.md"
    write_page(Page("| a |\n| --- |\n| 1 |\n| 2 |"), path)
    with pytest.raises(SavedFileError, match="has 4 rows and the new page 3"):
        write_page(Page("| a |\n| --- |\n| 1 |"), path)
    write_page(Page("| a |\n| --- |\n| 1 |"), path, replace=True)
    assert rows_of(path.read_text()) == 3
