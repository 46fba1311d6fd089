"""How probable it is that a claimed parent and its child share an initialisation alone, where no draw is found.

Two trainings of one draw can look like parent and child (``independence``). Where the large weights of a pair are no
better than what such trainings show, the alternative is told with its probability beside the claim.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.relations.initialisations.independence import INDEPENDENT

Matrix = NDArray[np.float64]

PRIOR = float(np.log(9.0))
"""Log-odds of descent before the weights are looked at, of a pair that a method calls parent and child: nine in ten
descend. Stated, not fitted: how many strangers share a seed is a matter of the collection."""

LEAST_ODDS = -2.0
"""Lower log-odds of descent count as these, so that the alternative has 45 % at most: children of a base that was
hardly trained have as little of its large weights as strangers."""


def independent(odds: Matrix) -> Matrix:
    """Probability that two models share an initialisation alone, 0 where that is in no doubt: ``(n, n) -> (n, n)``.

    In doubt is what two in a hundred parents and children lie below; such a claim is told at 77 % at most.

    Parameters
    ----------
    odds : (n, n)
        Log-odds of descent as ``independence.descent`` gives them without a draw.

    Examples
    --------
    >>> independent(np.array([[0.0, -1.2], [0.8, 0.0]])).round(2).tolist()
    [[0.0, 0.27], [0.0, 0.0]]
    """
    bounded = np.maximum(odds, LEAST_ODDS)
    found: Matrix = np.where(odds < INDEPENDENT, 1.0 / (1.0 + np.exp(bounded + PRIOR)), 0.0)
    return found
