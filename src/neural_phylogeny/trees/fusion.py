"""How witnesses are heard beside the detector: log-odds that were fitted on families it has not seen."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.json_fields import parse
from neural_phylogeny.relations.exact import BESIDE

Matrix = NDArray[np.float64]

LEAST = 1e-9
"""Probabilities below are taken for this, so that logarithms stay finite."""


DIRECTION = "direction"
"""The direction witnesses together, as a witness of ``fused``."""

TREES = "innovations"
"""The tree of independent innovations, as a witness of ``fused``."""

MOST_ODDS = 2.0
"""Log-odds that the direction witnesses together reach at most, before their factor."""


def bounded(direction: Matrix) -> Matrix:
    """The sum of the direction witnesses as log-odds that no unanimity makes more than ``MOST_ODDS``: ``(n, n)``."""
    found: Matrix = MOST_ODDS * np.tanh(direction / MOST_ODDS)
    return found


@lru_cache(maxsize=1)
def factors() -> Mapping[str, float]:
    """By the name of a witness, the factor on its log-odds; ``fusion.json`` tells how they were found.

    The detector sees much of what the witnesses see, so that what they say beside it counts less than alone.
    """
    text = (files("neural_phylogeny.trees") / "fusion.json").read_text(encoding="utf-8")
    found = parse(text, "fusion").mapping("factors")
    return {name: float(value) for name, value in found.items()}


def fused(parent: Matrix, witnesses: Mapping[str, Matrix], weights: Mapping[str, float] | None = None) -> Matrix:
    """Probabilities of parents after further witnesses have been heard, by Bayes' rule.

    Parameters
    ----------
    parent : (n, n)
        ``[i, j]``: i is the parent of j; on the diagonal that j has none here. Columns add up to 1.
    witnesses : dict of (n, n)
        Log-odds that i is the parent of j. Those of ``BESIDE`` compare possible parents with each other; they do not
        make it likelier that there is none.
    weights : dict, optional
        Factors on the log-odds, those that ship by default; 1 for a witness that is not named.

    Examples
    --------
    >>> said = np.array([[0.5, 0.5], [0.5, 0.5]])
    >>> fused(said, {"rounded": np.array([[0.0, 8.0], [-8.0, 0.0]])}, {}).round(3).tolist()
    [[1.0, 1.0], [0.0, 0.0]]
    """
    weights = factors() if weights is None else weights
    heard = {name: weights.get(name, 1.0) * table for name, table in witnesses.items()}
    beside = sum((heard[name] for name in BESIDE if name in heard), np.zeros_like(parent))
    others = sum((table for name, table in heard.items() if name not in BESIDE), np.zeros_like(parent))
    off = ~np.eye(len(parent), dtype=bool)
    some = np.where(off, parent, 0.0)
    among = some * np.exp(beside)
    among *= some.sum(axis=0) / np.maximum(among.sum(axis=0), LEAST)
    found: Matrix = np.where(off, among * np.exp(others), parent)
    found /= found.sum(axis=0)
    return found
