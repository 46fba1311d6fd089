"""Steps that go on the way of the step before: checkpoints of one run, which other tasks do not continue.

Fooled by a fine-tuning on the task of the step before it, which is the same run but for its name.
"""

from __future__ import annotations

import math

import numpy as np

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
    for tensor, arrays in statistics:
        if not tensor.is_matrix or not {first, middle, last} <= set(tensor.members):
            continue
        a, b, c = (tensor.members.index(model) for model in (first, middle, last))
        gram = arrays["gram"]
        if not (tensor.pairs[a, b] and tensor.pairs[b, c] and tensor.pairs[a, c]):
            continue
        before = gram[a, a] + gram[b, b] - 2.0 * gram[a, b]
        after = gram[b, b] + gram[c, c] - 2.0 * gram[b, c]
        product = gram[b, c] - gram[b, b] - gram[a, c] + gram[a, b]
        if np.isfinite(product) and min(before, after) > CLEAR * gram[b, b]:
            found.append(float(product) / math.sqrt(before * after))
    return sum(found) / len(found) if found else math.nan
