"""Sums: models that are weighted sums of others, with the same weights in every matrix.

Averages of federated clients, soups, interpolations and task arithmetic leave this mark, and training does not: in
many dimensions a model has no reason to lie in the plane of others. In a family with several sums all lie in one
space, and each could be called a sum of the others. So all are solved together: of the models that span the space,
those are chosen from which the others follow with the least weights, since a sum has smaller weights than what is
solved for one of its parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.statistics.results import Statistics, added, stacked

Matrix = NDArray[np.float64]
Ints = NDArray[np.int64]

LEAST_SHARE = 0.02
"""Parts with a smaller share, of either sign, are dropped."""

MISFIT, MISFIT_OF_ONE = 1e-5, 1e-4
"""Squared distance from the sum, over that from the nearest part, of all matrices and of a single one. Far below what
checkpoints of a run come to, which lie nearly in a line."""

ROUNDED, ROUNDING = 4.0, 1e-2
"""Errors of rounding that are allowed for; where they come to more than this share of the squared nearest distance,
nothing is claimed. Of 9,800 triples of models that are no sums the least misfit is 0.08, on runs of checkpoints."""

LARGEST = 6.0
"""Largest sum of all weights without their signs."""

EACH, UNEVEN, STEP = 0.3, 0.2, 0.05
"""What a part costs beside its weight, and what it costs more where its weight is not a multiple of ``STEP``."""

ROUNDS = 64
"""Most exchanges of a model that spans the space."""

VALUES = 8
"""Compared values for each model, at least: fewer can be met by chance."""


@dataclass(frozen=True)
class Spaces:
    """T matrices of k models: who has each ``(T, k)``, squared distances ``(T, k, k)``, squared errors of rounding
    ``(T, k)``, and compared values ``(T,)``.
    """

    has: NDArray[np.bool_]
    squared: Matrix
    error: NDArray[np.float64]
    values: Ints

    def __len__(self) -> int:
        return len(self.values)

    def of(self, which: NDArray[Any]) -> Spaces:
        """Some of the matrices."""
        return Spaces(self.has[which], self.squared[which], self.error[which], self.values[which])


def sums(statistics: Statistics, rows: Sequence[int]) -> Matrix:
    """Weights of the parts of each sum of one family: ``(k, k)`` for k rows of the statistics.

    Column j adds up to 1, or is zero where j is not a sum. Rests on the sample of values that the pass compares in
    all models. A sum of models that are not all here is not found. O(k^3).

    References
    ----------
    M. Wortsman et al., *Model soups*, ICML 2022; G. Ilharco et al., *Editing models with task arithmetic*, ICLR 2023;
    B. McMahan et al., *Communication-efficient learning of deep networks from decentralized data*, AISTATS 2017.
    """
    k = len(rows)
    found = np.zeros((k, k))
    if k < 3:
        return found
    spaces = spaces_of(statistics, rows)
    layouts = spaces.has.T
    for layout in np.unique(layouts, axis=0) if len(spaces) else ():
        own = spaces.of(layout)
        others = np.flatnonzero((layouts >= layout).all(axis=1))
        if len(own) and len(others) > 2:
            may_be = (layouts[others] == layout).all(axis=1)
            found[np.ix_(others, others[may_be])] = _sums(own, others, may_be)[:, may_be]
    return found


def spaces_of(statistics: Statistics, rows: Sequence[int]) -> Spaces:
    """The matrices in which some of the rows differ."""
    k = len(rows)
    place = np.full(statistics.alignment.n_models, -1)
    place[list(rows)] = np.arange(k)
    found = [Spaces(np.zeros((0, k), dtype=bool), np.zeros((0, k, k)), np.zeros((0, k)), np.zeros(0, dtype=np.int64))]
    order = list[int]()
    for places, alike in statistics.runs("cross.square", matrices=True):
        members = np.array(alike[0][0].members)
        here = np.flatnonzero(place[members] >= 0)
        at, every = place[members[here]], range(len(alike))
        norm = np.diagonal(stacked(alike, "cross.product"), axis1=1, axis2=2)[:, here].astype(np.float64)
        finite, grid = np.isfinite(norm), stacked(alike, "moments.grid")[:, here].astype(np.float64)
        has, error = np.zeros((len(alike), k), dtype=bool), np.zeros((len(alike), k))
        squared = np.full((len(alike), k, k), np.nan)
        has[:, at] = finite
        both = finite[:, :, None] & finite[:, None, :]
        squared[np.ix_(every, at, at)] = np.where(both, stacked(alike, "cross.square")[:, here[:, None], here], np.nan)
        error[:, at] = np.where(finite, norm * 2.0 ** (-2.0 * grid) / 12.0, 0.0)
        values = [int(arrays["cross.count"].max()) if "cross.count" in arrays else box.size for box, arrays in alike]
        differ = np.nan_to_num(squared).any(axis=(1, 2))
        found.append(Spaces(has, squared, error, np.array(values)).of(differ))
        order += np.array(places)[differ].tolist()
    spaces = Spaces(*(np.concatenate([getattr(some, part.name) for some in found]) for part in fields(Spaces)))
    return spaces.of(np.argsort(order))


def _sums(own: Spaces, others: Ints, may_be: NDArray[np.bool_]) -> Matrix:
    """Weights ``(n, n)`` of n models, which have all of these matrices, in those of them that ``may_be`` sums."""
    squared = added(np.zeros((len(others),) * 2), own.squared[:, others[:, None], others])
    error = added(np.zeros(len(others)), own.error[:, others])
    n = len(others)
    found = np.zeros((n, n))
    apart = np.where(np.eye(n, dtype=bool), np.inf, squared)
    nearest = apart.min(axis=1)
    allowed = MISFIT * nearest + ROUNDED * error
    is_sum = may_be & (nearest > 0) & (ROUNDED * error <= ROUNDING * nearest)
    basis = spanning(squared, allowed, is_sum)
    rest = np.setdiff1d(np.arange(n), basis)
    if rest.size and own.values.sum() >= VALUES * len(basis):
        basis, rest = exchanged(squared, basis, rest, is_sum)
        for j in rest[is_sum[rest]].tolist():
            parts, shares = _parts(squared, basis, j)
            if len(parts) > 1 and _fits(own, others, j, parts, shares, allowed[j]):
                found[parts, j] = shares
    return found


def spanning(squared: Matrix, allowed: NDArray[np.float64], may_be: NDArray[np.bool_]) -> Ints:
    """Models from which all others follow as sums, up to what is ``allowed`` of each: ``(n, n), (n,), (n,) -> (r,)``.

    The next is the one that is farthest from what is spanned so far; those that ``may_be`` no sums come first.
    """
    n = len(squared)
    gram = 0.5 * (squared[0][:, None] + squared[0][None, :] - squared)
    left, chosen = np.diag(gram).copy(), [0]
    factors = np.zeros((n, 0))
    for _ in range(n - 1):
        ratio = left / np.maximum(allowed, 1e-12 * squared.max())
        ratio = np.where(may_be, ratio, 1e30 * ratio)
        ratio[chosen] = 0.0
        nxt = int(ratio.argmax())
        if ratio[nxt] <= 1.0 or left[nxt] <= 1e-12 * squared.max():
            break
        column = (gram[:, nxt] - factors @ factors[nxt]) / np.sqrt(left[nxt])
        factors = np.column_stack([factors, column])
        left = np.maximum(left - column**2, 0.0)
        chosen.append(nxt)
    return np.array(sorted(chosen), dtype=np.int64)


def weights_of(squared: Matrix, parts: Ints, models: Ints) -> Matrix:
    """The sums of ``parts`` (r,), with weights that add up to 1, nearest to ``models`` (m,): ``(r, m)``.

    Examples
    --------
    >>> line = np.array([0.0, 4.0, 1.0])
    >>> weights_of((line[:, None] - line) ** 2, np.array([0, 1]), np.array([2])).round(9).ravel()
    array([0.75, 0.25])
    """
    origin, others = parts[0], parts[1:]
    to = squared[origin]
    gram = 0.5 * (to[others][:, None] + to[others][None, :] - squared[np.ix_(others, others)])
    beside = 0.5 * (to[others][:, None] + to[models][None, :] - squared[np.ix_(others, models)])
    scale = 1.0 / np.sqrt(np.maximum(np.diag(gram), 1e-300))
    solved = np.linalg.lstsq(gram * np.outer(scale, scale), beside * scale[:, None], rcond=1e-13)[0] * scale[:, None]
    found: Matrix = np.vstack([1.0 - solved.sum(axis=0), solved])
    return found


def misfit(shares: NDArray[np.float64], to_parts: NDArray[np.float64], between: Matrix) -> float:
    """Squared distance of a point from a sum of others whose weights add up to 1, by squared distances alone."""
    return float(shares @ to_parts - 0.5 * shares @ between @ shares)


def exchanged(squared: Matrix, basis: Ints, rest: Ints, may_be: NDArray[np.bool_]) -> tuple[Ints, Ints]:
    """The basis from which the rest follows at the least ``price``, by exchanges of one model at a time."""
    weights = weights_of(squared, basis, rest)
    basis, rest = basis.copy(), rest.copy()
    for _ in range(ROUNDS):
        best, least = None, price(weights) - 1e-6
        for row, column in np.argwhere(np.abs(weights) >= LEAST_SHARE).tolist():
            if may_be[basis[row]]:
                tried = pivoted(weights, row, column)
                if (cost := price(tried)) < least:
                    best, least = (row, column, tried), cost
        if best is None:
            break
        row, column, weights = best
        basis[row], rest[column] = rest[column], basis[row]
    return basis, rest


def price(weights: Matrix) -> float:
    """Of all parts of all sums: the size of the weight, and more for each that is not a round number."""
    size = np.abs(weights)
    there = size >= LEAST_SHARE
    odd = there & (np.abs(size / STEP - np.round(size / STEP)) * STEP > LEAST_SHARE / 10)
    return float(size[there].sum() + EACH * there.sum() + UNEVEN * odd.sum())


def pivoted(weights: Matrix, row: int, column: int) -> Matrix:
    """The weights after the sum ``column`` has taken the place of the part ``row``.

    Examples
    --------
    >>> pivoted(np.array([[0.5], [0.5]]), 0, 0).ravel().tolist()
    [2.0, -1.0]
    """
    found = weights.copy()
    turned = -weights[:, column] / weights[row, column]
    turned[row] = 1.0 / weights[row, column]
    for other in range(weights.shape[1]):
        if other != column:
            share = weights[row, other]
            found[:, other] = weights[:, other] + share * turned
            found[row, other] = share * turned[row]
    found[:, column] = turned
    return found


def _parts(squared: Matrix, basis: Ints, j: int) -> tuple[Ints, NDArray[np.float64]]:
    """The parts of a sum among the basis and their weights, solved again without those that have none."""
    parts = basis
    while True:
        shares = weights_of(squared, parts, np.array([j]))[:, 0]
        small = np.abs(shares) < LEAST_SHARE
        if not small.any() or len(parts) < 3:
            return parts, shares
        parts = np.delete(parts, np.abs(shares).argmin())


def _fits(own: Spaces, others: Ints, j: int, parts: Ints, shares: NDArray[np.float64], allowed: float) -> bool:
    """Whether a sum holds in all matrices together and in each."""
    if np.abs(shares).sum() > LARGEST:
        return False
    child, every = others[j], others[parts]
    to_parts, between = own.squared[:, child, every], own.squared[:, every[:, None], every]
    left = np.array([misfit(shares, *one) for one in zip(to_parts, between, strict=True)])
    nearest, rounding, largest = to_parts.min(axis=1), ROUNDED * own.error[:, child], between.max(axis=(1, 2))
    floor = 1e-12 * largest
    return bool(left.sum() <= allowed and (left <= MISFIT_OF_ONE * nearest + rounding + floor).all())
