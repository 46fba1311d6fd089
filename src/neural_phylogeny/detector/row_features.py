"""Rows of matrices, the clock of weight decay, gains and biases: what weights say of which of two models is later.

All are 0 where the pass did not measure them, as in statistics that were cached before it did; ``known`` says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.detector.feature_table import Features, Section, both, mean, mean_sign, share_below
from neural_phylogeny.detector.measurements import BIAS, GAIN, Measurements
from neural_phylogeny.relations.clock import Clock

Array = NDArray[np.float64]

RULES = ("grow", "indep", "step")

COMPRESSED = 1e-5
"""Log factors above this differ by their logarithm."""


def _flat(array: Array) -> Array:
    """Rows and columns of the matrices one after the other: ``(m, n, n, 2) -> (2 m, n, n)``."""
    return np.concatenate([array[..., 0], array[..., 1]]) if array.ndim == 4 else array


@dataclass(frozen=True)
class _Rows:
    """The numbers of ``statistics.rows`` in the retained matrices, ``(k, n, n)``; none where not measured."""

    n: int
    numbers: dict[str, Array]

    @classmethod
    def of(cls, measured: Measurements) -> _Rows:
        kept = measured.retained
        return cls(len(kept), {name: _flat(array) for name, array in kept.rows.items()})

    def __getitem__(self, name: str) -> Array:
        return self.numbers.get(name, np.empty((0, self.n, self.n)))


def _rule(name: str) -> Features[_Rows]:
    def of(rows: _Rows) -> Sequence[Array]:
        values = rows[name]
        signs = mean_sign(values)
        ranks = share_below(signs) if len(values) else np.zeros(rows.n)
        return mean(values, np.ones(len(values))), signs, *both(ranks)

    return Features("rows", tuple(f"{name}.{what}" for what in ("mean", "signs", "rank_of_i", "rank_of_j")), of)


def _clock(rows: _Rows) -> Sequence[Array]:
    clock = Clock.of(*(rows[name] for name in ("multiples", "agree", "factor", "still")))
    size = np.log1p(np.abs(clock.factor) / COMPRESSED)
    return clock.later, clock.later * size, np.log1p(clock.rows), np.log1p(clock.still)


def _known(rows: _Rows) -> Sequence[Array]:
    there = np.isfinite(rows["step"]) | (rows["multiples"][: len(rows["step"])] > 0) if rows.numbers else rows["step"]
    return (there.any(axis=0).astype(float),)


ROWS = Section(
    _Rows.of,
    (
        *(_rule(name) for name in RULES),
        Features("rows", ("clock", "clock_factor", "clock_rows", "still"), _clock),
        Features("rows", ("known",), _known),
    ),
)


@dataclass(frozen=True)
class _Levels:
    """Means and mean squares ``(v, n, 2)`` of the gains, and of the biases."""

    gains: Array
    biases: Array

    @classmethod
    def of(cls, measured: Measurements) -> _Levels:
        kept = measured.retained
        return cls(kept.levels[kept.kinds == GAIN], kept.levels[kept.kinds == BIAS])


def _grows(values: Array) -> tuple[Array, Array]:
    """Mean and mean sign of the differences j - i of a number of each vector, ``(v, n)``."""
    difference = values[:, None, :] - values[:, :, None]
    return mean(difference, np.ones(len(difference))), mean_sign(difference)


def _spread(levels: _Levels) -> Sequence[Array]:
    """Of the coefficients of variation, on a logarithmic scale: blind to a common factor."""
    first, second = levels.gains[..., 0], levels.gains[..., 1]
    return _grows(0.5 * np.log(np.maximum(second - first**2, 1e-12) / np.maximum(second, 1e-12)))


def _distance(levels: _Levels) -> Sequence[Array]:
    """From one, where gains start."""
    first, second = levels.gains[..., 0], levels.gains[..., 1]
    return _grows(0.5 * np.log(np.maximum(second - 2.0 * first + 1.0, 1e-12)))


def _length(levels: _Levels) -> Sequence[Array]:
    """Of biases, which start at zero or near."""
    return _grows(0.5 * np.log(np.maximum(levels.biases[..., 1], 1e-12)))


def _there(values: Array) -> Array:
    here = np.isfinite(values[..., 1])
    found: Array = (here[:, :, None] & here[:, None, :]).any(axis=0).astype(float)
    return found


LEVELS = Section(
    _Levels.of,
    (
        Features("vectors", ("gain_spread.mean", "gain_spread.signs"), _spread),
        Features("vectors", ("gain_distance.mean", "gain_distance.signs"), _distance),
        Features("vectors", ("bias_length.mean", "bias_length.signs"), _length),
        Features(
            "vectors",
            ("gains_known", "biases_known"),
            lambda levels: (_there(levels.gains), _there(levels.biases)),
        ),
    ),
)
