r"""Generators that encrypt a counter under a key, in NumPy: Threefry as JAX uses it, Philox as GPUs and TensorFlow do.

Nothing depends on what was drawn before (Salmon et al., SC 2011). Keys are arrays ``(p, 2)`` of words of 32 bits; what
is drawn under them is ``(p, n)``.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint32]
Keys = NDArray[np.uint32]

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
"""Bits by which Threefry rotates, for the two alternating groups of four rounds."""

PARITY = 0x1BD11BDA
"""Threefry's third key word, before the two others are added to it without carry."""

MULTIPLIERS, STEPS = (0xD2511F53, 0xCD9E8D57), (0x9E3779B9, 0xBB67AE85)
"""Of Philox: the factors of a round, and what is added to the key after each."""

SCRAMBLING = (0x3EC8F720, 0x02461E29)
"""The key under which TensorFlow encrypts the two seeds of a stateless draw, to make its key and first counter."""

LOW = 0xFFFFFFFF
"""Mask of the lowest 32 bits."""

KERAS_SEEDS = 10**9
"""Keras draws the seed of an initialiser from 1 to this."""


def threefry(keys: Keys, high: Words, low: Words) -> tuple[Words, Words]:
    """Threefry 2x32 of 20 rounds: two words for each key and counter, ``(p, n)`` each. 100 ns a counter.

    Examples
    --------
    >>> zero = np.zeros(1, dtype=np.uint32)
    >>> [hex(word[0, 0]) for word in threefry(np.zeros((1, 2), dtype=np.uint32), zero, zero)]
    ['0x6b200159', '0x99ba4efe']
    """
    first, second = keys[:, :1], keys[:, 1:]
    words = (first, second, first ^ second ^ np.uint32(PARITY))
    x, y = high + first, low + second
    for group in range(5):
        for bits in ROTATIONS[group % 2]:
            x += y
            y = (y << np.uint32(bits)) | (y >> np.uint32(32 - bits))
            y ^= x
        x += words[(group + 1) % 3]
        y += words[(group + 2) % 3] + np.uint32(group + 1)
    return x, y


def philox(keys: Keys, counters: Sequence[Words]) -> tuple[Words, Words, Words, Words]:
    """Philox 4x32 of ten rounds: four words for each key and counter of four words. 200 ns a counter.

    Parameters
    ----------
    keys : (p, 2)
    counters : four of (p, n), (1, n) or (p, 1)

    Examples
    --------
    >>> zero = np.zeros((1, 1), dtype=np.uint32)
    >>> [hex(word[0, 0]) for word in philox(np.zeros((1, 2), dtype=np.uint32), [zero] * 4)]
    ['0x6627e8d5', '0xe169c58d', '0xbc57ac4c', '0x9b00dbd8']
    """
    a, b, c, d = counters
    half = np.uint64(32)
    for number in range(10):
        first, second = (keys[:, k : k + 1] + np.uint32(number * STEPS[k] & LOW) for k in range(2))
        left, right = a * np.uint64(MULTIPLIERS[0]), c * np.uint64(MULTIPLIERS[1])
        a, b = (right >> half).astype(np.uint32) ^ b ^ first, right.astype(np.uint32)
        c, d = (left >> half).astype(np.uint32) ^ d ^ second, left.astype(np.uint32)
    return a, b, c, d


def jax_key(seed: int) -> Keys:
    """``jax.random.key(seed)``, as one key."""
    return np.array([[seed >> 32 & LOW, seed & LOW]], dtype=np.uint32)


def jax_fold_in(keys: Keys, data: NDArray[np.int64] | Sequence[int]) -> Keys:
    """``jax.random.fold_in`` of each number into each key, also ``split`` into more keys than that: ``(p * q, 2)``.

    JAX splits so since 0.5, where draws are *partitionable*; older versions split otherwise.
    """
    high, low = threefry(keys, *_counters(np.asarray(data, dtype=np.uint32)))
    return np.stack([high, low], axis=-1).reshape(-1, 2)


def jax_split_before(keys: Keys, number: int = 2) -> Keys:
    """``jax.random.split`` of older versions: ``(p * number, 2)``."""
    return jax_words(keys, 2 * number, partitionable=False).reshape(-1, 2)


def jax_words(keys: Keys, size: int, first: int | None = None, *, partitionable: bool = True) -> Words:
    """The words of ``jax.random.bits`` of a tensor of ``size`` values: the ``first`` of them, ``(p, first)``."""
    first = size if first is None else min(first, size)
    if partitionable:
        high, low = threefry(keys, *_counters(np.arange(first, dtype=np.uint32)))
        return high ^ low
    half = (size + 1) // 2
    count = np.arange(min(first, half), dtype=np.uint32)
    other = np.where(count + half < size, count + half, 0).astype(np.uint32)
    found = threefry(keys, count, other)
    return np.concatenate(found, axis=1)[:, :first] if first > half else found[0]


def flax_keys(keys: Keys, path: Sequence[str], number: int = 1) -> Keys:
    """The keys of parameter ``number`` of a module of Flax: those of ``init`` with the SHA-1 of its path folded in."""
    digest = hashlib.sha1(usedforsecurity=False)
    for part in path:
        digest.update(part.encode())
    digest.update(number.to_bytes((number.bit_length() + 7) // 8, "big"))
    return jax_fold_in(keys, [int.from_bytes(digest.digest()[:4], "big")])


def flax_keys_before(keys: Keys, path: Sequence[str], number: int = 1) -> Keys:
    """The same of versions before 0.6: the SHA-1 of each part of the path is folded in, then the number."""
    for part in path:
        digest = hashlib.sha1(part.encode(), usedforsecurity=False).digest()
        keys = jax_fold_in(keys, [int.from_bytes(digest[:4], "big")])
    return jax_fold_in(keys, [number])


@lru_cache(maxsize=256)
def keras_seeds(seed: int, count: int) -> tuple[int, ...]:
    """The seeds that Keras gives to the first initialisers after ``keras.utils.set_random_seed(seed)``."""
    generator = random.Random(seed)
    return tuple(generator.randint(1, KERAS_SEEDS) for _ in range(count))


def tensorflow_words(seeds: NDArray[np.int64], size: int) -> Words:
    """The words of TensorFlow's stateless draws under seeds ``[s, 0]``, four for each counter: ``(p, size)``."""
    s, zero = seeds.astype(np.uint32)[:, None], np.zeros((1, 1), dtype=np.uint32)
    mixed = philox(np.array([SCRAMBLING], dtype=np.uint32), (s, zero, zero, zero))
    counter = np.arange((size + 3) // 4, dtype=np.uint32)[None]
    # The counter starts at a scrambled place of 64 bits: a carry between its words is left out, one in 10^6 has one.
    found = philox(np.hstack(mixed[:2]), (counter, np.zeros_like(counter), mixed[2], mixed[3]))
    return np.stack(np.broadcast_arrays(*found), axis=-1).reshape(len(s), -1)[:, :size]


def cuda_words(seed: int, calls: NDArray[np.int64], size: int) -> tuple[Words, Words]:
    """Two words for each value of a tensor that PyTorch fills on a GPU in its ``calls``-th call: ``(p, size)`` each.

    Each value has a thread of its own, up to as many as the GPU has; a call of a tensor of at most four values a
    thread, about a million, takes one counter.
    """
    counter, thread = calls.astype(np.uint32)[:, None], np.arange(size, dtype=np.uint32)[None]
    zero = np.zeros((1, 1), dtype=np.uint32)
    keys = np.array([[seed & LOW, seed >> 32 & LOW]], dtype=np.uint32)
    return philox(keys, (counter, zero, thread, zero))[:2]


def _counters(low: Words) -> tuple[Words, Words]:
    return np.zeros_like(low), low
