"""Which layers two models have in common: not a head or an embedding that one of them re-initialised.

A re-initialised layer was drawn for its own model and trained by it alone. Its weights show how long that training was,
not which of the two models came first.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.relations.tables import Differences
from neural_phylogeny.statistics.results import Statistics, stacked

RETAINED = 0.3
"""Least cosine of two models in a layer that neither re-initialised."""


def least_cosine(typical: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cosine from which a layer counts as retained, by the median cosine over all layers: ``(...) -> (...)``.

    ``RETAINED``, or half of the median where that is more.

    Examples
    --------
    >>> least_cosine(np.array([0.2, 0.9])).tolist()
    [0.3, 0.45]
    """
    found: NDArray[np.float64] = np.maximum(RETAINED, typical / 2.0)
    return found


def retained(statistics: Statistics) -> NDArray[np.bool_]:
    """``[t, i, j]``: whether neither of two models re-initialised layer t.

    They did where their cosine in it is below ``least_cosine``; where no layer would be left, all count as retained.
    ``(n_tensors, n_models, n_models)``; O(n_models^2) a matrix.
    """
    cosines = matrix_cosines(statistics)
    if not len(cosines):
        return np.ones(cosines.shape, dtype=bool)
    with np.errstate(all="ignore"):
        drawn_again = cosines < least_cosine(median(cosines))
    left = np.isfinite(cosines) & ~drawn_again
    found: NDArray[np.bool_] = ~drawn_again | ~left.any(axis=0)
    for row, tensor in zip(found, statistics.alignment.tensors, strict=True):
        if tensor.links:
            row[np.ix_(tensor.members, tensor.members)] &= tensor.pairs
    return found


def matrix_cosines(statistics: Statistics) -> Differences:
    """Cosine of two models in each matrix, NaN where there is none: ``(n_tensors, n_models, n_models)``."""
    n = statistics.alignment.n_models
    found = np.full((len(statistics.arrays), n, n), np.nan)
    for places, alike in statistics.runs("gram", matrices=True):
        gram, members = stacked(alike, "gram"), alike[0][0].members
        gram = np.where(np.isfinite(gram), gram, np.nan)
        length = np.sqrt(np.diagonal(gram, axis1=1, axis2=2))
        scale = length[:, :, None] * length[:, None, :]
        cosine = np.divide(gram, scale, out=np.full_like(gram, np.nan), where=scale > 0)
        found[np.ix_(places, members, members)] = cosine
    return found


def median(values: Differences) -> NDArray[np.float64]:
    """Median over the first axis of what is not NaN; NaN where nothing is."""
    ordered = np.sort(values, axis=0)  # NaN last
    known = np.isfinite(values).sum(axis=0)
    low, high = np.maximum(known - 1, 0) // 2, np.minimum(known // 2, len(values) - 1)
    middle = [np.take_along_axis(ordered, at[None], axis=0)[0] for at in (low, high)]
    found: NDArray[np.float64] = (middle[0] + middle[1]) / 2.0
    return found
