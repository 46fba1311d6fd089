"""Proportions of right answers, their confidence bounds, and calibration."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Proportion:
    """``right`` of ``total``; an undecided answer counts a half. Proportions of several groups add up."""

    right: float
    total: int

    @property
    def value(self) -> float | None:
        """``right / total``; None where there was nothing to count."""
        return self.right / self.total if self.total else None

    def __add__(self, other: Proportion) -> Proportion:
        return Proportion(self.right + other.right, self.total + other.total)


def upper_bound(events: int, trials: int, level: float = 0.95) -> float | None:
    """The one-sided upper confidence bound of a rate after ``events`` of ``trials``; None without trials.

    The exact bound of Clopper and Pearson: the rate at which at most ``events`` have probability 1 - level; for no
    events 1 - (1 - level)^(1 / trials). Assumes independent trials; pairs that have a model in common are not.

    References
    ----------
    C. Clopper and E. Pearson, *The use of confidence or fiducial limits*, Biometrika 26 (1934).

    Examples
    --------
    >>> round(upper_bound(0, 300), 4), round(upper_bound(2, 50), 4)
    (0.0099, 0.1206)
    """
    if not trials:
        return None
    if events >= trials:
        return 1.0
    if not events:
        return 1.0 - float((1.0 - level) ** (1.0 / trials))
    low, high = events / trials, 1.0
    for _ in range(60):
        middle = (low + high) / 2.0
        low, high = (middle, high) if _at_most(events, trials, middle) > 1.0 - level else (low, middle)
    return high


def _at_most(events: int, trials: int, rate: float) -> float:
    """Probability of at most ``events`` of ``trials``, each of them of probability ``rate``; in log space."""
    logs = [
        math.lgamma(trials + 1)
        - math.lgamma(k + 1)
        - math.lgamma(trials - k + 1)
        + k * math.log(rate)
        + (trials - k) * math.log1p(-rate)
        for k in range(events + 1)
    ]
    return math.fsum(math.exp(log) for log in logs)


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers of probability ``low`` to ``high``: their number, mean probability, and proportion that is right."""

    low: float
    high: float
    number: int
    confidence: float
    right: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """Calibration of probabilities; ``brier`` is their mean squared error, None without answers."""

    number: int
    brier: float | None
    bins: tuple[Bin, ...]

    @property
    def error(self) -> float | None:
        """Expected calibration error: mean distance of probability and proportion that is right, over the answers."""
        if not self.number:
            return None
        return math.fsum(found.number * abs(found.confidence - found.right) for found in self.bins) / self.number


def calibration(answers: Sequence[tuple[float, bool]], n_bins: int = 10) -> Calibration:
    """Brier score and reliability bins of (probability, is it right); NaN probabilities are left out.

    Examples
    --------
    >>> found = calibration([(0.9, True), (0.9, False)])
    >>> found.brier, round(found.error, 3)
    (0.41, 0.4)
    """
    known = [(confidence, right) for confidence, right in answers if not math.isnan(confidence)]
    if not known:
        return Calibration(0, None, ())
    brier = math.fsum((confidence - right) ** 2 for confidence, right in known) / len(known)
    binned: dict[int, list[tuple[float, bool]]] = {}
    for confidence, right in known:
        binned.setdefault(min(n_bins - 1, int(confidence * n_bins)), []).append((confidence, right))
    bins = tuple(
        Bin(
            low=k / n_bins,
            high=(k + 1) / n_bins,
            number=len(inside),
            confidence=math.fsum(confidence for confidence, _ in inside) / len(inside),
            right=sum(right for _, right in inside) / len(inside),
        )
        for k, inside in sorted(binned.items())
    )
    return Calibration(len(known), round(brier, 12), bins)
