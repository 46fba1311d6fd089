r"""Direction from single matrices: how far have the weights departed from an initialisation?

A network begins with weights from a light-tailed distribution, with units of like length and the singular values of a
random matrix. Each number here is smallest there, grows with training, needs no data and does not depend on scale:

- ``kurtosis``: training fattens the tails (after MoTHer, arXiv:2405.18432). Fails on short fine-tunes;
- ``outside-bounds``: share of the weights beyond twice the median magnitude, where a uniform initialisation ends;
- ``spectrum``: how far the singular values are from equal (Martin and Mahoney, JMLR 22, 2021), by their entropy;
- ``unit-norms``, ``input-norms``: how much the lengths of rows and of columns differ.

``docs/tables/direction.md`` says how often each is right, and which others were dropped.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.relations.tables import Table, matrices_only, mean_power, ratio
from neural_phylogeny.statistics.results import Statistics
from neural_phylogeny.statistics.sketch import QUANTILES

Array = NDArray[np.float64]

UNIFORM = np.sqrt(3.0) * np.array(QUANTILES)
"""Quantiles of magnitudes over their root mean square when weights are uniform."""

MEDIAN = QUANTILES.index(0.5)
"""Where the median is among the quantiles."""


def kurtosis_score(statistics: Statistics) -> Table:
    """Kurtosis of the weights of each matrix about their mean."""
    mean, square, cube, fourth = (mean_power(statistics, power) for power in ("sum", "square", "cube", "fourth"))
    variance = square - mean**2
    return matrices_only(statistics, ratio(central_fourth(mean, square, cube, fourth), variance**2))


def central_fourth(mean: Array, square: Array, cube: Array, fourth: Array) -> Array:
    """Fourth moment about the mean, from the means of four powers; over the variance squared, the kurtosis."""
    found: Array = fourth - 4 * mean * cube + 6 * mean**2 * square - 3 * mean**4
    return found


def largest_score(statistics: Statistics) -> Table:
    """Largest magnitude over the root mean square of each matrix."""
    square = mean_power(statistics, "square")
    return matrices_only(statistics, ratio(statistics.per_model("moments.largest"), np.sqrt(square)))


def outside_score(statistics: Statistics) -> Table:
    """Share of each matrix outside the bounds of a uniform initialisation."""
    return matrices_only(statistics, outside_bounds(_quantiles(statistics), largest_score(statistics)))


def spectrum_score(statistics: Statistics) -> Table:
    """1 minus the normalised entropy of the squared singular values of each matrix: 0 where all are equal."""
    spectrum = statistics.per_model("sketch.spectrum")
    if spectrum.ndim != 3:  # no matrix has one
        return np.full(spectrum.shape[:2], np.nan)
    return matrices_only(statistics, 1.0 - spectrum[:, :, 2])


def unit_score(statistics: Statistics) -> Table:
    """Coefficient of variation of the lengths of the units of each matrix."""
    return matrices_only(statistics, statistics.per_model("sketch.rows"))


def input_score(statistics: Statistics) -> Table:
    """Coefficient of variation of the lengths of the inputs of each matrix."""
    return matrices_only(statistics, statistics.per_model("sketch.columns"))


def quantile_distance(quantiles: Array, family: Array) -> Array:
    """Mean distance of quantiles from those of a family of distributions, at any scale: ``(..., 9) -> (...)``.

    Both are of magnitudes over their root mean square.
    """
    found: Array = np.abs(quantiles - family).mean(axis=-1)
    return found


def outside_bounds(quantiles: Array, largest: Array) -> Array:
    """Share of the weights beyond twice the median magnitude: ``(..., 9), (...) -> (...)``.

    Of uniform weights none, of normal ones 0.18. The median tells the bound of the initialisation, for few weights in
    the middle leave it first. Shares between the quantiles, and up to the largest magnitude, are interpolated linearly.

    Examples
    --------
    >>> float(outside_bounds(UNIFORM, np.sqrt(3.0)))
    0.0
    """
    ends = np.concatenate([quantiles, largest[..., None]], axis=-1)[..., MEDIAN:]
    shares = np.diff([*QUANTILES[MEDIAN:], 1.0])
    bound = 2.0 * quantiles[..., MEDIAN, None]
    above = np.clip(ends[..., 1:] - bound, 0.0, None)
    widths = np.maximum(np.diff(ends, axis=-1), 1e-12)
    found: Array = (shares * np.minimum(above / widths, 1.0)).sum(axis=-1)
    return found


def _quantiles(statistics: Statistics) -> Array:
    """``(n_tensors, n_models, 9)``, NaN where there are none."""
    found = statistics.per_model("sketch.quantiles")
    return found if found.ndim == 3 else np.full((*found.shape[:2], len(QUANTILES)), np.nan)
