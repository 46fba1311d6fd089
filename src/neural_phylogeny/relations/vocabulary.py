"""New rows of a vocabulary, or of a head, that still look like an initialisation: their owner came later.

An initialisation gives all rows nearly the same length, and training gives each its own, or makes all longer. So rows
that one model has beyond those of another, as even as only an initialisation leaves them, and beside rows that are
uneven or of quite another length, were put there after the others were trained. The mean of all rows is even as well.
Silent once they were trained too. Fooled by a parent that carried rows it never used and a child that cut them off; so
this is weak evidence, not a proof.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.relations.retained import RETAINED
from neural_phylogeny.statistics.results import Statistics

Matrix = NDArray[np.float64]

EVEN, UNEVEN = 1.5, 3.0
"""Spreads of lengths, in units of that of normal rows: rows of up to the first look newly initialised, of at least the
second trained."""

OTHER_LENGTH = 2.0
"""Ratio of the root mean squares of rows from which on they are of quite another length."""


def longer(statistics: Statistics) -> NDArray[np.bool_]:
    """Whether j has i's rows of a matrix, trained and alike, and newly initialised ones beside: ``(n, n)``.

    O(n_models^2) a matrix in which some model has more rows than another.
    """
    n = statistics.alignment.n_models
    found = np.zeros((n, n), dtype=bool)
    for tensor, arrays in statistics:
        if "beyond.rows" not in arrays or "sketch.rows" not in arrays:
            continue
        normal = spread_of_normal_rows(tensor.size // tensor.shape[0])
        grown = arrays["sketch.rows"] > UNEVEN * normal
        if "beyond.squares" in arrays:
            with np.errstate(all="ignore"):
                ratio = np.log(arrays["beyond.squares"] * tensor.size / np.diag(arrays["gram"])) / 2.0
            grown |= np.abs(ratio) > math.log(OTHER_LENGTH)
        grown &= arrays["beyond.rows"] < EVEN * normal
        has_no_more = np.array([source.shape[0] == tensor.stop[0] for source in tensor.sources])
        length = np.sqrt(np.diag(arrays["gram"]))
        with np.errstate(all="ignore"):
            alike = arrays["gram"] > RETAINED * length[:, None] * length[None, :]
        found[np.ix_(tensor.members, tensor.members)] |= has_no_more[:, None] & grown[None, :] & alike
    return found


def spread_of_normal_rows(width: int) -> float:
    """Coefficient of variation of the lengths of rows of ``width`` independent normal numbers, to first order.

    Examples
    --------
    >>> spread_of_normal_rows(50)
    0.1
    """
    return math.sqrt(0.5 / width)
