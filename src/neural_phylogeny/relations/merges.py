"""Merges: is a model a weighted mean of others, the same one in every matrix?

Averages of federated clients, model soups and interpolations between a model and its fine-tune leave this mark, and
training does not: in many dimensions a model has no reason to lie on the way between two others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.statistics.results import Statistics

Matrix = NDArray[np.float64]

NEAREST = 32
"""This many relatives, the nearest, are considered as parts of a model."""

LEAST_SHARE = 0.02
"""Parts with a smaller share are dropped."""

MISFIT, MISFIT_OF_ONE = 1e-5, 1e-4
"""Squared distance from the mean, over that from the nearest part, of all matrices and of a single one. Far below what
checkpoints of a run come to, which lie nearly in a line."""

ROUNDED, ROUNDING = 4.0, 1e-3
"""Errors of rounding that are allowed for; where they come to more than this share of the nearest distance, nothing can
be claimed."""


@dataclass(frozen=True)
class _Space:
    """One matrix of k models: who has it, squared distances, and the squared error of rounding of each."""

    has: NDArray[np.bool_]
    squared: Matrix
    error: NDArray[np.float64]


def merges(statistics: Statistics, rows: Sequence[int]) -> Matrix:
    """Shares of the parts of each merged model of one family: ``(k, k)`` for k rows of the statistics.

    Column j adds up to 1, or is zero where j is not a merge. Rests on the sample of values that the pass compares in
    all models. A merge of models that are not all here, with weights below zero or different from layer to layer, is
    not found. At most ``NEAREST`` systems of as many equations for each model that lies between two others.

    References
    ----------
    M. Wortsman et al., *Model soups*, ICML 2022; B. McMahan et al., *Communication-efficient learning of deep networks
    from decentralized data*, AISTATS 2017.
    """
    k = len(rows)
    found = np.zeros((k, k))
    if k < 3:
        return found
    spaces = _spaces(statistics, rows)
    for j in range(k):
        own = [space for space in spaces if space.has[j]]
        others = np.flatnonzero(np.logical_and.reduce([space.has for space in own])) if own else np.zeros(0, np.int64)
        parts, shares = _parts(own, j, others[others != j])
        found[parts, j] = shares
    return found


def convex_shares(to_parts: NDArray[np.float64], between: Matrix) -> NDArray[np.float64]:
    """The mean of k points that is nearest to another point, by squared distances alone: ``(k,), (k, k) -> (k,)``.

    Shares are at least ``LEAST_SHARE`` or zero and add up to 1; the point with the smallest share goes until that
    holds, so that it is exact for a mean, and else a good one.

    Examples
    --------
    >>> line = np.array([0.0, 4.0, 9.0])
    >>> convex_shares((line - 1.0) ** 2, (line[:, None] - line) ** 2).round(9)
    array([0.75, 0.25, 0.  ])
    """
    chosen = np.arange(len(to_parts))
    while True:
        k = len(chosen)
        system = np.ones((k + 1, k + 1))
        system[:k, :k], system[k, k] = between[np.ix_(chosen, chosen)], 0.0
        shares = np.linalg.lstsq(system, np.append(to_parts[chosen], 1.0), rcond=None)[0][:k]
        if k == 1 or shares.min() >= LEAST_SHARE:
            found = np.zeros(len(to_parts))
            found[chosen] = shares if k > 1 else 1.0
            return found
        chosen = np.delete(chosen, np.argmin(shares))


def misfit(shares: NDArray[np.float64], to_parts: NDArray[np.float64], between: Matrix) -> float:
    """Squared distance of a point from the mean of others, by squared distances alone."""
    return float(shares @ to_parts - 0.5 * shares @ between @ shares)


def _spaces(statistics: Statistics, rows: Sequence[int]) -> list[_Space]:
    """The matrices in which some of the rows differ."""
    found, k = [], len(rows)
    place = np.full(statistics.alignment.n_models, -1)
    place[list(rows)] = np.arange(k)
    for tensor, arrays in statistics:
        if not tensor.is_matrix or "cross.square" not in arrays:
            continue
        norm = np.diag(arrays["cross.product"]).astype(np.float64)
        inside = np.flatnonzero(np.isfinite(norm) & (place[list(tensor.members)] >= 0))
        at = place[np.array(tensor.members)[inside]]
        squared, error = np.full((k, k), np.nan), np.zeros(k)
        squared[np.ix_(at, at)] = arrays["cross.square"][np.ix_(inside, inside)]
        error[at] = norm[inside] * 2.0 ** (-2.0 * arrays["moments.grid"][inside].astype(np.float64)) / 12.0
        if np.nan_to_num(squared).any():
            found.append(_Space(np.isin(np.arange(k), at), squared, error))
    return found


@dataclass(frozen=True)
class _Seen:
    """Squared distances of one model to others and among those, and its error of rounding, over their mean distance."""

    to_others: NDArray[np.float64]
    between: Matrix
    error: float

    @classmethod
    def of(cls, space: _Space, j: int, others: NDArray[np.int64]) -> _Seen:
        to_others = space.squared[j, others]
        scale = max(float(to_others.mean()), 1e-300)
        return cls(to_others / scale, space.squared[np.ix_(others, others)] / scale, float(space.error[j]) / scale)

    def misfit(self, shares: NDArray[np.float64]) -> float:
        return misfit(shares, self.to_others, self.between)


def _parts(own: Sequence[_Space], j: int, others: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The models that j is a mean of, and their shares; none where it is none."""
    nobody = np.zeros(0, dtype=np.int64), np.zeros(0)
    if len(others) < 2:
        return nobody
    matrices = [_Seen.of(space, j, others) for space in own]
    seen = _Seen(
        np.sum([one.to_others for one in matrices], axis=0),
        np.sum([one.between for one in matrices], axis=0),
        sum(one.error for one in matrices),
    )
    near = np.argsort(seen.to_others, kind="stable")[:NEAREST]
    if not _lies_between(seen.to_others[near], seen.between[np.ix_(near, near)]):
        return nobody
    shares = np.zeros(len(others))
    shares[near] = convex_shares(seen.to_others[near], seen.between[np.ix_(near, near)])
    parts = np.flatnonzero(shares)
    nearest, rounding = float(seen.to_others[parts].min()), ROUNDED * seen.error
    if len(parts) < 2 or nearest <= 0.0 or rounding > ROUNDING * nearest:
        return nobody
    fits = seen.misfit(shares) <= MISFIT * nearest + rounding and all(
        one.misfit(shares) <= MISFIT_OF_ONE * float(one.to_others[parts].min()) + ROUNDED * one.error
        for one in matrices
    )
    return (others[parts], shares[parts]) if fits else nobody


def _lies_between(to_others: NDArray[np.float64], between: Matrix) -> bool:
    """Whether the ways to two others form an obtuse angle, as the ways from a mean to some of its parts must."""
    return bool((to_others[:, None] + to_others[None, :] < between).any())
