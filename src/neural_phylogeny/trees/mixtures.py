"""Mixtures of experts beside the dense models that they were made of: who is judged beside whom.

A mixture is compared with a dense model by the mean of its experts. Means lie in the middle of what they are made of,
where a parent would lie; so a family is not judged with all of its mixtures at once.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.relations.exact import STRONG, UPCYCLED
from neural_phylogeny.relations.odds import probability
from neural_phylogeny.trees.family import Family, Posterior
from neural_phylogeny.trees.forest import Matrix

Judge = Callable[[Family], Posterior]

PAIRWISE = 12
"""More mixtures than this are judged all at once: one judgement for each pair of them would cost too much."""

SURE = 1.0 - 1e-6
"""Probabilities beyond this have no odds worth telling apart."""


def beside_mixtures(family: Family, judge: Judge) -> Posterior:
    """The posterior of a family, of dense models among themselves, of each mixture beside them, and of two mixtures.

    What a mixture may still be the parent of a dense model is worth the odds of that evidence alone. A mixture is no
    root: a model here is its parent, or that is missing. As ``judge`` alone where no mixture was made of a dense model.
    Costs a judgement of each mixture, and of each pair of up to ``PAIRWISE``.
    """
    odds = family.exact.get(UPCYCLED)
    if odds is None or not odds.any():
        return judge(family)
    mixtures = np.flatnonzero((odds < 0).any(axis=1))
    others = np.setdiff1d(np.arange(len(family)), mixtures)
    n = len(family)
    parent, missing = np.zeros((n, n)), np.zeros(n)
    if len(others) > 1:
        among = judge(family.subset(others.tolist()))
        parent[np.ix_(others, others)], missing[others] = among.parent, among.missing
    else:
        parent[others, others] = 1.0
    _allow_mixtures(parent, odds, mixtures, others)
    known = None if len(mixtures) <= PAIRWISE else judge(family)
    for j in mixtures.tolist():
        alone, missing[j] = _beside(family, judge, j, others)
        parent[:, j] = alone
        for i in mixtures[mixtures != j].tolist():
            p = known.parent[i, j] if known is not None else _of_two(family, judge, i, j, others)
            parent[i, j] = min(p, SURE) / (1.0 - min(p, SURE))
        parent[:, j] /= parent[:, j].sum()
    return Posterior(parent=parent, missing=missing)


def _allow_mixtures(parent: Matrix, odds: Matrix, mixtures: NDArray[np.int64], others: NDArray[np.int64]) -> None:
    """Give mixtures what probability the evidence against them leaves, as parents of dense models; in place."""
    left = 1.0 - float(probability(STRONG))
    made = odds[np.ix_(mixtures, others)] < 0
    share = left * made / np.maximum(made.sum(axis=0), 1)
    parent[np.ix_(others, others)] *= 1.0 - share.sum(axis=0)
    parent[np.ix_(mixtures, others)] = share


def _beside(family: Family, judge: Judge, j: int, others: NDArray[np.int64]) -> tuple[NDArray[np.float64], float]:
    """The parents of a mixture among dense models, ``(n,)``, and the probability that its parent is missing."""
    found = judge(family.subset([*others.tolist(), j]))
    column = np.zeros(len(family))
    column[others] = found.parent[:-1, -1]
    column[j] = min(float(found.parent[-1, -1]), float(found.missing[-1]))
    return column / column.sum(), float(found.missing[-1])


def _of_two(family: Family, judge: Judge, i: int, j: int, others: NDArray[np.int64]) -> float:
    """Probability that mixture i is the parent of mixture j, beside the dense model that is nearest to j.

    None where that is nearer to j than i is: what was made of both lies further from i than from the model that both
    were made of, at the sum of two steps.
    """
    gram = family.subset([*others.tolist(), i, j]).retained_gram
    distance = np.diag(gram) - 2.0 * gram[:, -1]
    nearest = int(np.argmin(distance[:-2]))
    if distance[-2] >= distance[nearest]:
        return 0.0
    return float(judge(family.subset([int(others[nearest]), i, j])).parent[-2, -1])
