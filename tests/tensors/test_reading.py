"""Viewed tensors are what NumPy makes of the stored ones, whatever the range that is read."""

from collections.abc import Callable

import numpy as np
import pytest

from neural_phylogeny.formats.memory import MemoryCheckpoint
from neural_phylogeny.inputs import Fold, TensorInfo, View
from neural_phylogeny.tensors import reading
from neural_phylogeny.tensors.reading import places, read_view

WEIGHT = np.arange(3 * 5 * 4 * 6, dtype=np.float32)

WAYS: dict[str, tuple[View, Callable[[np.ndarray], np.ndarray]]] = {
    "transposed": (View(split=(60, 6), axes=(1, 0), layout=""), lambda w: w.reshape(60, 6).T),
    "HWIO": (
        View(split=(3, 5, 4, 6), axes=(3, 2, 0, 1), layout=""),
        lambda w: w.reshape(3, 5, 4, 6).transpose(3, 2, 0, 1),
    ),
    "slice": (
        View(split=(60, 6), axes=(1, 0), layout="", sliced=0, start=20, stop=40),
        lambda w: w.reshape(60, 6)[20:40].T,
    ),
    "slice of columns": (
        View(split=(60, 6), axes=(1, 0), layout="", sliced=1, start=2, stop=4),
        lambda w: w.reshape(60, 6)[:, 2:4].T,
    ),
    "head by head": (
        View(split=(5, 3, 4, 6), axes=(0, 1, 2, 3), layout="", sliced=1, start=1, stop=2),
        lambda w: w.reshape(5, 3, 4, 6)[:, 1],
    ),
}


@pytest.mark.parametrize("band", [1, 7, 1 << 20])
@pytest.mark.parametrize("way", WAYS)
def test_any_range_of_a_view(way, band, monkeypatch):
    monkeypatch.setattr(reading, "BAND", band)
    monkeypatch.setattr(reading, "CHUNK", 16)
    view, made = WAYS[way]
    expected = np.ascontiguousarray(made(WEIGHT)).reshape(-1)
    checkpoint = MemoryCheckpoint({"w": WEIGHT})
    tensor = TensorInfo(name="w", shape=(expected.size,), dtype="float32", view=view)
    for start, stop in ((0, expected.size), (5, 6), (3, expected.size - 2), (expected.size - 1, expected.size)):
        out = np.empty(stop - start, dtype=np.float32)
        read_view(checkpoint, tensor, start, out)
        assert np.array_equal(out, expected[start:stop])
    assert np.array_equal(WEIGHT[places(view, np.arange(expected.size))], expected)


@pytest.mark.parametrize("axes", [(0, 1), (1, 0)])
def test_a_norm_is_folded_along_its_axis(axes, rng):
    gamma, variance = rng.uniform(0.5, 2.0, (2, 6)).astype(np.float32)
    stored = rng.normal(size=(6, 4)).astype(np.float32)
    checkpoint = MemoryCheckpoint({"w": stored, "gamma": gamma, "mean": gamma, "var": variance})
    fold = Fold(gamma="gamma", mean="mean", variance="var", epsilon=1e-3, axis=axes.index(0))
    view = View(split=(6, 4), axes=axes, layout="", fold=fold)
    out = np.empty(24, dtype=np.float32)
    read_view(checkpoint, TensorInfo(name="w", shape=view.lengths, dtype="float32", view=view), 0, out)
    expected = (stored * (gamma / np.sqrt(variance + 1e-3))[:, None]).transpose(axes)
    assert np.allclose(out.reshape(view.lengths), expected, rtol=1e-5)
