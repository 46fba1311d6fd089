r"""Direction: which of two related models came first?

Each witness is a vote over the compared matrices and free of data:

- ``fake-initialisation``: a child has been optimised for longer and lies farther from any random draw z with
  zero mean (Neural Phylogeny, ICLR 2025). Because :math:`E\|\theta - z\|^2 = \|\theta\|^2 + E\|z\|^2` this is
  a comparison of norms; the closed form needs no draw. Weight decay and pruning turn it upside down. A matrix counts as
  much as the two models differ in it, so that the sign is that of the distance over all matrices;
- those of ``outlines``: tails, singular values and lengths of units, which leave those of an initialisation;
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
from neural_phylogeny.relations.steps import step_leads
from neural_phylogeny.relations.tables import (
    Leads,
    Matrix,
    Table,
    leads,
    matrices_only,
    mean_power,
    votes_of,
    weighted_votes_of,
)
from neural_phylogeny.statistics.results import Statistics

RELIABILITY = 0.75
"""Chance that a theme is right when all matrices agree with it, before any calibration: three of four is what the
better witnesses reach on training families and on documented public edges."""


@dataclass(frozen=True, slots=True)
class Witness:
    """How much more, by each matrix, one of two models looks like the parent than the other.

    Witnesses of one ``theme`` look at much the same and share one voice.
    """

    name: str
    theme: str
    summary: str
    leads: Callable[[Statistics], Leads]
    count: Callable[[Leads], Matrix] = votes_of


def norm_score(statistics: Statistics) -> Table:
    """Squared norm of each matrix: the distance to a fake initialisation in closed form, less a constant."""
    return matrices_only(statistics, mean_power(statistics, "square") * _sizes(statistics))


def growing(score: Callable[[Statistics], Table]) -> Callable[[Statistics], Leads]:
    """The leads of a number per matrix and model that grows along a lineage."""
    return lambda statistics: leads(score(statistics))


WITNESSES = (
    Witness(
        "fake-initialisation",
        "length",
        "distance to a random initialisation, in closed form",
        growing(norm_score),
        weighted_votes_of,
    ),
    Witness(
        "kurtosis", "tails", "weight of the tails of the weight distribution", growing(matrix_scores.kurtosis_score)
    ),
    Witness(
        "largest-weight", "tails", "largest magnitude over the root mean square", growing(matrix_scores.largest_score)
    ),
    Witness(
        "uniform-distance",
        "tails",
        "distance to a uniform distribution of any scale",
        growing(matrix_scores.uniform_score),
    ),
    Witness(
        "outside-bounds", "tails", "share beyond the bounds of an initialisation", growing(matrix_scores.outside_score)
    ),
    Witness(
        "spectrum",
        "evenness",
        "how far singular values are from equal",
        growing(matrix_scores.spectrum_score),
    ),
    Witness(
        "unit-norms",
        "evenness",
        "how much the lengths of units differ",
        growing(matrix_scores.unit_score),
    ),
    Witness(
        "input-norms",
        "evenness",
        "how much the lengths of inputs differ",
        growing(matrix_scores.input_score),
    ),
    Witness("independent-step", "steps", "how much a step depends on where it starts", step_leads),
)


def log_odds(statistics: Statistics, features: Sequence[Witness] = WITNESSES) -> tuple[Matrix, dict[str, Matrix]]:
    """Natural log-odds that i is the parent of j, and each witness's votes.

    Matrices that one of two models was given anew have no vote. The votes of a theme are averaged and those of the
    themes added, each worth at most ``log(RELIABILITY / (1 - RELIABILITY))``. They are not independent, and nothing
    here is fitted: read the odds as an order, not as a calibrated probability.
    """
    statistics = _matrices(statistics)
    shared = retained(statistics)
    by_witness, themes = {}, dict[str, list[Matrix]]()
    for witness in features:
        found = witness.count(np.where(shared, witness.leads(statistics), np.nan))
        by_witness[witness.name] = found
        themes.setdefault(witness.theme, []).append(found)
    added = sum((np.mean(found, axis=0) for found in themes.values()), np.zeros(shared.shape[1:]))
    weight = odds.log_odds(RELIABILITY)
    return weight * np.round(added, 12), by_witness  # what cancels leaves no trace


def _matrices(statistics: Statistics) -> Statistics:
    """The statistics of the matrices alone, which are all that votes."""
    pairs = [(tensor, arrays) for tensor, arrays in statistics if tensor.is_matrix]
    alignment = replace(statistics.alignment, tensors=tuple(tensor for tensor, _ in pairs))
    return replace(statistics, alignment=alignment, arrays=tuple(arrays for _, arrays in pairs))


def _sizes(statistics: Statistics) -> NDArray[np.float64]:
    """Values in each tensor, ``(n_tensors, 1)``."""
    return np.array([tensor.size for tensor in statistics.alignment.tensors], dtype=np.float64).reshape(-1, 1)
