"""Steps of low rank: what a merged adapter adds, and rows that were brought to learnt lengths besides."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.relations.explanations.step import Step, rms

Floats = NDArray[np.float64]

ROUNDING = 4.0
"""Roundings to the last place that arithmetic may leave."""

CLEARLY = 10.0
"""The step over what is left, at least."""

OF_SIZE = 3
"""The rank is at most this part of the sample's smaller side."""

ROWS_RANK, ROUNDS = 8, 60
"""Rank that is tried where rows have learnt lengths, and rounds of the search."""


def rank_of(step: Step) -> tuple[int, Floats] | None:
    """Least rank that explains a step but for rounding, and what is left over; None where none does.

    One singular value decomposition of the sample.
    """
    most = min(step.child.shape) // OF_SIZE
    size = rms(step.difference)
    if most < 1 or size == 0.0:
        return None
    u, s, v = np.linalg.svd(step.difference, full_matrices=False)
    allowed = ROUNDING * _rounding(step)
    rest = np.sqrt(np.cumsum((s**2)[::-1])[::-1] / step.child.size)
    fitting = np.flatnonzero(rest[1 : most + 1] <= allowed)
    if not fitting.size or size < CLEARLY * allowed:
        return None
    rank = int(fitting[0]) + 1
    return rank, step.difference - (u[:, :rank] * s[:rank]) @ v[:rank]


def rank_with_lengths(step: Step) -> tuple[int, Floats] | None:
    """The same where each row was multiplied by a number as well: child = d (parent + B A).

    Rows of the child lie in the span of the parent's row and A; A and d are fitted in turn.
    """
    if min(step.child.shape) < OF_SIZE * ROWS_RANK or rms(step.difference) == 0.0:
        return None
    x, y = step.parent, step.child
    norms = np.maximum((x * x).sum(axis=1), 1e-300)
    d, left = (x * y).sum(axis=1) / norms, y
    allowed = ROUNDING * _rounding(step)
    for _ in range(ROUNDS):
        rest = y - d[:, None] * x
        _, _, v = np.linalg.svd(rest, full_matrices=False)
        a = v[:ROWS_RANK]
        inside_x, inside_y = x @ a.T, y @ a.T
        beyond_x, beyond_y = x - inside_x @ a, y - inside_y @ a
        d = (beyond_x * beyond_y).sum(axis=1) / np.maximum((beyond_x * beyond_x).sum(axis=1), 1e-300)
        left = beyond_y - d[:, None] * beyond_x
        if rms(left) <= allowed:
            break
    if rms(left) > allowed or rms(step.difference) < CLEARLY * allowed:
        return None
    return ROWS_RANK, left


def _rounding(step: Step) -> float:
    """Root mean square of one rounding of either model's values."""
    return float(max(rms(step.parent) * 2.0 ** -step.bits[0], rms(step.child) * 2.0 ** -step.bits[1]))
