"""Steps that go on the way of the step before: checkpoints of one run, which other tasks do not continue.

Fooled by a fine-tuning on the task of the step before it, which is the same run but for its name.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.statistics.results import Statistics, pairs_of, stacked

ONE_RUN = 0.25
"""Mean cosine of two steps in a row from which on they are of one run."""

CLEAR = 1e-9
"""Least squared step over the squared length of a matrix that inner products show."""


def onward(statistics: Statistics, first: int, middle: int, last: int) -> float:
    """Mean cosine over matrices of the steps first -> middle and middle -> last; NaN where they moved no matrix.

    From inner products, O(n_tensors).
    """
    gram = products_of_three(statistics, first, middle, last)
    with np.errstate(all="ignore"):
        before = gram[0, 0] + gram[1, 1] - 2.0 * gram[0, 1]
        after = gram[1, 1] + gram[2, 2] - 2.0 * gram[1, 2]
        product = gram[1, 2] - gram[1, 1] - gram[0, 2] + gram[0, 1]
        moved = np.isfinite(product) & (np.minimum(before, after) > CLEAR * gram[1, 1])
        found = (product / np.sqrt(before * after))[moved].tolist()
    return sum(found) / len(found) if found else math.nan


def products_of_three(statistics: Statistics, *models: int) -> NDArray[np.float64]:
    """Inner products ``(3, 3, T)`` of three models in the T matrices that they all compare, in stored order."""
    found, places = [np.empty((0, 3, 3))], list[int]()
    for here, alike in statistics.runs("gram", matrices=True):
        members = alike[0][0].members
        if set(models) <= set(members):
            rows = np.array([members.index(model) for model in models])
            at = slice(None), rows[:, None], rows
            all_three = np.broadcast_to(pairs_of(alike)[at].all(axis=(1, 2)), len(alike))
            found.append(stacked(alike, "gram")[at][all_three])
            places += np.array(here)[all_three].tolist()
    return np.moveaxis(np.concatenate(found)[np.argsort(places)], 0, -1)
