"""Codes of a few bits out of the words that hold several of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.formats.base import AnyArray

Codes = NDArray[np.uint8]


def stream(words: AnyArray, bits: int) -> Codes:
    """Codes of 1 to 8 bits that follow each other along the last axis, from the lowest bit of the first word on.

    Codes may run over into the next word. ``(..., words)`` -> ``(..., words * word bits // bits)``.

    Examples
    --------
    >>> stream(np.array([[0x21]], dtype=np.uint8), 4)
    array([[1, 2]], dtype=uint8)
    """
    little = np.ascontiguousarray(words, dtype=words.dtype.newbyteorder("<"))
    content: Codes = little.view(np.uint8).reshape(*words.shape[:-1], -1)
    if bits == 8:
        return content
    if 8 % bits == 0:
        shifts = np.arange(0, 8, bits, dtype=np.uint8)
        found: Codes = (content[..., np.newaxis] >> shifts) & np.uint8(2**bits - 1)
        return found.reshape(*words.shape[:-1], -1)
    flags = np.unpackbits(content, axis=-1, bitorder="little")
    count = flags.shape[-1] // bits
    flags = flags[..., : count * bits].reshape(*words.shape[:-1], count, bits)
    place = np.uint8(1) << np.arange(bits, dtype=np.uint8)
    codes: Codes = (flags * place).sum(axis=-1, dtype=np.uint8)
    return codes


def fields(words: AnyArray, bits: int) -> Codes:
    """Codes of 1 to 8 bits, as many in each 32-bit word as fit whole, from its lowest bit on; the rest is unused.

    ``(..., words)`` -> ``(..., words * (32 // bits))``.
    """
    if 8 % bits == 0:
        return stream(words, bits)
    shifts = np.arange(32 // bits, dtype=np.uint32) * np.uint32(bits)
    found = (words.view(np.uint32)[..., np.newaxis] >> shifts) & np.uint32(2**bits - 1)
    return found.astype(np.uint8).reshape(*words.shape[:-1], -1)


def halves(content: AnyArray, high_first: bool = False) -> Codes:
    """The two codes of four bits in each byte along the last axis: ``(..., bytes)`` -> ``(..., 2 * bytes)``."""
    low, high = content & np.uint8(15), content >> np.uint8(4)
    pair = (high, low) if high_first else (low, high)
    return np.stack(pair, axis=-1).reshape(*content.shape[:-1], -1)
