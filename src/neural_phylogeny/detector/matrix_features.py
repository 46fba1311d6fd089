"""Numbers of each matrix of each model, which training moves away from those of an initialisation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.detector.feature_table import Features, Section, both, extreme, mean, mean_sign, share_below
from neural_phylogeny.detector.measurements import Measurements
from neural_phylogeny.relations.matrix_scores import UNIFORM, central_fourth, quantile_distance

Array = NDArray[np.float64]

NAMES = (
    "rms",
    "kurtosis",
    "largest",
    "mean_magnitude",
    "off_uniform",
    "off_normal",
    "row_spread",
    "column_spread",
    "stable_rank",
    "largest_over_median",
    "entropy",
    "skewness",
    "zeros",
    "grid",
    "distinct",
)
"""Numbers of each matrix of each model, those that grow or shrink with training first."""

NORMAL = np.array([0.0627, 0.1891, 0.3186, 0.4538, 0.6745, 0.9346, 1.2816, 1.6449, 2.3263])
"""Quantiles of magnitudes over their root mean square when weights are normal."""


def per_matrix(measured: Measurements) -> Array:
    """``(len(NAMES), n_matrices, n_models)``; NaN where a model lacks a matrix or a number is undefined."""
    mean, square = measured.models["sum"], measured.models["square"]
    cube, fourth = measured.models["cube"], measured.models["fourth"]
    rows, columns, *spectrum = np.moveaxis(measured.sketches[:, :, :5], 2, 0)
    quantiles = measured.sketches[:, :, 5:]
    with np.errstate(all="ignore"):
        variance = np.maximum(square - mean**2, 1e-30)
        rms = np.sqrt(np.maximum(square, 1e-30))
        central = central_fourth(mean, square, cube, fourth)
        third = cube - 3 * mean * square + 2 * mean**3
        found = np.stack(
            [
                np.log(rms),
                np.log(np.maximum(central / variance**2, 0.1)),
                np.log(measured.models["largest"] / rms),
                np.log(measured.models["absolute"] / rms),
                quantile_distance(quantiles, UNIFORM),
                quantile_distance(quantiles, NORMAL),
                np.log(np.maximum(rows, 1e-6)),
                np.log(np.maximum(columns, 1e-6)),
                *spectrum,
                np.abs(third) / variance**1.5,
                measured.models["zeros"],
                measured.models["grid"] / 24.0,
                measured.models["distinct"],
            ]
        )
    return np.where(np.isfinite(found), found, np.nan)


@dataclass(frozen=True)
class _Own:
    """``per_matrix`` of the retained matrices, and their weights by size ``(m,)``."""

    values: Array
    by_size: Array

    @classmethod
    def of(cls, measured: Measurements) -> _Own:
        kept = measured.retained
        return cls(per_matrix(kept), np.sqrt(kept.sizes))


_SUMMARIES = ("mean", "by_size", "signs", "extreme", "relative", "rank_of_i", "rank_of_j")


def _differences(number: int) -> Callable[[_Own], tuple[Array, ...]]:
    """Differences j - i of one of ``NAMES``, summarised over the matrices; ranks within the group by signs."""

    def of(own: _Own) -> tuple[Array, ...]:
        values = own.values[number]
        difference = values[:, None, :] - values[:, :, None]  # (m, i, j)
        average, signs = mean(difference, np.ones(len(difference))), mean_sign(difference)
        relative = average / max(float(np.abs(average).max(initial=0.0)), 1e-9)
        weighted = mean(difference, own.by_size)
        return average, weighted, signs, extreme(difference), relative, *both(share_below(signs))

    return of


def _group(name: str) -> str:
    return "norms" if name == "rms" else "exact" if name in ("zeros", "grid", "distinct") else "moments"


SECTION = Section(
    _Own.of,
    tuple(
        Features(_group(name), tuple(f"{name}.{summary}" for summary in _SUMMARIES), _differences(number))
        for number, name in enumerate(NAMES)
    ),
)
