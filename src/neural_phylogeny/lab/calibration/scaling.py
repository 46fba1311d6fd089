"""One more temperature for probabilities of parents: chosen on one half of the families, judged on the other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.evaluation.rates import calibration
from neural_phylogeny.lab.calibration.claims import Claim

Array = NDArray[np.float64]

TEMPERATURES: tuple[float, ...] = tuple(np.round(np.geomspace(0.4, 2.5, 45), 3).tolist())
"""What is tried."""

CLIPPED = 1e-6
"""Probabilities are kept so far from 0 and 1."""


def log_odds(claims: Sequence[Claim]) -> Array:
    """Of the probabilities that are claimed, ``(n,)``."""
    p = np.clip([claim.probability for claim in claims], CLIPPED, 1.0 - CLIPPED)
    found: Array = np.log(p / (1.0 - p))
    return found


def loss(odds: Array, right: NDArray[np.bool_], temperature: float) -> float:
    """Mean negative log-likelihood of what was so, at a temperature."""
    signed = np.where(right, odds, -odds) / temperature
    return float(np.mean(np.logaddexp(0.0, -signed)))


def best_temperature(claims: Sequence[Claim]) -> float:
    """The temperature of least loss; 1.0 without claims.

    Examples
    --------
    >>> best_temperature([])
    1.0
    """
    if not claims:
        return 1.0
    odds, right = log_odds(claims), np.array([claim.right for claim in claims])
    return min(TEMPERATURES, key=lambda temperature: loss(odds, right, temperature))


def error_at(claims: Sequence[Claim], temperature: float) -> float | None:
    """The expected calibration error at a temperature; None without claims."""
    scaled = 1.0 / (1.0 + np.exp(-log_odds(claims) / temperature))
    return calibration([(float(p), claim.right) for p, claim in zip(scaled, claims, strict=True)]).error


def without_each(claims: Sequence[Claim]) -> list[tuple[str, float, float | None, float | None]]:
    """For each generator: the temperature by the choosing half of all others; its error as it is, and with that."""
    found = []
    for name in dict.fromkeys(claim.generator for claim in claims):
        temperature = best_temperature([claim for claim in claims if claim.generator != name and claim.half == 0])
        own = [claim for claim in claims if claim.generator == name]
        found.append((name, temperature, error_at(own, 1.0), error_at(own, temperature)))
    return found
