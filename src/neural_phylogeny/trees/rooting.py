r"""Which models are roots, with odds: sums over all forests, in closed form.

Let :math:`w_{ij}` be the odds of i as the parent of j and :math:`r_j` those of none here. The weight of a forest is the
product over its models, and by the matrix-tree theorem (Tutte, 1948; Koo, Globerson, Carreras and Collins, EMNLP 2007)
the sum over all forests, with any number of roots, is :math:`Z = \det L` with :math:`L = \mathrm{diag}(r_j + \sum_i
w_{ij}) - W`. Its derivatives are the probabilities :math:`P(\text{root } j) = r_j (L^{-1})_{jj}` and
:math:`P(i \to j) = w_{ij} ((L^{-1})_{jj} - (L^{-1})_{ji})`. A column of the posterior alone would count cycles too.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neural_phylogeny.trees.forest import Matrix, Vector

FAINT = 1e-9
"""Odds of having no parent here below this count as this, so that some forest has a weight."""

CREDIBLE = 0.95
"""Probability that a credible set holds the root."""


def forest_probabilities(parent: Matrix) -> Matrix:
    """Probabilities over all forests: ``[i, j]`` that i is the parent of j, on the diagonal that j is a root.

    Parameters
    ----------
    parent : (n, n)
        As ``Posterior.parent``: the parents of different models are taken to be independent but for cycles. O(n^3).

    Examples
    --------
    >>> forest_probabilities(np.array([[0.5, 0.5], [0.5, 0.5]])).round(3).tolist()
    [[0.667, 0.333], [0.333, 0.667]]
    """
    n = len(parent)
    odds = parent.astype(np.float64).copy()
    odds[np.diag_indices(n)] = np.maximum(np.diag(odds), FAINT)
    odds /= odds.sum(axis=0)
    without = odds * (1.0 - np.eye(n))
    inverse = np.linalg.inv(np.eye(n) - without)  # columns add up to one, so that the diagonal of L is one
    found = without * (np.diag(inverse)[None, :] - inverse.T)
    found[np.diag_indices(n)] = np.diag(odds) * np.diag(inverse)
    clipped: Matrix = np.clip(found, 0.0, 1.0)
    return clipped


def root_probabilities(parent: Matrix) -> Vector:
    """Probability of each model as the root, given that all of them form one tree: ``(n,)``, adding up to one.

    The weight of all trees with the root j is r_j times a cofactor, and the cofactors are the stationary measure of the
    walk from each model to its possible parents; by the elimination of Grassmann, Taksar and Heyman (1985), which
    subtracts nothing. O(n^3).

    Parameters
    ----------
    parent : (n, n)
        As ``Posterior.parent``.

    Examples
    --------
    >>> root_probabilities(np.array([[0.9, 0.7], [0.1, 0.3]])).round(3).tolist()
    [0.955, 0.045]
    """
    n = len(parent)
    rates = np.maximum(parent.T, FAINT * FAINT) * (1.0 - np.eye(n))  # [j, i]: from j to its parent i
    for k in range(n - 1, 0, -1):
        rates[:k, k] /= rates[k, :k].sum()
        rates[:k, :k] += rates[:k, k, None] * rates[None, k, :k]
    measure = np.ones(n)
    for k in range(1, n):
        measure[k] = measure[:k] @ rates[:k, k]
    weights = np.maximum(np.diag(parent), FAINT) * (measure / measure.max())
    found: Vector = weights / weights.sum()
    return found


def credible_set(probabilities: Vector, level: float = CREDIBLE) -> list[int]:
    """The fewest models whose probabilities add up to ``level``, the most probable first.

    Examples
    --------
    >>> credible_set(np.array([0.24, 0.72, 0.02, 0.02]))
    [1, 0]
    """
    order = np.argsort(-probabilities, kind="stable")
    held = np.cumsum(probabilities[order])
    count = int(np.searchsorted(held, level * held[-1] - 1e-12)) + 1 if len(held) else 0
    chosen: Sequence[int] = order[:count].tolist()
    return list(chosen)
