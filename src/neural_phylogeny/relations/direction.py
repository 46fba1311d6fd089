r"""Direction: which of two related models came first?

Three witnesses, each a vote over the compared matrices and each free of data (in the first, a matrix counts as much as
the two models differ in it, so that its sign is that of the distance over all matrices):

- ``fake-initialisation``: a child has been optimised for longer and lies farther from any random draw z with
  zero mean (Neural Phylogeny, ICLR 2025). Because :math:`E\|\theta - z\|^2 = \|\theta\|^2 + E\|z\|^2` this is
  a comparison of norms; the closed form needs no draw. Weight decay and pruning turn it upside down.
- ``kurtosis``: training leaves the light-tailed distribution a network was initialised with, so a child's
  weights have heavier tails (after MoTHer, arXiv:2405.18432). Fails on short fine-tunes.
- ``largest-weight``: the largest magnitude over the root mean square, a tail that decay does not rescale.

Matrices ``[i, j]`` are positive where i looks like the parent of j.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.measures.statistics import Statistics

Matrix = NDArray[np.float64]
Table = NDArray[np.float64]
"""(n_tensors, n_models): one number per compared matrix and model, NaN where there is none."""

RELIABILITY = 0.75
"""Chance that a witness is right when all matrices agree with it, before any calibration: three of four is
what each of the three reached on documented public edges."""


def votes(scores: Table) -> Matrix:
    """Share of tensors in which i scores lower than j, less the share in which it scores higher.

    ``(n_tensors, n_models) -> (n_models, n_models)``, antisymmetric, in [-1, 1]; 0 where nothing is compared.
    """
    signs = np.sign(scores[:, None, :] - scores[:, :, None])
    counted = np.isfinite(signs)
    total, n_votes = np.where(counted, signs, 0.0).sum(axis=0), counted.sum(axis=0)
    return _ratio(total, n_votes, fill=0.0)


@dataclass(frozen=True, slots=True)
class Witness:
    """A number per matrix and model that is expected to grow along a lineage."""

    name: str
    summary: str
    score: Callable[[Statistics], Table]
    count: Callable[[Table], Matrix] = votes


def weighted_votes(scores: Table) -> Matrix:
    """Votes in which each tensor counts as much as the two models differ in it; otherwise as ``votes``.

    The sign is that of the difference of the sums over all tensors.
    """
    differences = scores[:, None, :] - scores[:, :, None]
    differences = np.where(np.isfinite(differences), differences, 0.0)
    return _ratio(differences.sum(axis=0), np.abs(differences).sum(axis=0), fill=0.0)


def norm_score(statistics: Statistics) -> Table:
    """Squared norm of each matrix: the distance to a fake initialisation in closed form, less a constant."""
    return _matrices_only(statistics, _mean(statistics, "square") * _sizes(statistics))


def kurtosis_score(statistics: Statistics) -> Table:
    """Kurtosis of the weights of each matrix about their mean."""
    mean, square, cube, fourth = (_mean(statistics, power) for power in ("sum", "square", "cube", "fourth"))
    variance = square - mean**2
    central = fourth - 4 * mean * cube + 6 * mean**2 * square - 3 * mean**4
    return _matrices_only(statistics, _ratio(central, variance**2))


def largest_score(statistics: Statistics) -> Table:
    """Largest magnitude over the root mean square of each matrix."""
    square = _mean(statistics, "square")
    return _matrices_only(statistics, _ratio(statistics.per_model("moments.largest"), np.sqrt(square)))


WITNESSES = (
    Witness("fake-initialisation", "distance to a random initialisation, in closed form", norm_score, weighted_votes),
    Witness("kurtosis", "weight of the tails of the weight distribution", kurtosis_score),
    Witness("largest-weight", "largest magnitude over the root mean square", largest_score),
)


def log_odds(statistics: Statistics) -> tuple[Matrix, dict[str, Matrix]]:
    """Natural log-odds that i is the parent of j, and each witness's votes.

    The witnesses' votes are added with equal weight, each worth at most ``log(RELIABILITY / (1 - RELIABILITY))``.
    They are not independent, and nothing here is fitted: read the odds as an order, not as a calibrated
    probability.
    """
    by_witness = {witness.name: witness.count(witness.score(statistics)) for witness in WITNESSES}
    weight = np.log(RELIABILITY / (1.0 - RELIABILITY))
    return weight * sum(by_witness.values(), np.zeros((statistics.alignment.n_models,) * 2)), by_witness


def _mean(statistics: Statistics, power: str) -> Table:
    """Mean of a power of each tensor's values; NaN where that is not finite."""
    total = statistics.per_model(f"moments.{power}")
    return np.where(np.isfinite(total), total, np.nan) / statistics.per_model("moments.count")


def _sizes(statistics: Statistics) -> NDArray[np.float64]:
    """Values in each tensor, ``(n_tensors, 1)``."""
    return np.array([tensor.size for tensor in statistics.alignment.tensors], dtype=np.float64).reshape(-1, 1)


def _matrices_only(statistics: Statistics, table: Table) -> Table:
    """Blank the rows of tensors that are no matrices and the entries that are not finite."""
    matrix = np.array([tensor.is_matrix for tensor in statistics.alignment.tensors], dtype=bool)
    return np.where(matrix[:, None] & np.isfinite(table), table, np.nan)


def _ratio(numerator: Table, denominator: NDArray[Any], fill: float = np.nan) -> Table:
    """Quotient, ``fill`` where the denominator is not positive."""
    quotient: Table = np.divide(numerator, denominator, out=np.full_like(numerator, fill), where=denominator > 0)
    return quotient
