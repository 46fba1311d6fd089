"""How likely it is that parents are among the models: a number of the user's situation, not of the weights.

In a release with all of its stages nearly every parent is there; in a folder of downloads many are not. The weights
tell the two apart only in part, so the odds of "no parent here" are multiplied by a prior that the user may set.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from neural_phylogeny.trees.family import Posterior

PriorName = Literal["likely", "unknown", "unlikely"]
"""Whether the parents of the models are present, as far as the user knows."""

PRIORS: Mapping[PriorName, float] = {"likely": 1.0 / 3.0, "unknown": 1.0, "unlikely": 3.0}
"""Factors on the odds of having no parent here, over those of complete families of the training data."""

DEFAULT: PriorName = "unknown"
"""What is taken where the user says nothing; chosen on a mixture of complete families and some without their root."""


def with_prior(posterior: Posterior, prior: PriorName) -> Posterior:
    """The posterior under another prior; Bayes' rule, exact. O(n^2).

    Examples
    --------
    >>> even = Posterior(parent=np.array([[0.5, 0.5], [0.5, 0.5]]), missing=np.array([0.5, 0.5]))
    >>> with_prior(even, "likely").parent.round(2).tolist()
    [[0.25, 0.75], [0.75, 0.25]]
    """
    factor = PRIORS[prior]
    parent = posterior.parent * np.where(np.eye(len(posterior.parent), dtype=bool), factor, 1.0)
    missing = factor * posterior.missing
    return Posterior(parent=parent / parent.sum(axis=0), missing=missing / (missing + 1.0 - posterior.missing))
