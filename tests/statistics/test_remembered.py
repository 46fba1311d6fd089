"""What was found in the same values before."""

import numpy as np

from neural_phylogeny.statistics import remembered as module
from neural_phylogeny.statistics.remembered import remembered


def test_the_same_values_are_looked_at_once_and_others_again(monkeypatch):
    monkeypatch.setattr(module, "_KNOWN", {})
    calls: list[int] = []

    def find():
        calls.append(1)
        return len(calls)

    values = np.arange(12, dtype=np.float32)
    assert remembered(values, (3, 4), find) == remembered(values.copy(), (3, 4), find) == 1
    assert remembered(values, (4, 3), find) == 2
    assert remembered(values + 1, (3, 4), find) == 3


def test_what_is_kept_is_bounded(monkeypatch):
    monkeypatch.setattr(module, "_KNOWN", {})
    monkeypatch.setattr(module, "MOST", 8)
    for k in range(100):
        remembered(np.full(4, k, np.float32), (), lambda: 0)
    assert len(module._KNOWN) <= 8
