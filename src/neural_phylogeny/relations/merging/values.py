"""The kept values of a family, matrix by matrix, as several models are compared value by value."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.statistics.kept import VALUES
from neural_phylogeny.statistics.moments import mantissa_bits
from neural_phylogeny.statistics.results import Statistics, added, of_one_form

Floats = NDArray[np.float64]

AT_ONCE = 1 << 17
"""Values that are looked at together: a megabyte, which stays in the cache."""


@dataclass(frozen=True)
class MatrixValues:
    """Kept values of one matrix ``(k, n)``, NaN in the rows of models that lack it; ``size`` is that of all of it.

    What is computed of them is computed of several of one form as well, ``(T, k, n)``.
    """

    values: Floats
    size: int

    @classmethod
    def of_each(cls, values: Floats, sizes: Sequence[int]) -> list[Self]:
        """Several matrices of one form, ``(T, k, n)``: what merges ask of them is computed of all together."""
        every = cls(values, 0)
        found = [cls(one, size) for one, size in zip(values, sizes, strict=True)]
        for name in ("bits", "unit", "gram", "squared", "same", "error"):
            for one, part in zip(found, getattr(every, name), strict=True):
                one.__dict__[name] = part
        return found

    @property
    def count(self) -> int:
        """Kept values."""
        return int(self.values.shape[-1])

    @cached_property
    def bits(self) -> Floats:
        """Mantissa bits of each model, NaN where it lacks the matrix."""
        found: Floats = mantissa_bits(self.values.astype(np.float32))
        return found

    @cached_property
    def unit(self) -> Floats:
        """What rounding leaves of each value of each model, at most: ``(k, n)``."""
        found: Floats = np.abs(self.values) * 2.0 ** -np.maximum(self.bits, 1.0)[..., None]
        return found

    @cached_property
    def gram(self) -> Floats:
        """Inner products of the models, ``(k, k)``."""
        return self.values @ self.values.swapaxes(-1, -2)

    @cached_property
    def squared(self) -> Floats:
        """Squared distances, from the differences: ``(k, k)``."""
        return np.stack([np.square(self.values - row).sum(axis=-1) for row in self._rows], axis=-2)

    @cached_property
    def same(self) -> Floats:
        """Share of the values that two models have in common, to the last bit: ``(k, k)``."""
        return np.stack([(self.values == row).mean(axis=-1) for row in self._rows], axis=-2)

    @cached_property
    def error(self) -> Floats:
        """Squared errors of rounding, ``(k,)``."""
        found: Floats = np.square(self.unit).sum(axis=-1) / 12.0
        return found

    @property
    def _rows(self) -> Iterator[Floats]:
        """The values of each model, ``(..., 1, n)``."""
        return (self.values[..., row : row + 1, :] for row in range(self.values.shape[-2]))

    def is_equal(self, a: int, b: int) -> bool:
        """Whether two models have the same values."""
        return bool(self.squared[a, b] == 0.0)


@dataclass(frozen=True)
class Products:
    """What ``MatrixValues`` have of the models, for T matrices: ``(T, k, k)`` and ``(T, k)``; and how many values."""

    gram: Floats
    squared: Floats
    error: Floats
    count: NDArray[np.int64]

    @classmethod
    def of(cls, matrices: Sequence[MatrixValues]) -> Self:
        """Of matrices of the same models."""
        return cls(*(np.array([getattr(one, part.name) for one in matrices]) for part in fields(cls)))


class Values:
    """The matrices of a family that have kept values."""

    def __init__(self, matrices: Sequence[MatrixValues], k: int) -> None:
        self._matrices = tuple(matrices)
        self._k = k
        self._distances: dict[int, Floats] = {}

    @classmethod
    def kept(cls, statistics: Statistics, rows: Sequence[int]) -> Values:
        """Of some rows of the statistics; matrices with values that are not finite are left out for their models."""
        k = len(rows)
        place = np.full(statistics.alignment.n_models, -1)
        place[list(rows)] = np.arange(k)
        matrices = [(tensor, arrays) for tensor, arrays in statistics if tensor.is_matrix and VALUES in arrays]
        found: dict[int, MatrixValues] = {}
        for places in of_one_form([(k, math.prod(arrays[VALUES].shape[1:])) for _, arrays in matrices], AT_ONCE):
            some = [matrices[t] for t in places]
            values = np.full((len(some), k, some[0][1][VALUES][0].size), np.nan)
            for own, (tensor, arrays) in zip(values, some, strict=True):
                kept = arrays[VALUES].reshape(len(tensor.members), -1)
                inside = np.flatnonzero(np.isfinite(kept).all(axis=1) & (place[list(tensor.members)] >= 0))
                own[place[np.array(tensor.members)[inside]]] = kept[inside]
            found |= zip(places, MatrixValues.of_each(values, [tensor.size for tensor, _ in some]), strict=True)
        return cls([found[t] for t in range(len(matrices))], k)

    def __iter__(self) -> Iterator[MatrixValues]:
        return iter(self._matrices)

    def of(self, j: int) -> list[MatrixValues]:
        """The matrices that a model has."""
        return [matrix for matrix, has in zip(self, self._has[:, j].tolist(), strict=True) if has]

    def having(self, j: int) -> list[int]:
        """The other models that have all of them."""
        has: NDArray[np.bool_] = np.logical_and.reduce(self._has[self._has[:, j]], axis=0)
        has[j] = False
        found: list[int] = np.flatnonzero(has).tolist()
        return found

    def distance(self, j: int) -> Floats:
        """Squared distances from a model in what it has, ``(k,)``; infinite where another lacks something."""
        if j not in self._distances:
            total = np.zeros(self._k)
            if own := self.of(j):
                scales = np.array([matrix.size / matrix.count for matrix in own])
                total = added(total, np.array([matrix.squared[j] for matrix in own]) * scales[:, None])
            self._distances[j] = np.where(np.isfinite(total), total, np.inf)
        return self._distances[j]

    @cached_property
    def _has(self) -> NDArray[np.bool_]:
        """Which models have each matrix, ``(n_matrices, k)``."""
        first = [matrix.values[:, 0] for matrix in self]
        found: NDArray[np.bool_] = np.isfinite(np.array(first).reshape(len(first), self._k))
        return found
