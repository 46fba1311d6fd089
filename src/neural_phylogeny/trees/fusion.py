"""How other evidence updates the detector's posterior: log-odds with weights fitted on families it has not seen."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files

import numpy as np

from neural_phylogeny.files.json_fields import parse
from neural_phylogeny.relations.exact import BESIDE
from neural_phylogeny.trees.forest import Matrix

LEAST = 1e-9
"""Smaller probabilities count as this, so that logarithms are finite."""


@lru_cache(maxsize=1)
def factors() -> Mapping[str, float]:
    """The weight of each name of evidence on its log-odds, from ``fusion.json``, which records how they were fitted.

    The detector sees much of the same evidence, so that most of it counts for less beside the detector than alone.
    """
    text = (files("neural_phylogeny.trees") / "fusion.json").read_text(encoding="utf-8")
    found = parse(text, "fusion").mapping("factors")
    return {name: float(value) for name, value in found.items()}


def fused(parent: Matrix, evidence: Mapping[str, Matrix], weights: Mapping[str, float] | None = None) -> Matrix:
    """Probabilities of parents after further evidence: weighted log-odds are added to log p, columns renormalised.

    Evidence is taken to be independent given the parents, which it is not; the fitted weights make up for that.

    Parameters
    ----------
    parent : (n, n)
        As ``Posterior.parent``.
    evidence : dict of (n, n)
        Log-odds that i is the parent of j. Those named in ``relations.exact.BESIDE`` compare possible parents with
        each other and leave the probability of having none here as it is.
    weights : dict, optional
        Weights of the log-odds, by default ``factors()``; 1 for a name that is not in it.

    Examples
    --------
    >>> even = np.array([[0.5, 0.5], [0.5, 0.5]])
    >>> fused(even, {"rounded": np.array([[0.0, 8.0], [-8.0, 0.0]])}, {}).round(3).tolist()
    [[1.0, 1.0], [0.0, 0.0]]
    """
    weights = factors() if weights is None else weights
    weighted = {name: weights.get(name, 1.0) * table for name, table in evidence.items()}
    beside = sum((weighted[name] for name in BESIDE if name in weighted), np.zeros_like(parent))
    others = sum((table for name, table in weighted.items() if name not in BESIDE), np.zeros_like(parent))
    off_diagonal = ~np.eye(len(parent), dtype=bool)
    found: Matrix = among_parents(parent, beside) * np.where(off_diagonal, np.exp(others), 1.0)
    found /= found.sum(axis=0)
    return found


def among_parents(parent: Matrix, log_odds: Matrix) -> Matrix:
    """Probabilities after evidence that compares possible parents, ``(n, n)``; that of having none here stays."""
    off_diagonal = ~np.eye(len(parent), dtype=bool)
    some_parent = np.where(off_diagonal, parent, 0.0)
    compared = some_parent * np.exp(log_odds)
    compared *= some_parent.sum(axis=0) / np.maximum(compared.sum(axis=0), LEAST)
    found: Matrix = np.where(off_diagonal, compared, parent)
    return found
