r"""Direction: which of two related models came first?

Each feature compares the two models matrix by matrix, without data, and is pooled over the matrices:

- ``fake-initialisation``: a child has been optimised for longer and lies farther from any random draw z with
  zero mean (Neural Phylogeny, ICLR 2025). Because :math:`E\|\theta - z\|^2 = \|\theta\|^2 + E\|z\|^2` this is
  a comparison of norms; the closed form needs no draw. Weight decay and pruning turn it upside down. A matrix counts as
  much as the two models differ in it, so that the sign is that of the distance over all matrices;
- those of ``matrix_scores``: tails, singular values and lengths of units, which leave those of an initialisation;
- ``independent-step`` of ``steps``: what a child added depends less on its parent's weights than on its own.

Matrices ``[i, j]`` are positive where i looks like the parent of j.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.relations import matrix_scores, odds
from neural_phylogeny.relations.retained import retained
from neural_phylogeny.relations.steps import step_differences
from neural_phylogeny.relations.tables import (
    Differences,
    Matrix,
    Table,
    differences,
    matrices_only,
    mean_power,
    mean_sign_of,
    weighted_sign_of,
)
from neural_phylogeny.statistics.results import Statistics

RELIABILITY = 0.75
"""Probability that a group of features is right when all matrices agree with it, before any calibration: the better
features reach three of four on training families and on documented public edges."""


@dataclass(frozen=True, slots=True)
class DirectionFeature:
    """How much more, by each matrix, one of two models looks like the parent than the other.

    Features of one ``group`` measure nearly the same and count as one.
    """

    name: str
    group: str
    summary: str
    differences: Callable[[Statistics], Differences]
    pooled: Callable[[Differences], Matrix] = mean_sign_of


def norm_score(statistics: Statistics) -> Table:
    """Squared norm of each matrix: the distance to a fake initialisation in closed form, less a constant."""
    return matrices_only(statistics, mean_power(statistics, "square") * _sizes(statistics))


def growing(score: Callable[[Statistics], Table]) -> Callable[[Statistics], Differences]:
    """The differences of a number per matrix and model that grows along a lineage."""
    return lambda statistics: differences(score(statistics))


DIRECTION_FEATURES = (
    DirectionFeature(
        "fake-initialisation",
        "length",
        "distance to a random initialisation, in closed form",
        growing(norm_score),
        weighted_sign_of,
    ),
    DirectionFeature(
        "kurtosis", "tails", "weight of the tails of the weight distribution", growing(matrix_scores.kurtosis_score)
    ),
    DirectionFeature(
        "outside-bounds", "tails", "share beyond the bounds of an initialisation", growing(matrix_scores.outside_score)
    ),
    DirectionFeature(
        "spectrum",
        "evenness",
        "how far singular values are from equal",
        growing(matrix_scores.spectrum_score),
    ),
    DirectionFeature(
        "unit-norms",
        "evenness",
        "how much the lengths of units differ",
        growing(matrix_scores.unit_score),
    ),
    DirectionFeature(
        "input-norms",
        "evenness",
        "how much the lengths of inputs differ",
        growing(matrix_scores.input_score),
    ),
    DirectionFeature("independent-step", "steps", "how much a step depends on where it starts", step_differences),
)


def log_odds(
    statistics: Statistics, features: Sequence[DirectionFeature] = DIRECTION_FEATURES
) -> tuple[Matrix, dict[str, Matrix]]:
    """Natural log-odds that i is the parent of j, and each feature by its name: ``(n, n)`` each, antisymmetric.

    Layers that one of two models re-initialised do not count. Features are averaged within a group, in [-1, 1], and
    the groups added, each worth at most ``log(RELIABILITY / (1 - RELIABILITY))``. They are not independent, and nothing
    here is fitted: read the odds as an order, not as a calibrated probability. O(n^2) a matrix and feature.
    """
    statistics = _matrices(statistics)
    kept = retained(statistics)
    by_name, groups = {}, dict[str, list[Matrix]]()
    for feature in features:
        found = feature.pooled(np.where(kept, feature.differences(statistics), np.nan))
        by_name[feature.name] = found
        groups.setdefault(feature.group, []).append(found)
    added = sum((np.mean(found, axis=0) for found in groups.values()), np.zeros(kept.shape[1:]))
    weight = odds.log_odds(RELIABILITY)
    return weight * np.round(added, 12), by_name  # what cancels leaves no trace


def _matrices(statistics: Statistics) -> Statistics:
    """The statistics of the matrices alone, which alone count."""
    pairs = [(tensor, arrays) for tensor, arrays in statistics if tensor.is_matrix]
    alignment = replace(statistics.alignment, tensors=tuple(tensor for tensor, _ in pairs))
    return replace(statistics, alignment=alignment, arrays=tuple(arrays for _, arrays in pairs))


def _sizes(statistics: Statistics) -> NDArray[np.float64]:
    """Values in each tensor, ``(n_tensors, 1)``."""
    return np.array([tensor.size for tensor in statistics.alignment.tensors], dtype=np.float64).reshape(-1, 1)
