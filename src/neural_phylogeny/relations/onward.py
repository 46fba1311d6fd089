"""Steps that go on the way of the step before: checkpoints of one run, which other tasks do not continue.

Fooled by a fine-tuning on the task of the step before it, which is the same run but for its name.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.statistics.results import Statistics

ONE_RUN = 0.25
"""Mean cosine of two steps in a row from which on they are of one run."""

CLEAR = 1e-9
"""Least squared step over the squared length of a matrix that inner products show."""


def onward(statistics: Statistics, first: int, middle: int, last: int) -> float:
    """Mean cosine over matrices of the steps first -> middle and middle -> last; NaN where they moved no matrix.

    From inner products, O(n_tensors).
    """
    found = []
    for gram in products_of_three(statistics, first, middle, last):
        before = gram[0, 0] + gram[1, 1] - 2.0 * gram[0, 1]
        after = gram[1, 1] + gram[2, 2] - 2.0 * gram[1, 2]
        product = gram[1, 2] - gram[1, 1] - gram[0, 2] + gram[0, 1]
        if np.isfinite(product) and min(before, after) > CLEAR * gram[1, 1]:
            found.append(float(product) / math.sqrt(before * after))
    return sum(found) / len(found) if found else math.nan


def products_of_three(statistics: Statistics, *models: int) -> Iterator[NDArray[np.float64]]:
    """Inner products ``(3, 3)`` of three models in each matrix that they all compare, in stored order."""
    for tensor, arrays in statistics:
        if tensor.is_matrix and set(models) <= set(tensor.members):
            at = np.ix_(*[[tensor.members.index(model) for model in models]] * 2)
            if tensor.pairs[at][np.triu_indices(3, 1)].all():
                yield arrays["gram"][at]
