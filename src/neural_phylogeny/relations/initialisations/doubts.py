"""How probable it is that a claimed parent and its child share an initialisation alone.

Two trainings of one draw can look like parent and child (``independence``). Where what is measured of a pair is no
better than what such trainings show, the alternative is told with its probability beside the claim.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.relations.initialisations.independence import INDEPENDENT

Matrix = NDArray[np.float64]

DRAWN = 1.0
"""Log-odds of descent, where the draw is known, below which a claim is in doubt: a twentieth of what the parent learnt
lies in units that the child did not keep. See the log for pairs of strangers and of parents and children below it."""

PRIOR, PRIOR_DRAWN = float(np.log(9.0)), float(np.log(2.0))
"""Log-odds of descent before the weights are looked at, of a pair that a method calls parent and child: nine in ten
descend; two in three where both began with the draw of a usual seed, since others begin with it too. Stated, not
fitted: how many strangers share a seed is a matter of the collection."""


def independent(odds: Matrix, *, drawn: bool) -> Matrix:
    """Probability that two models share an initialisation alone, 0 where that is in no doubt: ``(n, n) -> (n, n)``.

    Parameters
    ----------
    odds : (n, n)
        Log-odds of descent as ``independence.descent`` gives them, 0 where nothing is known.
    drawn : bool
        Whether they come from a draw that was found.

    Examples
    --------
    >>> independent(np.array([[0.0, -1.2], [0.8, 0.0]]), drawn=False).round(2).tolist()
    [[0.0, 0.27], [0.0, 0.0]]
    >>> independent(np.array([[0.0, 1.4], [0.8, 0.0]]), drawn=True).round(2).tolist()
    [[0.0, 0.0], [0.18, 0.0]]
    """
    limit, prior = (DRAWN, PRIOR_DRAWN) if drawn else (INDEPENDENT, PRIOR)
    found: Matrix = np.where((odds < limit) & (odds != 0.0), 1.0 / (1.0 + np.exp(odds + prior)), 0.0)
    return found
