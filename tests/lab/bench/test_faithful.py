"""The reimplementation of the paper is known to be faithful: its metric on its own protocol, from cached statistics."""

from pathlib import Path

import pytest

from neural_phylogeny.lab.bench.aggregate import summarise
from neural_phylogeny.lab.bench.runs import run_suite
from neural_phylogeny.lab.bench.suites import SUITES, cached_collections, find_suite

DATA = Path(__file__).parents[3] / "benchmarks" / "data"


@pytest.fixture(scope="module")
def full():
    """Full fine-tuning without decay: one collection of each such cell."""
    kept = cached_collections(find_suite("paper"), DATA, 1)
    return [collection for collection in kept if collection.cell.endswith("-full")]


def test_full_fine_tuning_without_decay_moves_away_from_a_fake_initialisation(full):
    assert len(full) == 8
    for method, results in run_suite(full, ["star", "star-sampled"]).items():
        for result in results:
            direction = summarise([result], "pair_direction")
            assert direction is not None
            assert direction.micro >= 0.95, (method, result.cell)


def test_the_collections_hold_what_the_paper_describes(full):
    for collection in full:
        truth = collection.truth
        assert truth.complete
        assert (len(truth.roots), len(truth.edges)) == (4, 20)


def test_what_is_committed_stays_small():
    committed = {*DATA.glob("*/*/0.npz"), *DATA.glob("quick/*/*.npz")}
    assert {path.parents[1].name for path in committed} == SUITES.keys()
    sweeps = sum(path.stat().st_size for path in committed if path.parents[1].name == "sweeps")
    assert sum(path.stat().st_size for path in committed) - sweeps < 14e6
    assert sweeps < 8e6
