"""Numbers per compared matrix and model, and the sign of their differences: which of two models came first."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.statistics.results import Statistics

Matrix = NDArray[np.float64]

Table = NDArray[np.float64]
"""(n_tensors, n_models): one number per compared matrix and model, NaN where there is none."""

Differences = NDArray[np.float64]
"""(n_tensors, n_models, n_models): how much more, by one matrix, i looks like the parent of j than the reverse."""


def differences(scores: Table) -> Differences:
    """How much lower i's number is than j's, for numbers that grow along a lineage."""
    found: Differences = scores[:, None, :] - scores[:, :, None]
    return found


def mean_sign(scores: Table) -> Matrix:
    """Share of tensors in which i scores lower than j, less the share in which it scores higher.

    ``(n_tensors, n_models) -> (n_models, n_models)``, antisymmetric, in [-1, 1]; 0 where nothing is compared.
    """
    return mean_sign_of(differences(scores))


def mean_sign_of(found: Differences) -> Matrix:
    """The same from differences: ``(n_tensors, n_models, n_models) -> (n_models, n_models)``."""
    total = (found > 0).sum(axis=0) - (found < 0).sum(axis=0)
    return ratio(total.astype(np.float64), (~np.isnan(found)).sum(axis=0), fill=0.0)


def weighted_sign_of(found: Differences) -> Matrix:
    """The same, but each tensor counts as much as the two models differ in it.

    The sign is that of the difference of the sums over all tensors.
    """
    known = np.where(np.isfinite(found), found, 0.0)
    return ratio(known.sum(axis=0), np.abs(known).sum(axis=0), fill=0.0)


def mean_power(statistics: Statistics, power: str) -> Table:
    """Mean of a power of each tensor's values; NaN where that is not finite."""
    total = statistics.per_model(f"moments.{power}")
    return np.where(np.isfinite(total), total, np.nan) / statistics.per_model("moments.count")


def matrices_only(statistics: Statistics, table: Table) -> Table:
    """Blank the rows of tensors that are not matrices and the entries that are not finite."""
    matrix = np.array([tensor.is_matrix for tensor in statistics.alignment.tensors], dtype=bool)
    return np.where(matrix[:, None] & np.isfinite(table), table, np.nan)


def ratio(numerator: Table, denominator: NDArray[Any], fill: float = np.nan) -> Table:
    """Quotient, ``fill`` where the denominator is not positive."""
    quotient: Table = np.divide(numerator, denominator, out=np.full_like(numerator, fill), where=denominator > 0)
    return quotient
