r"""Generators that give every tensor a key of its own: Threefry as JAX uses it, Philox as TensorFlow does, in NumPy.

Both encrypt a counter under a key (Salmon et al., SC 2011), so nothing depends on what was drawn before. JAX splits
and folds keys; Flax derives that of a parameter from its path; Keras gives every initialiser a seed from Python's
generator, which a script seeds.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.relations.initialisations.generators import box_muller

Words = NDArray[np.uint32]
Values = NDArray[np.float64]
Key = tuple[int, int]

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
"""Bits by which Threefry rotates, for the two alternating groups of four rounds."""

PARITY = 0x1BD11BDA
"""Threefry's third key word, before the two others are added to it without carry."""

MULTIPLIERS, STEPS = (0xD2511F53, 0xCD9E8D57), (0x9E3779B9, 0xBB67AE85)
"""Of Philox: the factors of a round, and what is added to the key after each."""

SCRAMBLING = (0x3EC8F720, 0x02461E29)
"""The key under which TensorFlow encrypts the two seeds of a stateless draw, to make its key and first counter."""

LOW, LOW_23 = 0xFFFFFFFF, 0x7FFFFF
"""Masks of the lowest 32 and 23 bits."""

KERAS_SEEDS = 10**9
"""Keras draws the seed of an initialiser from 1 to this."""

LEAST_UNIFORM = 1e-7
"""TensorFlow's normal numbers take uniform ones from this on."""


def threefry(key: Key, high: Words, low: Words) -> tuple[Words, Words]:
    """Threefry 2x32 of 20 rounds: two words for each counter, ``(n,)`` each. 100 ns a counter.

    Examples
    --------
    >>> zero = np.zeros(1, dtype=np.uint32)
    >>> [hex(word[0]) for word in threefry((0, 0), zero, zero)]
    ['0x6b200159', '0x99ba4efe']
    """
    keys = (key[0] & LOW, key[1] & LOW, (key[0] ^ key[1] ^ PARITY) & LOW)
    x, y = high + np.uint32(keys[0]), low + np.uint32(keys[1])
    for group in range(5):
        for bits in ROTATIONS[group % 2]:
            x = x + y
            y = (y << np.uint32(bits)) | (y >> np.uint32(32 - bits))
            y = x ^ y
        x = x + np.uint32(keys[(group + 1) % 3])
        y = y + np.uint32((keys[(group + 2) % 3] + group + 1) & LOW)
    return x, y


def philox(key: Key, counters: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Philox 4x32 of ten rounds: four words for each counter of four, ``(n, 4) -> (n, 4)``. 200 ns a counter.

    Examples
    --------
    >>> [hex(word) for word in philox((0, 0), np.zeros((1, 4), dtype=np.uint64))[0].tolist()]
    ['0x6627e8d5', '0xe169c58d', '0xbc57ac4c', '0x9b00dbd8']
    """
    a, b, c, d = counters.T
    half, low = np.uint64(32), np.uint64(LOW)
    for number in range(10):
        first, second = (np.uint64((key[k] + number * STEPS[k]) & LOW) for k in range(2))
        left, right = a * np.uint64(MULTIPLIERS[0]), c * np.uint64(MULTIPLIERS[1])
        a, b, c, d = (right >> half) ^ b ^ first, right & low, (left >> half) ^ d ^ second, left & low
    return np.stack([a, b, c, d], axis=1)


def jax_key(seed: int) -> Key:
    """``jax.random.key(seed)``."""
    return seed >> 32 & LOW, seed & LOW


def jax_split(key: Key, number: int = 2, *, partitionable: bool = True) -> list[Key]:
    """``jax.random.split``; ``partitionable`` as JAX has it by default since 0.5."""
    if partitionable:
        high, low = threefry(key, np.zeros(number, dtype=np.uint32), np.arange(number, dtype=np.uint32))
        return list(zip(high.tolist(), low.tolist(), strict=True))
    flat = jax_words(key, 2 * number, partitionable=False).reshape(-1, 2)
    return [(int(a), int(b)) for a, b in flat]


def jax_fold_in(key: Key, data: int) -> Key:
    """``jax.random.fold_in``."""
    high, low = threefry(key, np.array([data >> 32 & LOW], np.uint32), np.array([data & LOW], np.uint32))
    return int(high[0]), int(low[0])


def jax_words(key: Key, size: int, first: int | None = None, *, partitionable: bool = True) -> Words:
    """The words of ``jax.random.bits`` of a tensor of ``size`` values: the ``first`` of them, ``(first,)``."""
    first = size if first is None else min(first, size)
    if partitionable:
        high, low = threefry(key, np.zeros(first, dtype=np.uint32), np.arange(first, dtype=np.uint32))
        return high ^ low
    half = (size + 1) // 2
    count = np.arange(min(first, half), dtype=np.uint32)
    other = np.where(count + half < size, count + half, 0).astype(np.uint32)
    return np.concatenate(threefry(key, count, other))[:first] if first > half else threefry(key, count, other)[0]


def jax_uniform(key: Key, size: int, first: int | None = None, *, partitionable: bool = True) -> Values:
    """``jax.random.uniform`` in single precision: from the upper 23 bits of a word.

    ``first`` values of a tensor of ``size``.

    Examples
    --------
    >>> jax_uniform(jax_key(0), 2).round(4).tolist()
    [0.9477, 0.9786]
    """
    found = jax_words(key, size, first, partitionable=partitionable)
    return (found >> np.uint32(9)).astype(np.float64) * 2.0**-23


def flax_key(key: Key, path: Sequence[str | int], *, separated: bool = False) -> Key:
    """The key of a parameter of Flax: that of ``init`` with the SHA-1 of its path and number folded in.

    ``separated`` as Flax's flag ``flax_fix_rng_separator`` has it.
    """
    digest = hashlib.sha1(usedforsecurity=False)
    for part in path:
        if separated:
            digest.update(b"\x00")
        digest.update(part.encode() if isinstance(part, str) else part.to_bytes((part.bit_length() + 7) // 8, "big"))
    return jax_fold_in(key, int.from_bytes(digest.digest()[:4], "big"))


def keras_seeds(seed: int, count: int) -> list[int]:
    """The seeds that Keras gives to the first initialisers after ``keras.utils.set_random_seed(seed)``."""
    generator = random.Random(seed)
    return [generator.randint(1, KERAS_SEEDS) for _ in range(count)]


def tensorflow_words(seeds: tuple[int, int], size: int) -> Words:
    """The words of a stateless draw of TensorFlow under two seeds, four for each counter: ``(size,)``."""
    parts = [[seed >> shift & LOW for seed in seeds for shift in (0, 32)]]
    mixed = philox(SCRAMBLING, np.array(parts, dtype=np.uint64))[0].tolist()
    return philox_words((mixed[0], mixed[1]), (mixed[2], mixed[3]), size)


def philox_words(key: Key, upper: Key, size: int, start: int = 0) -> Words:
    """The words of Philox from a counter on whose upper half is given: ``(size,)``."""
    counters = np.zeros(((size + 3) // 4, 4), dtype=np.uint64)
    counters[:, 0] = np.arange(start, start + len(counters))
    counters[:, 2:] = upper
    return philox(key, counters).reshape(-1)[:size].astype(np.uint32)


def tensorflow_uniform(found: Words) -> Values:
    """Uniform numbers in single precision from words: their lower 23 bits."""
    return (found & np.uint32(LOW_23)).astype(np.float64) * 2.0**-23


def tensorflow_normal(found: Words) -> Values:
    """Normal numbers from words, two from two by Box and Muller: ``(n,)`` from an even number."""
    uniform = tensorflow_uniform(found).reshape(-1, 2)
    lengths, angles = np.maximum(uniform[:, 0], LEAST_UNIFORM), uniform[:, 1]
    cosine, sine = box_muller(1.0 - lengths, angles)
    found_normal: Values = np.stack([sine, cosine], axis=1).reshape(-1)
    return found_normal
