import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neural_phylogeny.formats import windows
from neural_phylogeny.formats.windows import Windows

SIZE = 57


def fetch(name: str, start: int, stop: int) -> np.ndarray:
    assert 0 <= start <= stop <= SIZE
    return np.arange(start, stop) + (1000 if name == "b" else 0)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, SIZE), st.integers(0, SIZE)), max_size=8))
def test_any_slices_in_any_order(slices: list[tuple[str, int, int]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(windows, "WINDOW", 10)
        kept = Windows(fetch)
        for name, first, second in slices:
            start, stop = sorted((first, second))
            assert kept.read(name, start, stop, SIZE).tolist() == fetch(name, start, stop).tolist()


def test_two_windows_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "WINDOW", 10)
    fetched = []

    def counted(name: str, start: int, stop: int) -> np.ndarray:
        fetched.append(start)
        return fetch(name, start, stop)

    kept = Windows(counted)
    for start in (0, 12, 5, 22, 15, 5):
        kept.read("a", start, start + 3, SIZE)
    assert fetched == [0, 10, 20, 0]


def test_threads_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "WINDOW", 10)
    inside = threading.Lock()

    def alone(name: str, start: int, stop: int) -> np.ndarray:
        assert inside.acquire(blocking=False)
        try:
            return fetch(name, start, stop)
        finally:
            inside.release()

    kept = Windows(alone)
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(lambda start: kept.read("a", start, start + 3, SIZE).tolist(), range(0, 54)))
    assert parts == [[start, start + 1, start + 2] for start in range(54)]
