"""Sketches of fingerprints: a kilobyte each, in which relatives are found among all others by brute force.

A sketch has the signs of sparse random sums of the kept values (count sketch, Charikar et al. 2002; signs of
projections, Charikar 2002). Two models agree in half of the bits where they are unrelated, in more where the values of
equal tensors correlate.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.formats.fingerprint import Fingerprint
from neural_phylogeny.formats.grids import hashed, places_of
from neural_phylogeny.inputs import TensorInfo
from neural_phylogeny.tensors.neutral import neutral_hashes

BITS = 1 << 13
WORDS = BITS // 64

NOISE = math.pi / 2 / math.sqrt(BITS)
"""Standard deviation of the estimated correlation of unrelated models: 0.017."""

CLEAR = 4.0
"""Standard deviations of ``NOISE`` that a near model must exceed."""

FILLED, LARGEST = 8, 4.0
"""Values that are added to a bit on average, at least; most that one counts, in standard deviations."""

CHUNK = 1 << 11
"""Sketches that are compared at a time: what is computed of them stays in a core's cache."""

MARKS = 16
"""Matrices of a model whose exact kept values are hashed; those with the smallest hashes of their own."""

Words = NDArray[np.uint64]


def sketch_of(model: Fingerprint) -> Words:
    """The sketch of a fingerprint, ``(WORDS,)``. Linear in the kept values.

    A value of a small model is added to several sums, so that few stay empty; their bits are drawn.
    """
    total = np.zeros(BITS)
    matrices = list(_matrices(model))
    count = max(1, sum(block.size for *_, block in matrices))
    times = 1 << min(6, max(0, math.ceil(math.log2(FILLED * BITS / count))))
    for key, tensor, block in matrices:
        with np.errstate(all="ignore"):  # what is not finite says nothing
            values = block.reshape(-1) - block.mean()
            scale = math.sqrt(float(np.square(values).mean()))
        if not math.isfinite(scale) or scale == 0.0:
            continue
        values = np.clip(values / scale, -LARGEST, LARGEST)
        words = _places(tensor, block.shape) ^ np.uint64(key << 32)
        for _ in range(times):
            words = hashed(words)
            signed = np.where(words & np.uint64(1), values, -values)
            total += np.bincount(((words >> np.uint64(8)) % np.uint64(BITS)).astype(np.int64), signed, BITS)
    drawn = np.random.default_rng(int(model.digest, 16)).random(BITS) < 0.5
    return np.packbits(np.where(total == 0.0, drawn, total > 0)).view(np.uint64)


def marks_of(model: Fingerprint) -> list[int]:
    """Hashes of the exact kept values of some matrices, whatever these are called: equal ones are equal layers.

    Of a matrix that is kept whole in any order, so that one with permuted units has the same.
    """
    found = []
    for _, tensor, block in _matrices(model):
        if block.size >= 64 and _is_varied(block.reshape(-1)):
            values = block.astype("f4").reshape(-1)
            values = np.sort(values) if tensor.grid is None else values
            shape = tuple(sorted(tensor.shape))
            words = hashlib.blake2b(repr(shape).encode() + values.tobytes(), digest_size=8)
            found.append(int.from_bytes(words.digest(), "little", signed=True))
    return sorted(set(found))[:MARKS]


def _is_varied(values: NDArray[np.float64]) -> bool:
    """Whether there are more than 32 different values; most often the first of them say so."""
    return len(np.unique(values[:256])) > 32 or len(np.unique(values)) > 32


@dataclass(frozen=True)
class Near:
    """A model near another one: its row, and the estimated correlation of their values."""

    row: int
    correlation: float


def nearest(sketches: Words, query: Words, count: int) -> list[Near]:
    """At most ``count`` sketches that are near another one beyond chance, ``sketches (n, WORDS)``, the nearest first.

    Every sketch is looked at: 0.2 us each.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> every = rng.integers(0, 2**64 - 1, (100, WORDS), dtype=np.uint64)
    >>> [(near.row, near.correlation) for near in nearest(every, every[7], 3)]
    [(7, 1.0)]
    """
    differing = np.empty(len(sketches), dtype=np.uint16)
    other, counted = np.empty((CHUNK, WORDS), dtype=np.uint64), np.empty((CHUNK, WORDS), dtype=np.uint8)
    for start in range(0, len(sketches), CHUNK):
        some = sketches[start : start + CHUNK]
        np.bitwise_count(np.bitwise_xor(some, query, out=other[: len(some)]), out=counted[: len(some)])
        counted[: len(some)].sum(axis=1, dtype=np.uint16, out=differing[start : start + CHUNK])
    correlations = np.sin(math.pi / 2 * (1.0 - 2.0 * differing / BITS))
    count = min(count, len(correlations))
    first = np.argpartition(-correlations, count - 1)[:count] if count else np.zeros(0, dtype=np.int64)
    ordered = first[np.argsort(-correlations[first], kind="stable")]
    return [Near(int(row), float(correlations[row])) for row in ordered if correlations[row] > CLEAR * NOISE]


def apart(sketches: Words, rows: Sequence[int]) -> NDArray[np.float64]:
    """One less the estimated correlation of some with all, ``(k, n)``; 0.2 us a pair."""
    found = np.empty((len(rows), len(sketches)))
    for own, row in zip(found, rows, strict=True):
        for start in range(0, len(sketches), CHUNK):
            some = slice(start, start + CHUNK)
            differing = np.bitwise_count(sketches[some] ^ sketches[row]).sum(axis=1, dtype=np.uint16)
            own[some] = 1.0 - np.sin(math.pi / 2 * (1.0 - 2.0 * differing / BITS))
    return found


def _matrices(model: Fingerprint) -> Iterator[tuple[int, TensorInfo, NDArray[np.float64]]]:
    """The kept matrices as ``(key, tensor, values)``: units first, then the longest axis, then the others."""
    keys = _keys(model.tensors)
    for name, tensor in model.tensors.items():
        block = model.block(name)
        if block.ndim > 1 and sum(length > 1 for length in block.shape) > 1:
            yield keys[name], tensor, block.astype(np.float64).transpose(_order(tensor))


def _order(tensor: TensorInfo) -> list[int]:
    units = tensor.output_axis % len(tensor.shape)
    others = [axis for axis in range(len(tensor.shape)) if axis != units]
    longest = max(others, key=lambda axis: tensor.shape[axis])
    return [units, longest, *(axis for axis in others if axis != longest)]


def _places(tensor: TensorInfo, shape: tuple[int, ...]) -> NDArray[np.uint64]:
    """A number for each kept value by its place in the tensor, whatever the lengths and the order of the axes.

    So a matrix and its transpose, in a file that does not say which it is, have one sketch. O(kept values).
    """
    grid = tensor.grid or tensor.shape
    axes = [places_of(tensor.shape[axis], grid[axis]).astype(np.uint64) for axis in _order(tensor)]
    found = np.zeros(shape, dtype=np.uint64)
    for number, places in enumerate(axes):
        one = hashed(places) >> np.uint64(20)
        found ^= one.reshape([-1 if axis == number else 1 for axis in range(len(shape))])
    return found.reshape(-1)


def _keys(tensors: Mapping[str, TensorInfo]) -> dict[str, int]:
    """A number of 31 bits for each tensor, the same for names of different frameworks."""
    return {name: number >> 1 for name, number in neutral_hashes(list(tensors)).items()}
