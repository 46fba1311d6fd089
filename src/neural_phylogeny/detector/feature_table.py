"""How features are declared: rows of names, each with the function that gives their numbers, and the usual summaries.

A summary takes a number for each matrix and each ordered pair of models, ``(m, n, n)``, to ``(n, n)``; NaN is left out,
and 0 stands where nothing is left.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.detector.measurements import Measurements

Array = NDArray[np.float64]
View = TypeVar("View")


@dataclass(frozen=True)
class Features(Generic[View]):
    """Features that follow from one quantity.

    Attributes
    ----------
    group : str
        What an ablation leaves out together; the first part of the names.
    names : tuple of str
        In the order in which ``of`` gives them.
    of : callable
        From what a ``Section`` has prepared to an array ``(n, n)`` for each name.
    """

    group: str
    names: tuple[str, ...]
    of: Callable[[View], Sequence[Array]]


@dataclass(frozen=True)
class Section(Generic[View]):
    """Features that are computed from one view of the measurements, which is prepared once and then dropped."""

    view: Callable[[Measurements], View]
    features: tuple[Features[View], ...]


AnySection = Section[Any]


def mean(values: Array, weights: Array) -> Array:
    """Mean over the matrices, with weights ``(m,)``."""
    known = np.isfinite(values)
    share = known * weights[:, None, None]
    total = share.sum(axis=0)
    found: Array = (np.where(known, values, 0.0) * share).sum(axis=0) / np.where(total > 0, total, 1.0)
    return found


def mean_sign(values: Array) -> Array:
    """Share of matrices with a positive number minus share with a negative one."""
    return mean(np.sign(values), np.ones(len(values)))


def least(values: Array) -> Array:
    """The least number over the matrices."""
    known = np.where(np.isfinite(values), values, np.inf)
    lowest = known.min(axis=0, initial=np.inf)
    return np.where(np.isfinite(lowest), lowest, 0.0)


def most(values: Array) -> Array:
    """The largest number over the matrices."""
    return -least(-values)


def extreme(values: Array) -> Array:
    """The number of largest magnitude over the matrices; 0 where both signs are as large."""
    filled = np.where(np.isfinite(values), values, 0.0)
    high, low = filled.max(axis=0, initial=0.0), filled.min(axis=0, initial=0.0)
    return np.where(high > -low, high, np.where(high < -low, low, 0.0))


def share_below(difference: Array) -> Array:
    """Share of the models that each model j exceeds, from signs of ``j - i``, ties by half: ``(n, n) -> (n,)``."""
    below: Array = (difference > 0).mean(axis=0) + 0.5 * (difference == 0).mean(axis=0)
    return below


def both(values: Array) -> tuple[Array, Array]:
    """A number for each model as ``(n, n)`` twice: that of i, and that of j."""
    n = len(values)
    return np.broadcast_to(values[:, None], (n, n)), np.broadcast_to(values[None, :], (n, n))
