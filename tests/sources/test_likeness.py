import ml_dtypes
import numpy as np
import pytest

from neural_phylogeny.formats.memory import MemoryCheckpoint
from neural_phylogeny.sources import likeness as module
from neural_phylogeny.sources.likeness import Verdict, likeness


def of(**arrays: np.ndarray) -> MemoryCheckpoint:
    return MemoryCheckpoint(arrays)


def test_equal_weights_are_equal_whatever_else_lies_beside_them(rng: np.random.Generator) -> None:
    w, nan = rng.normal(size=(40, 30)).astype(np.float32), np.array([np.nan, 1.0])
    found = likeness(of(w=w, b=nan), of(b=nan, w=w.copy(), counter=np.arange(5)))
    assert (found.verdict, found.extent) == (Verdict.EQUAL, "all 1,202 values compared")


def test_one_value_makes_a_difference(rng: np.random.Generator) -> None:
    w = rng.normal(size=(40, 30))
    other = w.copy()
    other[-1, -1] += 1e-9
    assert likeness(of(w=w), of(w=other)).verdict is Verdict.DIFFERENT


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn])
def test_rounded_weights_are_found_in_both_orders(rng: np.random.Generator, dtype: type) -> None:
    w = rng.normal(size=(40, 30)).astype(np.float32)
    rounded: np.ndarray = w.astype(dtype)
    assert likeness(of(w=w), of(w=rounded)).verdict is Verdict.ROUNDED
    assert likeness(of(w=rounded), of(w=w)).verdict is Verdict.ROUNDED
    assert likeness(of(w=w[::-1]), of(w=rounded)).verdict is Verdict.DIFFERENT


def test_names_and_shapes_that_differ_leave_it_undecided(rng: np.random.Generator) -> None:
    w = rng.normal(size=(40, 30))
    for other in (of(v=w), of(w=w.T), of(w=w, more=w[:3])):
        assert likeness(of(w=w), other).verdict is Verdict.UNDECIDED


def test_tied_weights_may_be_stored_once_or_twice(rng: np.random.Generator) -> None:
    w, v = rng.normal(size=(40, 30)), rng.normal(size=(40, 30))
    assert likeness(of(w=w, v=v), of(w=w, v=v, head=w)).verdict is Verdict.EQUAL
    assert likeness(of(w=w, v=v, head=v), of(w=w, v=v)).verdict is Verdict.EQUAL


def test_of_large_weights_blocks_of_every_tensor_are_compared(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "VALUES_LIMIT", 20_000)
    large = {name: rng.normal(size=(1000, 100)) for name in "abc"}
    found = likeness(of(**large), of(**large))
    assert found.verdict is Verdict.EQUAL
    assert 20_000 <= found.compared < 60_000
    assert found.extent == f"{found.compared:,} of 300,000 values compared"
    for name in "abc":
        for row in (0, -1):
            other = large[name].copy()
            other[row] = 0.0
            assert likeness(of(**large), of(**{**large, name: other})).verdict is Verdict.DIFFERENT
