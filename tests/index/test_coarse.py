import numpy as np
import pytest

from neural_phylogeny.index import coarse, store
from neural_phylogeny.index.coarse import FIRST, columns, likely
from neural_phylogeny.index.sketches import BITS, WORDS, nearest
from neural_phylogeny.index.store import Index


def agreeing(sketch: np.ndarray, correlation: float, rng: np.random.Generator) -> np.ndarray:
    return sketch ^ np.packbits(rng.random(BITS) < np.arccos(correlation) / np.pi).view(np.uint64)


@pytest.mark.parametrize("correlation", [0.3, 0.95])
def test_near_sketches_are_among_the_likely_ones(rng: np.random.Generator, correlation: float, monkeypatch) -> None:
    every = np.frombuffer(rng.bytes(20_000 * 8 * WORDS), dtype=np.uint64).reshape(-1, WORDS).copy()
    own, relatives = every[0].copy(), rng.choice(np.arange(1, len(every)), 10, replace=False)
    every[relatives] = [agreeing(own, correlation, rng) for _ in relatives]
    monkeypatch.setattr(coarse, "FEWEST", 1000)
    rows = likely(every, columns(every), own, 11)
    assert len(rows) < 1200
    found = {int(rows[near.row]) for near in nearest(every[rows], own, 11)}
    assert found == {0, *relatives}


def test_copies_without_end_are_all_likely() -> None:
    every = np.zeros((9000, WORDS), dtype=np.uint64)
    assert len(likely(every, columns(every), every[0], 10)) == 9000
    assert columns(every).shape == (FIRST, 9000)


def test_a_large_index_finds_the_same(family, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = {name: found for letter in "abc" for name, found in family(letter, 6).items()}
    with Index(tmp_path, is_new=True) as index:
        list(index.add((name, "", found) for name, found in models.items()))
        before = index.candidates(models["b2"], 5)
        monkeypatch.setattr(store, "MANY", 10)
        assert index.candidates(models["b2"], 5) == before
        list(index.add([("more", "", family("d", 1)["d0"])]))
        assert index.candidates(models["b2"], 5) == before


def test_sums_of_lanes_are_sums(rng: np.random.Generator) -> None:
    counted = rng.integers(0, 65, (50, 16), dtype=np.uint8)
    counted[0] = 64
    assert coarse._sums(counted).tolist() == counted.sum(axis=1).tolist()
