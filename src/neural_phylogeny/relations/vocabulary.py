"""New rows of a vocabulary, or of a head, that still look like an initialisation: their owner came later.

An initialisation gives all rows nearly the same length, and training gives each its own. So rows that one model has
beyond those of another, as even as only an initialisation leaves them, were put there after the others were trained.
Silent once they were trained too. Fooled by a parent that carried rows it never used and a child that cut them off; so
this is a lead, not a certainty.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.relations.retained import RETAINED
from neural_phylogeny.statistics.results import Statistics

Matrix = NDArray[np.float64]

EVEN, UNEVEN = 1.5, 3.0
"""Spreads of lengths, in those of normal rows, up to which rows look fresh and from which on they look trained."""


def longer(statistics: Statistics) -> NDArray[np.bool_]:
    """Whether j has i's rows of a matrix, trained and alike, and fresh ones beside: ``(n_models, n_models)``.

    O(n_models^2) a matrix in which some model has more rows than another.
    """
    n = statistics.alignment.n_models
    found = np.zeros((n, n), dtype=bool)
    for tensor, arrays in statistics:
        if "beyond.rows" not in arrays or "sketch.rows" not in arrays:
            continue
        normal = spread_of_normal_rows(tensor.size // tensor.shape[0])
        grown = (arrays["beyond.rows"] < EVEN * normal) & (arrays["sketch.rows"] > UNEVEN * normal)
        has_no_more = np.array([source.shape[0] == tensor.stop[0] for source in tensor.sources])
        length = np.sqrt(np.diag(arrays["gram"]))
        with np.errstate(all="ignore"):
            alike = arrays["gram"] > RETAINED * length[:, None] * length[None, :]
        found[np.ix_(tensor.members, tensor.members)] |= has_no_more[:, None] & grown[None, :] & alike
    return found


def spread_of_normal_rows(width: int) -> float:
    """Coefficient of variation of the lengths of rows of so many independent normal numbers, to first order.

    Examples
    --------
    >>> spread_of_normal_rows(50)
    0.1
    """
    return math.sqrt(0.5 / width)
