r"""How a group of models lies in the space of weights: distances, angles, and of two as seen from a third.

If p is the parent of j and k then :math:`\theta_j - \theta_p` and :math:`\theta_k - \theta_p` are the work of two
trainings, close to orthogonal in many dimensions but for what one task teaches both; seen from a sibling instead,
every difference holds the sibling's own way back to p, so that all angles are sharp. Nothing here depends on the
scale of the weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

TINY = 1e-12
CHUNK = 1 << 21
"""Numbers of a block of triples: 16 MiB in float64."""


@dataclass(frozen=True)
class Geometry:
    """Inner products and squared distances of n models in one space, ``(n, n)`` each; finite."""

    gram: Array
    squared: Array

    @classmethod
    def pooled(cls, product: Array, square: Array, weights: Array) -> Self:
        """The weighted mean over m matrices, of those that a pair shares: ``(m, n, n), (m, n, n), (m,)``.

        A pair that shares nothing is at right angles.
        """
        present = np.isfinite(product)
        share = present * weights[:, None, None]
        total = np.maximum(share.sum(axis=0), TINY)
        gram = (np.where(present, product, 0.0) * share).sum(axis=0) / total
        squared = (np.where(present, square, 0.0) * share).sum(axis=0) / total
        own = np.maximum(np.diag(gram), TINY)
        apart = ~present.any(axis=0)
        squared = np.where(apart, own[:, None] + own[None, :], np.maximum(squared, 0.0))
        np.fill_diagonal(squared, 0.0)
        return cls(np.where(apart & ~np.eye(len(own), dtype=bool), 0.0, gram), squared)

    @classmethod
    def even(cls, product: Array, square: Array) -> Self:
        """The mean over m matrices, each scaled to the same length, as ``pooled``: ``(m, n, n), (m, n, n)``."""
        scale = typical(product)
        return cls.pooled(product / scale, square / scale, np.ones(len(product)))

    @property
    def own(self) -> Array:
        """Squared norms, positive."""
        own: Array = np.maximum(np.diag(self.gram), TINY)
        return own

    def sine2(self) -> Array:
        """1 - cos^2 of the angle of each pair, from the distances, so that near pairs lose no digits: ``(n, n)``."""
        root = np.sqrt(self.own)
        product = root[:, None] * root[None, :]
        one_less_cosine = (self.squared - (root[:, None] - root[None, :]) ** 2) / (2.0 * product)
        found: Array = np.clip(one_less_cosine, 0.0, 2.0) * np.clip(2.0 - one_less_cosine, 0.0, 2.0)
        return found

    def seen_from(self) -> Iterator[tuple[slice, Array]]:
        """Chunks of ``[i, j, k]``: cosine of the angle at i between j and k; 0 where one of them is i."""
        for rows in _chunks(len(self.gram)):
            yield rows, angles(self.squared, rows)

    def given(self) -> Iterator[tuple[slice, Array]]:
        """Chunks of ``[i, j, k]``: correlation of j and k when each is regressed on i; 0 where one of them is i."""
        own = self.own
        for rows in _chunks(len(self.gram)):
            slope = self.gram[rows] / own[rows][:, None]  # (chunk, n)
            inner = self.gram[None] - slope[:, :, None] * self.gram[rows][:, None, :]
            left = np.maximum(np.einsum("ijj->ij", inner), 0.0)
            left = np.where(left > 1e-9 * own[None, :], left, 0.0)
            yield rows, _over(inner, np.sqrt(left[:, :, None] * left[:, None, :]))

    def precision(self) -> Array:
        """Inverse of the matrix of cosines, with a ridge of a thousandth: ``(n, n)``."""
        root = np.sqrt(self.own)
        cosines = self.gram / (root[:, None] * root[None, :])
        inverse: Array = np.linalg.inv(cosines + 1e-3 * np.eye(len(root)))
        return inverse

    def between(self) -> Array:
        """Log of the least detour, min over k of (d_ik^2 + d_kj^2) / d_ij^2: ``(n, n)``; 0 of two models alone."""
        n = len(self.gram)
        least = np.full((n, n), np.inf)
        for k in range(n):
            detour = self.squared[:, k, None] + self.squared[None, k, :]
            detour[k, :] = detour[:, k] = np.inf
            np.minimum(least, detour, out=least)
        with np.errstate(all="ignore"):
            found = np.log(least / np.maximum(self.squared, TINY))
        return np.where(np.isfinite(found), found, 0.0)


def angles(squared: Array, rows: slice = slice(None)) -> Array:
    """``[..., i, j, k]``, for some i: cosine of the angle at i between j and k, from squared distances."""
    here = squared[..., rows, :]
    legs = np.sqrt(here)
    inner = (here[..., :, None] + here[..., None, :] - squared[..., None, :, :]) / 2.0
    return _over(inner, legs[..., :, None] * legs[..., None, :])


def seen_in_each(product: Array, square: Array) -> Array:
    """The same in each matrix by itself, ``(T, n, n), (T, n, n) -> (T, n, n, n)``; models without it are left out."""
    present, every = np.isfinite(product), np.arange(product.shape[1])
    own = np.maximum(np.diagonal(np.where(present, product, 0.0), axis1=1, axis2=2), TINY)
    squared = np.where(present, np.maximum(square, 0.0), own[:, :, None] + own[:, None, :])
    squared[:, every, every] = 0.0
    return angles(squared / own.mean(axis=1)[:, None, None])


def typical(product: Array) -> Array:
    """Mean squared norm of the models in each matrix, 1 where no model has it: ``(m, n, n) -> (m, 1, 1)``."""
    norm = np.ascontiguousarray(np.einsum("tii->ti", product))  # so that the models of each are summed by themselves
    known = ~np.isnan(norm)
    means = np.where(known, norm, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    return np.where(np.isfinite(norm).any(axis=1), means, 1.0).reshape(-1, 1, 1)


def pooled_over_third(chunks: Iterator[tuple[slice, Array]], n: int) -> tuple[Array, Array]:
    """Pool ``[i, j, k]`` over k other than i and j: ``(5, n, n)``, and over all pairs of an i, ``(n,)``.

    The five are mean, least, largest, standard deviation, median; the one is the root mean square. Zeros where there
    is no third model.
    """
    pooled, spread = np.zeros((5, n, n)), np.zeros(n)
    if n < 3:
        return pooled, spread
    for rows, values in chunks:
        pooled[:, rows], spread[rows] = pooled_rows(values, np.arange(n)[rows])
    return pooled, spread


def pooled_rows(values: Array, first: NDArray[np.int64]) -> tuple[Array, Array]:
    """The same of some rows ``[row, j, k]`` of at least three models, each with its i: ``(5, rows, n), (rows,)``.

    Changes the values.
    """
    here, every, n = np.arange(len(values)), np.arange(values.shape[1]), values.shape[1]
    values[here, :, first] = np.nan  # k = i
    values[:, every, every] = np.nan  # k = j
    values[here, first, :] = np.nan  # j = i
    known = np.isfinite(values)
    count = np.maximum(known.sum(axis=2), 1)
    filled = np.where(known, values, 0.0)
    mean = filled.sum(axis=2) / count
    square = (filled**2).sum(axis=2)
    least, most = (np.where(known, values, np.inf).min(axis=2), np.where(known, values, -np.inf).max(axis=2))
    ordered = np.sort(np.where(known, values, np.inf), axis=2)
    low, high = (count - 1) // 2, count // 2
    middle = [np.take_along_axis(ordered, at[:, :, None], axis=2)[:, :, 0] for at in (low, high)]
    deviation = np.sqrt(np.maximum(square / count - mean**2, 0.0))
    pooled = np.stack([mean, least, most, deviation, (middle[0] + middle[1]) / 2.0])
    return np.where(np.isfinite(pooled), pooled, 0.0), np.sqrt(square.sum(axis=1) / ((n - 1) * (n - 2)))


def ranks(values: Array, axis: int = -1) -> Array:
    """Share of the others that are lower, ties counted by half, along an axis: in [0, 1]."""
    moved = np.moveaxis(values, axis, -1)
    n = moved.shape[-1]
    lower = (moved[..., None, :] < moved[..., :, None]).sum(axis=-1)
    equal = (moved[..., None, :] == moved[..., :, None]).sum(axis=-1) - 1
    return np.moveaxis((lower + 0.5 * equal) / max(n - 1, 1), -1, axis)


def _chunks(n: int) -> Iterator[slice]:
    step = max(1, CHUNK // max(n * n, 1))
    for start in range(0, n, step):
        yield slice(start, min(start + step, n))


def _over(numerator: Array, denominator: Array) -> Array:
    return np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator > TINY * TINY)
