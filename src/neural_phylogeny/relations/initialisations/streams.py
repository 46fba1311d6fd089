r"""What a generator gives from each place of its stream on, as sequences that a tensor can be correlated with.

A tensor :math:`x` drawn at place :math:`p` correlates with the stream at :math:`p`. Where normal numbers are made from
pairs of words the value depends on where its block begins, but splits into parts that do not: in blocks of ``period``
values, part :math:`q` of a block holds its ``width`` values :math:`x_{b + q w + r}`, and each is a function of the
words around :math:`p + b + r` alone. So the correlation at every place is

.. math:: c(p) = \sum_q \sum_{b, r} x_{b + q w + r} \, s_q(p + b + r),

one Fourier transform a part and one back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.relations.initialisations.generators import BLOCK, box_muller, standard_uniform, twister, words

Values = NDArray[np.float64]
Parts = tuple[Values, ...]


@dataclass(frozen=True)
class Stream:
    """One way in which a library turns words into values.

    Attributes
    ----------
    name : str
        A short identifier.
    library, distribution : str
        Whose generator it is, and what it draws, as words.
    period : int
        Values of a block.
    parts : callable
        ``(seed, start, count) -> `` the parts from a place on, ``(count,)`` each, of mean 0 and variance 1.
    rough : callable, optional
        The same in single precision, where that is faster.
    """

    name: str
    library: str
    distribution: str
    period: int
    parts: Callable[[int, int, int], Parts]
    rough: Callable[[int, int, int], tuple[NDArray[np.float32], ...]] | None = None

    def aligned(self, values: Values, part: int) -> Values:
        """Values where a part meets them, zero elsewhere, ``(n,) -> (n,)``; incomplete blocks at the end are left out.

        Examples
        --------
        >>> STREAMS["torch7-normal"].aligned(np.array([1.0, 2.0, 3.0, 4.0]), 1).tolist()
        [2.0, 0.0, 4.0, 0.0]
        """
        if self.period == 1:
            return values
        whole = len(values) - len(values) % self.period
        width = self.period // 2
        blocks = values[:whole].reshape(-1, 2, width)
        found = np.zeros((len(blocks), 2, width))
        found[:, 0] = blocks[:, part]
        return found.reshape(-1)

    def usable(self, size: int) -> int:
        """How many leading values of a tensor follow the stream; PyTorch draws the last of an odd size again.

        Examples
        --------
        >>> [STREAMS["torch-normal"].usable(size) for size in (15, 64, 70)]
        [0, 64, 48]
        """
        if self.period == BLOCK and size % BLOCK:
            return max(size - BLOCK, 0) // BLOCK * BLOCK
        return size - size % self.period

    def used(self, size: int) -> int:
        """Words that a tensor of this size takes.

        Examples
        --------
        >>> [STREAMS["torch-normal"].used(size) for size in (64, 70)], STREAMS["torch-uniform"].used(70)
        ([64, 86], 70)
        """
        return size + BLOCK if self.period == BLOCK and size % BLOCK else size

    def values(self, seed: int, place: int, size: int) -> Values:
        """What is drawn at a place, standardised: ``(usable(size),)``. 3 ns a word up to the place."""
        size = self.usable(size)
        parts = self.parts(seed, place, size + self.period)
        if self.period == 1:
            return parts[0][:size]
        width = self.period // 2
        found = [part[:size].reshape(-1, 2, width)[:, 0] for part in parts]
        return np.stack(found, axis=1).reshape(-1)


def _words(seed: int, start: int, count: int) -> Values:
    """Words of the Mersenne Twister from a place on, as numbers."""
    return words(seed, start + count)[start:].astype(np.float64)


def _uniform(seed: int, start: int, count: int) -> Parts:
    return ((standard_uniform(words(seed, start + count)[start:]) - 0.5) * np.sqrt(12.0),)


def _normal(seed: int, start: int, count: int) -> Parts:
    half = BLOCK // 2
    uniform = standard_uniform(words(seed, start + count + half)[start:])
    return box_muller(uniform[:count], uniform[half:])


def _normal_rough(seed: int, start: int, count: int) -> tuple[NDArray[np.float32], ...]:
    half = BLOCK // 2
    uniform = standard_uniform(words(seed, start + count + half)[start:]).astype(np.float32)
    radius = np.sqrt(np.float32(-2.0) * np.log(np.float32(1.0) - uniform[:count]))
    turned = np.float32(2.0 * np.pi) * uniform[half:]
    return radius * np.cos(turned), radius * np.sin(turned)


def _torch7_uniform(seed: int, start: int, count: int) -> Parts:
    return ((_words(seed, start, count) * 2.0**-32 - 0.5) * np.sqrt(12.0),)


def _torch7_normal(seed: int, start: int, count: int) -> Parts:
    uniform = _words(seed, start, count + 1) * 2.0**-32
    return box_muller(uniform[1:], uniform[:-1])


def _numpy_uniform(seed: int, start: int, count: int) -> Parts:
    return ((np.random.Generator(twister(seed)).random(start + count)[start:] - 0.5) * np.sqrt(12.0),)


def _numpy_normal(seed: int, start: int, count: int) -> Parts:
    return (np.random.RandomState(seed & 0xFFFFFFFF).standard_normal(start + count)[start:],)


def _pcg_uniform(seed: int, start: int, count: int) -> Parts:
    return ((np.random.default_rng(seed).random(start + count)[start:] - 0.5) * np.sqrt(12.0),)


def _pcg_normal(seed: int, start: int, count: int) -> Parts:
    return (np.random.default_rng(seed).standard_normal(start + count)[start:],)


STREAMS = {
    stream.name: stream
    for stream in (
        Stream("torch-uniform", "PyTorch", "uniform", 1, _uniform),
        Stream("torch-normal", "PyTorch", "normal", BLOCK, _normal, _normal_rough),
        Stream("torch7-uniform", "Torch7", "uniform", 1, _torch7_uniform),
        Stream("torch7-normal", "Torch7", "normal", 2, _torch7_normal),
        Stream("numpy-uniform", "NumPy's legacy generator", "uniform", 1, _numpy_uniform),
        Stream("numpy-normal", "NumPy's legacy generator", "normal", 1, _numpy_normal),
        Stream("pcg64-uniform", "NumPy's default_rng", "uniform", 1, _pcg_uniform),
        Stream("pcg64-normal", "NumPy's default_rng", "normal", 1, _pcg_normal),
    )
}
"""By name; the order is that of the search."""
