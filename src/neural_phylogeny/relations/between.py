"""A part of a relative's step in a model, the same in all matrices, beside a step of its own.

A sum of two trained models leaves this where one of them is not here. A checkpoint on the way to the relative that then
went elsewhere leaves it too, so that it is a sentence and no claim.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neural_phylogeny.relations.onward import CLEAR, products_of_three
from neural_phylogeny.statistics.results import Statistics

SHARES = (0.25, 0.85)
"""Least and most of the step: siblings have up to 0.2 of each other's, what trains on has 0.9 and more."""

EVEN, LEAST_PART = 0.2, 0.5
"""Most spread over the matrices, as a share of the mean, and least part in any: those of siblings are uneven."""

OWN = 0.02
"""Least share of the squares of the step that is not the relative's; below it the model lies between the two."""

FEWEST = 3
"""Fewer matrices do not show that a share is even."""


@dataclass(frozen=True)
class PartOfStep:
    """The ``share`` of a relative's step that a model has; ``left`` of the squares of its own step is not that."""

    share: float
    left: float


def part_of_step(statistics: Statistics, base: int, relative: int, child: int) -> PartOfStep | None:
    """What of the step from a base to a relative is evenly in the step to a child; None where nothing is.

    From inner products, O(n_tensors).
    """
    gram = products_of_three(statistics, base, relative, child)
    with np.errstate(all="ignore"):
        step = gram[0, 0] + gram[1, 1] - 2.0 * gram[0, 1]
        own = gram[0, 0] + gram[2, 2] - 2.0 * gram[0, 2]
        product = gram[1, 2] - gram[0, 1] - gram[0, 2] + gram[0, 0]
        moved = np.isfinite(product) & ~(step <= CLEAR * gram[0, 0])
        shares = (product / step)[moved]
        left = np.where(own > CLEAR * gram[0, 0], 1.0 - product / step * product / own, 1.0)[moved]
    if len(shares) < FEWEST:
        return None
    mean = float(np.mean(shares))
    is_even = np.std(shares) <= EVEN * mean and shares.min() >= LEAST_PART * mean
    if not SHARES[0] <= mean <= SHARES[1] or not is_even or np.mean(left) < OWN:
        return None
    return PartOfStep(mean, float(np.mean(left)))
