r"""Have siblings whose parent is not here a trained ancestor in common, or no more than their initialisation?

Models of one initialisation seed are alike in their weights though each was trained alone. What siblings have in
common, c, and what each has for itself, d, are seen through moments of pairs: the mean product is :math:`E[c^2]`, half
the mean squared difference :math:`E[d^2]`, and fourth orders say how c is distributed and whether d was larger where c
is. Of a trained ancestor much is kept, its weights have heavy tails, and its large weights move more; from an
initialisation each model is a whole training away.

The evidence is weak by nature: models that follow one recipe from one initialisation move together for a while, as if
that stretch of the way had been an ancestor. So there are three answers; ``docs/design.md`` has the figures.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.detector.measurements import Measurements
from neural_phylogeny.errors import SavedFileError

Array = NDArray[np.float64]

FEATURES = ("kept", "kept in vectors", "tails", "large moved more")
"""Median over matrices of log E[c^2] / E[d^2]; the same over vectors that begin at zero or nearly so; median excess
kurtosis of c; median of E[d^2 c^2] / (E[d^2] E[c^2])."""

PARAMETERS = "initialisation.json"

LEAST, MOST, TINY = 1e-2, 1e3, 1e-12
"""Ratios in vectors are clipped to the first two; less than the first of c in a matrix counts as so much."""

GAIN = 0.6
"""A vector whose mean square is less than this far from 1 in all models, and mean product too, is taken for gains."""

FAR = 3.0
"""Standardised features are clipped to this."""


@dataclass(frozen=True)
class InitialisationTest:
    """A logistic regression on ``FEATURES``, standardised, and the log-odds at which it makes up its mind.

    Attributes
    ----------
    mean, deviation, weights : (4,)
    bias : float
    initialisation, ancestor : float
        Below the first it is an initialisation, from the second on an ancestor, between them it is open.
    """

    mean: Array
    deviation: Array
    weights: Array
    bias: float
    initialisation: float
    ancestor: float

    def log_odds(self, features: Array) -> Array:
        """Of an ancestor, at even odds before: ``(..., 4) -> (...)``; a missing feature counts as the mean."""
        standard = np.clip((features - self.mean) / self.deviation, -FAR, FAR)
        found: Array = np.nan_to_num(standard, nan=0.0) @ self.weights + self.bias
        return found

    def verdict(self, measured: Measurements) -> int:
        """-1 for an initialisation, 1 for an ancestor, 0 where it is open, of a group of siblings. O(m n^2)."""
        log_odds = float(self.log_odds(features(measured)))
        return -1 if log_odds < self.initialisation else 1 if log_odds >= self.ancestor else 0


def features(measured: Measurements) -> Array:
    """``FEATURES`` of a group of at least two siblings; NaN where no vector counts: ``(4,)``. O(m n^2)."""
    retained = measured.retained
    kept, tails, moved = _matrices(retained)
    return np.array([np.median(kept), _vectors(retained.vectors), np.median(tails), np.median(moved)])


def _matrices(measured: Measurements) -> tuple[Array, Array, Array]:
    """The features of each matrix that all models have, means over the pairs; unit variance, so that scale is gone."""
    pairs = measured.pairs
    whole = np.isfinite(pairs["product"]).all(axis=(1, 2))
    product, second, third = (pairs[name][whole] for name in ("product", "second", "third"))
    if not len(product):
        return (np.array([np.nan]),) * 3
    i, j = np.triu_indices(len(measured), 1)
    own = np.einsum("tii->ti", product)
    root = np.sqrt(own[:, i] * own[:, j])
    common = product[:, i, j] / root
    private = np.maximum(1.0 - common, 1e-7)
    common = np.maximum(common, LEAST)
    cubed = (third[:, i, j] / own[:, i] + third[:, j, i] / own[:, j]) / (2.0 * root)
    squared = second[:, i, j] / root**2
    kept = np.log(common / private).mean(axis=1)
    tails = ((cubed - 3.0 * common) / common**2).mean(axis=1)
    moved = ((cubed - squared + private**2) / (private * common)).mean(axis=1)
    return kept, tails, moved


def _vectors(gram: Array) -> float:
    """Median over vectors but gains of log E[c^2] / E[d^2]; NaN where there is none: ``(v, n, n)``."""
    if not len(gram):
        return float("nan")
    own = np.einsum("vii->vi", gram)
    common = gram[:, *np.triu_indices(gram.shape[1], 1)].mean(axis=1)
    gains = (np.abs(own - 1.0) < GAIN).all(axis=1) & (np.abs(common - 1.0) < GAIN)
    counts = np.isfinite(common) & np.isfinite(own).all(axis=1) & ~gains & (own.mean(axis=1) > TINY)
    if not counts.any():
        return float("nan")
    ratio = np.maximum(common, TINY)[counts] / np.maximum(own.mean(axis=1) - common, TINY)[counts]
    return float(np.median(np.log(np.clip(ratio, LEAST, MOST))))


@lru_cache(maxsize=1)
def initialisation_test() -> InitialisationTest:
    """The shipped test, fitted by ``nphylo lab fit initialisation``.

    Raises
    ------
    SavedFileError
        When its file is missing or damaged.
    """
    try:
        stored = json.loads((files("neural_phylogeny.detector") / PARAMETERS).read_text(encoding="utf-8"))
        mean, deviation, weights = (
            np.array([stored[name][feature] for feature in FEATURES]) for name in ("mean", "deviation", "weights")
        )
        return InitialisationTest(
            mean, deviation, weights, stored["bias"], stored["initialisation"], stored["ancestor"]
        )
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise SavedFileError(f"{PARAMETERS}: cannot be read ({error}); install the package again") from error
