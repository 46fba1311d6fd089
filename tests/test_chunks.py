"""Loops over chunks of rows, trees or values: an answer in many chunks, the last one smaller, is that in one."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.detector.test_pinned import fixed

import neural_phylogeny
from neural_phylogeny.detector import geometry, network, triples
from neural_phylogeny.detector.network import Inputs
from neural_phylogeny.detector.shipped import detector
from neural_phylogeny.formats.memory import MemoryCheckpoint
from neural_phylogeny.index import coarse, sketches
from neural_phylogeny.inputs import View
from neural_phylogeny.statistics import identity
from neural_phylogeny.tensors import reading
from neural_phylogeny.tensors.reading import read_view
from neural_phylogeny.trees import innovations
from neural_phylogeny.trees.innovations import Innovations

SRC = Path(neural_phylogeny.__file__).parent


def of_features():
    inputs = Inputs.of(fixed())
    return [inputs.pairs, inputs.triples]


def of_network():
    reported = detector().probabilities(Inputs.of(fixed()))
    return [reported.parent, reported.missing]


def of_trees():
    gram = np.cov(np.random.default_rng(0).normal(size=(5, 60)).cumsum(axis=0))
    trees = np.random.default_rng(1).integers(0, 5, size=(7, 5))
    return [Innovations.of(gram).log_likelihoods(np.where(trees == np.arange(5), -1, trees))]


def of_values():
    weights = np.random.default_rng(0).normal(size=(11, 3)).astype(np.float32)
    return [np.frombuffer(identity._values_hash(MemoryCheckpoint({"w": weights})), dtype=np.uint8)]


def of_views():
    checkpoint = MemoryCheckpoint({"w": np.arange(30, dtype=np.float32).reshape(5, 6)})
    view, out = View(split=(5, 6), axes=(1, 0), layout="transposed"), np.empty(30, dtype=np.float32)
    read_view(checkpoint, replace(checkpoint.tensors["w"], shape=(6, 5), view=view), 0, out)
    assert out.tolist() == np.arange(30).reshape(5, 6).T.ravel().tolist()
    return [out]


def of_sketches():
    every = np.random.default_rng(0).integers(0, 1 << 63, (7, sketches.WORDS), dtype=np.uint64)
    return [np.array([near.correlation for near in sketches.nearest(every, every[3], 1)])]


def of_coarse():
    every = np.random.default_rng(0).integers(0, 1 << 63, (9000, sketches.WORDS), dtype=np.uint64)
    return [np.sort(coarse.likely(every, coarse.columns(every), every[3], 1))]


LOOPS = {
    "pairs by rows": (geometry, 7 * 7 * 2, of_features),
    "triples by rows": (triples, 7 * 6 * 2, of_features),
    "network, one row": (network, 1, of_network),
    "network, few rows": (network, 7 * 7 * 16 * 3, of_network),
    "trees": (innovations, 3, of_trees),
    "stored rows of a view": (reading, 12, of_views),
    "values": (identity, 10, of_values),
    "sketches": (sketches, 3, of_sketches),
    "columns of sketches": (coarse, 4000, of_coarse),
}


@pytest.mark.parametrize("name", LOOPS)
def test_many_chunks_give_what_one_gives(monkeypatch, name):
    module, size, answer = LOOPS[name]
    whole = answer()
    monkeypatch.setattr(module, "CHUNK", size)
    for found, expected in zip(answer(), whole, strict=True):
        np.testing.assert_allclose(np.float64(found), np.float64(expected), rtol=1e-3, atol=1e-6)


def test_every_chunk_is_crossed():
    """A module with a new ``CHUNK`` needs a row above."""
    modules = {module.__file__ for module, _, _ in LOOPS.values()}
    found = (path for path in SRC.rglob("*.py") if "\nCHUNK = " in path.read_text(encoding="utf-8"))
    assert {str(path) for path in found} == modules
