"""Numbers of two models' matrices side by side: cosines, distances, slopes, which weights moved; zeros, equal values.

The diagonal, a model beside itself, has the limits of exact arithmetic: cosine 1, distance 0, nothing moved. So has a
matrix that is identical in two models.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.detector.feature_table import Features, Section, both, least, mean, mean_sign, most, share_below
from neural_phylogeny.detector.geometry import ranks
from neural_phylogeny.detector.measurements import Measurements

Array = NDArray[np.float64]

FEW_ZEROS = 0.002
"""A matrix with a smaller share of zeros was not pruned."""


@dataclass(frozen=True)
class _Pairs:
    """Quantities of the retained matrices that several features share: ``(m, n)`` and ``(m, n, n)``."""

    kept: Measurements

    @classmethod
    def of(cls, measured: Measurements) -> _Pairs:
        return cls(measured.retained)

    @cached_property
    def norm(self) -> Array:
        """Mean squared weights of each model."""
        found: Array = np.einsum("tii->ti", self.kept.pairs["product"])
        return found

    @cached_property
    def root(self) -> Array:
        """Root mean squares."""
        return np.sqrt(self.norm)

    @cached_property
    def scale(self) -> Array:
        """Products of two models' root mean squares."""
        return self.root[:, :, None] * self.root[:, None, :]

    @cached_property
    def less(self) -> Array:
        """1 - cosine, from the distances."""
        root = self.root
        found: Array = (self.kept.pairs["square"] - (root[:, :, None] - root[:, None, :]) ** 2) / (2.0 * self.scale)
        return found

    @cached_property
    def spread(self) -> Array:
        """Mean squared differences, positive."""
        return np.maximum(self.kept.pairs["square"], 1e-30)

    @cached_property
    def moved(self) -> Array:
        """``log E[(w_i - w_j)^2 w_i^2] - log E[(w_i - w_j)^2] E[w_i^2]``: above 0 where large ones moved more."""
        second, third = self.kept.pairs["second"], self.kept.pairs["third"]
        moved = np.einsum("tii->ti", third)[:, :, None] - 2.0 * third + second
        identical = self.kept.pairs["square"] == 0.0  # rounding would be divided by nothing
        return self._log_ratio(np.where(identical, 0.0, moved))

    @cached_property
    def moved_back(self) -> Array:
        """The same with the weights of j."""
        return np.swapaxes(self.moved, 1, 2)

    def _log_ratio(self, moved: Array) -> Array:
        found: Array = np.log(np.clip(moved / (self.spread * self.norm[:, :, None]), 0.01, 100.0))
        return found


def _sine(pairs: _Pairs) -> Array:
    return np.log(np.clip(pairs.less * (2.0 - pairs.less), 1e-12, 1.0))


def _distance(pairs: _Pairs) -> Array:
    return np.log(np.maximum(pairs.kept.pairs["square"] / pairs.scale, 1e-12))


def _tails(pairs: _Pairs) -> Array:
    """Of the difference of two models: its fourth moment over its squared variance."""
    return np.log(np.maximum(pairs.kept.pairs["fourth"] / pairs.spread**2, 1.0))


def _slope(pairs: _Pairs) -> Array:
    """Of j regressed on i."""
    return np.log(np.clip(pairs.kept.pairs["product"] / pairs.norm[:, :, None], 0.01, 10.0))


def _slope_back(pairs: _Pairs) -> Array:
    return np.log(np.clip(pairs.kept.pairs["product"] / pairs.norm[:, None, :], 0.01, 10.0))


def _lingam(pairs: _Pairs) -> Array:
    """``E[i^3 j] - E[i j^3]`` of standardised weights, over 1 - cosine: a test of a linear effect of i on j."""
    third, norm, scale = pairs.kept.pairs["third"], pairs.norm, pairs.scale
    found = third / (norm[:, :, None] * scale) - np.swapaxes(third, 1, 2) / (norm[:, None, :] * scale)
    return found / np.maximum(pairs.less, 1e-6)


def _kurtosis_ratio(pairs: _Pairs) -> Array:
    kurtosis = np.log(np.maximum(np.einsum("tii->ti", pairs.kept.pairs["second"]) / pairs.norm**2, 0.1))
    found: Array = kurtosis[:, None, :] - kurtosis[:, :, None]
    return found


def _symmetric(name: str, of: Callable[[_Pairs], Array]) -> Features[_Pairs]:
    """Means, least and largest over the matrices."""

    def summaries(pairs: _Pairs) -> Sequence[Array]:
        values, sizes = of(pairs), pairs.kept.sizes
        return mean(values, np.sqrt(sizes)), mean(values, np.ones(len(sizes))), least(values), most(values)

    return Features("pairs", tuple(f"{name}.{what}" for what in ("by_size", "mean", "least", "most")), summaries)


def _directed(name: str, of: Callable[[_Pairs], Array], with_signs: bool = False) -> Features[_Pairs]:
    """Means over the matrices, and perhaps the mean of their signs."""

    def summaries(pairs: _Pairs) -> Sequence[Array]:
        values, sizes = of(pairs), pairs.kept.sizes
        found = (mean(values, np.sqrt(sizes)), mean(values, np.ones(len(sizes))))
        return (*found, mean_sign(values)) if with_signs else found

    names = ("by_size", "mean", "signs") if with_signs else ("by_size", "mean")
    return Features("pairs", tuple(f"{name}.{what}" for what in names), summaries)


PAIRS = Section(
    _Pairs.of,
    (
        _symmetric("cosine", lambda pairs: 1.0 - pairs.less),
        _symmetric("sine", _sine),
        _symmetric("distance", _distance),
        _symmetric("tails", _tails),
        _directed("slope", _slope),
        _directed("slope_back", _slope_back),
        _directed("moved_large_of_i", lambda pairs: pairs.moved),
        _directed("moved_large_of_j", lambda pairs: pairs.moved_back),
        _directed("lingam", _lingam, with_signs=True),
        _directed("kurtosis_ratio", _kurtosis_ratio),
        _directed("moved_large", lambda pairs: pairs.moved - pairs.moved_back, with_signs=True),
    ),
)


@dataclass(frozen=True)
class _Vectors:
    """Squared lengths ``(v, n)`` and inner products ``(v, n, n)`` of biases and gains, and products of two lengths."""

    norm: Array
    gram: Array
    scale: Array

    @classmethod
    def of(cls, measured: Measurements) -> _Vectors:
        gram = measured.retained.vectors
        norm = np.maximum(np.einsum("vii->vi", gram), 1e-20)
        return cls(norm, gram, np.sqrt(norm[:, :, None] * norm[:, None, :]))


def _lengths(vectors: _Vectors) -> Sequence[Array]:
    length = np.log(vectors.norm) / 2.0
    difference = length[:, None, :] - length[:, :, None]
    return mean(difference, np.ones(len(length))), mean_sign(difference)


def _likeness(vectors: _Vectors) -> Sequence[Array]:
    return (mean(vectors.gram / vectors.scale, np.ones(len(vectors.norm))),)


def _vector_distance(vectors: _Vectors) -> Array:
    norm = vectors.norm
    squared = np.maximum(norm[:, :, None] + norm[:, None, :] - 2.0 * vectors.gram, 0.0)
    return mean(np.log(np.maximum(squared / vectors.scale, 1e-9)), np.ones(len(norm)))


def _nearness(vectors: _Vectors) -> Sequence[Array]:
    distance = _vector_distance(vectors)
    near = ranks(np.where(np.eye(len(distance), dtype=bool), np.inf, distance), axis=1)
    return near, near.T


VECTORS = Section(
    _Vectors.of,
    (
        Features("norms", ("vectors.mean", "vectors.signs"), _lengths),
        Features("pairs", ("vectors.cosine",), _likeness),
        Features("pairs", ("vectors.distance",), lambda vectors: (_vector_distance(vectors),)),
        Features(
            "norms",
            ("vectors.rank_of_i", "vectors.rank_of_j"),
            lambda vectors: both(share_below(_lengths(vectors)[1])),
        ),
        Features("pairs", ("vectors.rank_from_i", "vectors.rank_from_j"), _nearness),
    ),
)


def _zeros(measured: Measurements) -> Sequence[Array]:
    """Shares of zeros, and of the zeros of one model that the other keeps."""
    zeros, sizes = measured.pairs["zeros"], measured.sizes
    own = np.einsum("tii->ti", zeros)
    i, j = np.broadcast_arrays(own[:, :, None], own[:, None, :])
    kept_by_j = np.where(i > FEW_ZEROS, zeros / np.maximum(i, 1e-9), np.nan)
    kept_by_i = np.where(j > FEW_ZEROS, zeros / np.maximum(j, 1e-9), np.nan)
    more = np.sign(j - i) * (np.maximum(i, j) > FEW_ZEROS)
    return *(mean(values, sizes) for values in (i, j, kept_by_j, kept_by_i)), mean(more, np.ones(len(sizes)))


def _equal(measured: Measurements) -> Sequence[Array]:
    """Share of values that are equal and not zero in both, the largest such share, and share of equal matrices."""
    zeros, equal = measured.pairs["zeros"], measured.pairs["equal"]
    values = equal - zeros
    whole = (equal > 0.999).astype(float) + 0.0 * equal
    return mean(values, measured.sizes), np.nan_to_num(most(values)), mean(whole, np.ones(len(equal)))


EXACT = Section(
    lambda measured: measured.retained,
    (
        Features(
            "exact", ("zeros_of_i", "zeros_of_j", "zeros_kept_by_j", "zeros_kept_by_i", "more_zeros_in_j"), _zeros
        ),
        Features("exact", ("equal", "equal_most", "equal_matrices"), _equal),
        Features("exact", ("identical",), lambda measured: (measured.identical,)),
    ),
)
