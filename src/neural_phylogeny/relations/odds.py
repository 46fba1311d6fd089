"""Probabilities and their log-odds."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def probability(log_odds: ArrayLike) -> NDArray[np.float64]:
    """The probability of natural log-odds, ``1 / (1 + exp(-log_odds))``, of any shape.

    Examples
    --------
    >>> probability([0.0, np.log(3.0)]).round(2).tolist()
    [0.5, 0.75]
    """
    found: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-np.asarray(log_odds, dtype=np.float64)))
    return found


def log_odds(probability: float) -> float:
    """Natural log-odds of a probability in (0, 1).

    Examples
    --------
    >>> log_odds(0.5)
    0.0
    """
    return float(np.log(probability / (1.0 - probability)))
