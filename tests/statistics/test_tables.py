"""Tables that a formula computes are found by their values; trained, pruned and quantised weights never are."""

import math

import ml_dtypes
import numpy as np
import pytest
from scipy import linalg, signal

from neural_phylogeny.statistics.products import Equality
from neural_phylogeny.statistics.tables import RULES, ComputedTables, rule_of

SIZE = 64


def rule(matrix) -> str:
    return ("", *RULES)[rule_of(np.asarray(matrix, dtype=np.float32))]


def positions(length=512, width=128):
    """Sines and cosines of position, after Vaswani et al. (2017)."""
    angle = np.arange(length)[:, None] / 10000 ** (np.arange(0, width, 2) / width)
    return np.stack([np.sin(angle), np.cos(angle)], axis=-1).reshape(length, width)


def fourier(bins=129, length=256):
    """Windowed cosines, as audio models keep them as a convolution."""
    return np.cos(np.outer(np.arange(bins), np.arange(length)) * 2 * np.pi / length) * np.hanning(length + 1)[:-1]


def mel(bins=201, bands=64):
    """Triangles of equal width in mel."""
    frequency = np.linspace(0, 8000, bins)
    edges = 700 * (10 ** (np.linspace(0, 2595 * math.log10(1 + 8000 / 700), bands + 2) / 2595) - 1)
    rising = (frequency[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - frequency[:, None]) / (edges[2:] - edges[1:-1])
    return np.clip(np.minimum(rising, falling), 0, None)


def gabor(phase=0.0):
    x, y = np.meshgrid(np.linspace(-1, 1, 31), np.linspace(-1, 1, 31))
    turns = np.linspace(0, np.pi, 8, endpoint=False)
    waves = [2 * np.pi * f * (x * np.cos(t) + y * np.sin(t)) + phase for f in (1, 2, 3, 4) for t in turns]
    return np.array([(np.exp(-(x**2 + y**2) / 0.2) * np.cos(wave)).ravel() for wave in waves])


def gram(rng, n=SIZE):
    values = rng.normal(size=(n, 200))
    return values @ values.T


TABLES = {
    "causal mask": lambda rng: np.tril(np.ones((SIZE, SIZE))),
    "additive mask": lambda rng: np.triu(np.full((128, 128), -1e9), 1),
    "identity": lambda rng: np.eye(SIZE),
    "constant": lambda rng: np.full((16, 16), 0.5),
    "positions": lambda rng: positions(),
    "positions in bf16": lambda rng: positions().astype(ml_dtypes.bfloat16),
    "positions in fp16": lambda rng: positions().astype(np.float16),
    "positions by column": lambda rng: positions().T,
    "short positions": lambda rng: positions(64, 32),
    "fourier": lambda rng: fourier(),
    "fourier, long": lambda rng: fourier(513, 1024),
    "mel": lambda rng: mel(),
    "mel by row": lambda rng: mel(513, 128).T,
    "cosine transform": lambda rng: np.cos(np.pi / SIZE * np.outer(np.arange(SIZE), np.arange(SIZE) + 0.5)),
    "hadamard": lambda rng: linalg.hadamard(SIZE),
    "toeplitz": lambda rng: linalg.toeplitz(rng.normal(size=200)),
    "circulant": lambda rng: linalg.circulant(rng.normal(size=200)),
    "linear bias": lambda rng: -np.abs(np.subtract.outer(np.arange(300), np.arange(300))) * 0.3,
    "coordinates": lambda rng: np.stack(np.meshgrid(np.arange(SIZE), np.arange(SIZE)), -1).reshape(-1, 2),
    "gabor, even": lambda rng: gabor(),
    "covariance": gram,
    "whitening": lambda rng: linalg.sqrtm(gram(rng)).real,
}


@pytest.mark.parametrize("name", TABLES)
def test_what_a_formula_computes_is_a_table(name, rng):
    assert rule(TABLES[name](rng))


def pruned(weights, share, rng):
    return weights * (rng.random(weights.shape) > share)


WEIGHTS = {
    "normal": lambda w, rng: w,
    "uniform": lambda w, rng: rng.uniform(-1, 1, w.shape),
    "orthogonal": lambda w, rng: np.linalg.qr(w)[0],
    "half pruned": lambda w, rng: pruned(w, 0.5, rng),
    "pruned": lambda w, rng: pruned(w, 0.9, rng),
    "heavily pruned": lambda w, rng: pruned(w, 0.99, rng),
    "binary": lambda w, rng: np.sign(w),
    "ternary": lambda w, rng: np.sign(w) * (np.abs(w) > 0.7),
    "ternary, sparse": lambda w, rng: np.sign(w) * (np.abs(w) > 2.2),
    "four bits": lambda w, rng: np.clip(np.round(w * 3), -8, 7),
    "eight bits": lambda w, rng: np.round(w * 40),
    "bf16": lambda w, rng: w.astype(ml_dtypes.bfloat16),
    "pruning mask": lambda w, rng: rng.random(w.shape) > 0.5,
    "sparse pruning mask": lambda w, rng: rng.random(w.shape) > 0.95,
    "few units left": lambda w, rng: w * (np.arange(len(w)) < 10)[:, None],
    "few inputs left": lambda w, rng: w * (np.arange(w.shape[1]) < 20),
    "dead borders": lambda w, rng: w * (np.abs(np.arange(w.shape[1]) - w.shape[1] // 2) < 40),
    "blocks": lambda w, rng: linalg.block_diag(*rng.normal(size=(8, 16, 16))),
    "smooth": lambda w, rng: signal.lfilter([0.05], [1, -0.95], w, axis=1),
    "very smooth": lambda w, rng: signal.lfilter([1], [1, -1.9, 0.905], w, axis=1),
    "decaying spectrum": lambda w, rng: w * np.exp(-np.arange(w.shape[1]) / 30),
    "nearly of low rank": lambda w, rng: w[:, :8] @ rng.normal(size=(8, w.shape[1])) + 1e-3 * w,
    "kernels of 3 x 3": lambda w, rng: rng.normal(size=(64, 9)),
}


@pytest.mark.parametrize("name", WEIGHTS)
@pytest.mark.parametrize("shape", [(128, 256), (64, 64), (300, 784)])
def test_weights_are_no_table(name, shape, rng):
    assert not rule(WEIGHTS[name](rng.normal(size=shape), rng))


def test_values_that_are_not_finite_are_no_table():
    assert not rule(np.full((16, 16), np.nan))
    assert not rule(np.triu(np.full((16, 16), -np.inf), 1))


def test_only_matrices_that_two_models_share_are_examined(measured, rng):
    table, own = np.tril(np.ones((32, 32), dtype=np.float32)), rng.normal(size=(3, 32, 32)).astype(np.float32)
    kinds = (Equality(), ComputedTables())
    statistics = measured(*({"mask": table, "w": w} for w in own), statistics=kinds)
    found = {tensor.name: arrays["tables.computed"].tolist() for tensor, arrays in statistics}
    assert found == {"mask": [1, 1, 1], "w": [0, 0, 0]}
