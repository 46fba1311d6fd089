"""Tables that a formula computes are found by their values; trained, pruned and quantised weights never are."""

import math

import ml_dtypes
import numpy as np
import pytest
from scipy import linalg, signal

from neural_phylogeny.statistics.tables import RULES, rule_of, smooth_images

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


def resampling(before, after, width=6):
    """Windowed sines over their argument, one row for each phase."""
    base = min(before, after) * 0.99
    reach = math.ceil(width * before / base)
    time = np.arange(0, -after, -1)[:, None] / after + np.arange(-reach, reach + before)[None] / before
    time = np.clip(time * base, -width, width)
    return np.cos(time * np.pi / width / 2) ** 2 * np.sinc(time) * base / before


def bands(taps=251, n=80):
    time = np.arange(taps) - taps // 2
    low, high = np.linspace(0.01, 0.3, n)[:, None], np.linspace(0.05, 0.4, n)[:, None]
    return (2 * high * np.sinc(2 * high * time) - 2 * low * np.sinc(2 * low * time)) * np.hamming(taps)


def gram(rng, n=SIZE):
    values = rng.normal(size=(n, 200))
    return values @ values.T


TABLES = {
    "causal mask": lambda rng: np.tril(np.ones((SIZE, SIZE))),
    "additive mask": lambda rng: np.triu(np.full((128, 128), -1e9), 1),
    "identity": lambda rng: np.eye(SIZE),
    "mask of infinities": lambda rng: np.triu(np.full((SIZE, SIZE), -np.inf), 1),
    "resampling": lambda rng: resampling(441, 160),
    "resampling, near": lambda rng: resampling(160, 147),
    "positions of two axes": lambda rng: np.concatenate(
        [np.repeat(positions(14, 96), 14, axis=0), np.tile(positions(14, 96), (14, 1))], axis=1
    ),
    "rotation angles": lambda rng: np.outer(np.arange(256), 1 / 10000 ** (np.arange(0, 64, 2) / 64)),
    "band-pass": lambda rng: bands(),
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
    "of low rank": lambda w, rng: w[:, :8] @ rng.normal(size=(8, w.shape[1])),
    "one update of rank one": lambda w, rng: np.outer(w[:, 0], w[0]),
    "merged with an adapter": lambda w, rng: w + w[:, :4] @ rng.normal(size=(4, w.shape[1])),
    "symmetric start, trained": lambda w, rng: w[: min(w.shape), : min(w.shape)] * 1e-3 + gram(rng, min(w.shape)),
    "identity start, trained": lambda w, rng: np.eye(*w.shape) + 1e-3 * w,
    "sines, trained": lambda w, rng: np.sin(np.outer(np.arange(len(w)), np.arange(w.shape[1])) / 50) + 1e-2 * w,
    "zeros": lambda w, rng: np.zeros_like(w),
    "ones": lambda w, rng: np.ones_like(w),
    "ternary in blocks": lambda w, rng: np.sign(w) * (np.arange(len(w)) < 48)[:, None],
    "glorot": lambda w, rng: rng.uniform(-1, 1, w.shape) * np.sqrt(6 / sum(w.shape)),
    "nearly of low rank": lambda w, rng: w[:, :8] @ rng.normal(size=(8, w.shape[1])) + 1e-3 * w,
    "kernels of 3 x 3": lambda w, rng: rng.normal(size=(64, 9)),
}


@pytest.mark.parametrize("name", WEIGHTS)
@pytest.mark.parametrize("shape", [(128, 256), (64, 64), (300, 784)])
def test_weights_are_no_table(name, shape, rng):
    assert not rule(WEIGHTS[name](rng.normal(size=shape), rng))


def test_undefined_values_are_no_table():
    assert not rule(np.full((16, 16), np.nan))


def images(n, size, rng):
    """Gabor filters of any direction, phase and width."""
    x, y = np.meshgrid(np.linspace(-1, 1, size), np.linspace(-1, 1, size))
    turn, phase = rng.uniform(0, np.pi, (2, n, 1, 1))
    wide, wave = rng.uniform(0.1, 0.4, (n, 1, 1)), rng.uniform(1, 5, (n, 1, 1))
    along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    found = np.exp(-(along**2 + across**2 / 2) / wide) * np.cos(2 * np.pi * wave * along + phase)
    return found.astype(np.float32)


@pytest.mark.parametrize("size", [15, 25, 31])
def test_gabor_filters_are_smooth_images(size, rng):
    assert smooth_images(images(32, size, rng))


@pytest.mark.parametrize("size", [3, 7, 11, 15])
def test_trained_filters_are_not(size, rng):
    kernels = rng.normal(size=(32, size, size)).astype(np.float32)
    assert not smooth_images(kernels)
    assert not smooth_images(signal.lfilter([1], [1, -0.9], kernels, axis=2).astype(np.float32))
    assert not smooth_images(images(32, size, rng) + 1e-3 * kernels)


def tables(statistics):
    return {
        tensor.name: arrays["tables.computed"].tolist() for tensor, arrays in statistics if "tables.computed" in arrays
    }


def test_tables_that_models_share_are_found(measured, rng):
    table, own = np.tril(np.ones((32, 32), dtype=np.float32)), rng.normal(size=(3, 32, 32)).astype(np.float32)
    assert tables(measured(*({"mask": table, "w": w} for w in own))) == {"mask": [1, 1, 1]}


@pytest.mark.parametrize("shape", [(1, 1, 64, 64), (1, 64, 64), (64, 64)])
def test_the_number_of_axes_does_not_matter(measured, rng, shape):
    own = rng.normal(size=(2, 32, 32)).astype(np.float32)
    mask = np.tril(np.ones((64, 64), dtype=np.float32)).reshape(shape)
    assert tables(measured(*({"mask": mask, "w": w} for w in own))) == {"mask": [1, 1]}


def test_rounded_and_cut_tables_are_found(measured, rng):
    own = rng.normal(size=(3, 32, 32)).astype(np.float32)
    sines = positions().astype(np.float32)
    kinds = (sines, sines.astype(ml_dtypes.bfloat16).astype(np.float32), sines[:200])
    found = tables(measured(*({"p": p, "w": w} for p, w in zip(kinds, own, strict=True))))
    assert found
    assert all(all(rules) for rules in found.values())


def test_a_trained_table_beside_a_fixed_one_is_none(measured, rng):
    own = rng.normal(size=(3, 32, 32)).astype(np.float32)
    sines = positions(64, 32).astype(np.float32)
    kinds = (sines, sines, sines + 0.2 * rng.normal(size=sines.shape).astype(np.float32))
    assert tables(measured(*({"p": p, "w": w} for p, w in zip(kinds, own, strict=True)))) == {"p": [6, 6, 0]}


def test_equal_weights_are_no_tables(measured, rng):
    frozen, own = rng.normal(size=(40, 30)).astype(np.float32), rng.normal(size=(3, 32, 32)).astype(np.float32)
    zeros = np.zeros((16, 16), dtype=np.float32)
    assert tables(measured(*({"frozen": frozen, "zero": zeros, "w": w} for w in own))) == {}
