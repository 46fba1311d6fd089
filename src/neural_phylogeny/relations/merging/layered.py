"""Layers: models that take each matrix from two others, in shares that differ from one to the next.

Stacks and passthroughs take whole layers; spherical interpolation mixes each tensor by its own angle.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.relations.merging.affine import LEAST_SHARE, MISFIT_OF_ONE, ROUNDED, ROUNDING
from neural_phylogeny.relations.merging.values import Products, Values

Floats = NDArray[np.float64]

FEWEST = 16
"""Fewer values of a matrix show no weights."""

LIKE = 0.7
"""What a part has in place of what was taken from the other begins anew from a relative, rather than from the model,
where its step goes less than this along the model's."""

WELL, SLACK = 1e-6, 1e-8
"""Determinant over the product of its diagonal above which Cramer's rule is exact to this part of a length."""

MOST = 24
"""This many relatives, the nearest, are considered as parts."""


def layered(values: Values, j: int, others: list[int]) -> dict[int, float] | None:
    """The two parts of a model that was put together layer by layer, with their mean weights; None where it is none.

    O(n^2) pairs of parts on Gram matrices of the kept values.
    """
    near = sorted(others, key=values.distance(j).__getitem__)[:MOST]
    best: tuple[float, dict[int, float]] | None = None
    if (values.distance(j)[near] == 0.0).any():
        return None
    every = [matrix for matrix in values.of(j) if matrix.count]
    if not every:
        return None
    possible = _possible(Products.of(every), j, near).all(axis=0)
    for at, other in np.argwhere(np.triu(possible, 1)).tolist():
        a, b = near[at], near[other]
        shares, sizes, whole = [], [], []
        for matrix in every:
            if matrix.count >= FEWEST and not matrix.is_equal(a, b):
                weights = _weights(matrix.gram, matrix.squared, float(matrix.error[j]), j, a, b)
                if weights is None:
                    break
                shares.append(weights)
                sizes.append(matrix.size)
                if LEAST_SHARE > min(weights):
                    whole.append((matrix.squared, b if weights[0] > 0.5 else a))
            elif matrix.squared[j, a] > ROUNDED * matrix.error[j]:
                break
        else:
            if len(shares) < 2:
                continue
            mean = np.average(np.array(shares), axis=0, weights=sizes)
            is_made = all(any(pair[k] >= LEAST_SHARE for pair in shares) for k in (0, 1))
            if is_made and (len(whole) < len(shares) or _begins_elsewhere(whole, j, (a, b), others)):
                left = float(values.distance(j)[[a, b]].sum())
                if best is None or left < best[0]:
                    best = left, {a: float(mean[0]), b: float(mean[1])}
    return None if best is None else best[1]


def _possible(matrices: Products, j: int, near: list[int]) -> NDArray[np.bool_]:
    """Which pairs of relatives may be the parts of each matrix, ``(T, k, k)``: necessary, as ``_weights`` has it."""
    at = slice(None), np.array(near)[:, None], near
    apart, to_model = matrices.squared[at], matrices.squared[:, j, near]
    error = ROUNDED * matrices.error[:, j, None, None]
    is_one = to_model <= error[:, 0]
    counts = (apart != 0.0) & (matrices.count[:, None, None] >= FEWEST)
    gram, own = matrices.gram[at], matrices.gram[:, j, j, None, None]
    first, other = np.diagonal(gram, axis1=1, axis2=2)[..., None], np.diagonal(gram, axis1=1, axis2=2)[:, None]
    of_first, of_other = matrices.gram[:, near, j][..., None], matrices.gram[:, near, j][:, None]
    with np.errstate(all="ignore"):
        determinant = first * other - gram * gram
        is_open = ~(determinant > WELL * first * other)
        is_open |= own > 100.0 * np.minimum(first, other)
        x = (of_first * other - of_other * gram) / determinant
        y = (of_other * first - of_first * gram) / determinant
        left = own - x * of_first - y * of_other
        most = MISFIT_OF_ONE * np.minimum(to_model[..., None], to_model[:, None]) + error
        between = is_open | ((np.minimum(x, y) >= -SLACK) & (left <= most + SLACK * own))
    made = ~(error > ROUNDING * apart) & (is_one[..., None] | is_one[:, None] | between)
    found: NDArray[np.bool_] = np.where(counts, made, is_one[..., None])
    return found


def _weights(gram: Floats, squared: Floats, error: float, j: int, a: int, b: int) -> tuple[float, float] | None:
    """Weights of the two in one matrix, none below zero; None where they do not explain it."""
    if ROUNDED * error > ROUNDING * squared[a, b]:
        return None
    if squared[j, a] <= ROUNDED * error:
        return 1.0, 0.0
    if squared[j, b] <= ROUNDED * error:
        return 0.0, 1.0
    nearest = float(min(squared[j, a], squared[j, b]))
    most = MISFIT_OF_ONE * nearest + ROUNDED * error
    pair = [a, b]
    system, beside = gram[np.ix_(pair, pair)], gram[pair, j]
    if np.linalg.cond(system) > 1e12:
        return None
    weights = np.linalg.solve(system, beside)
    left = float(gram[j, j] - weights @ beside)
    if weights.min() < 0.0 or left > most:
        return None
    return float(weights[0]), float(weights[1])


def _begins_elsewhere(whole: list[tuple[Floats, int]], j: int, pair: tuple[int, int], others: list[int]) -> bool:
    """Whether the parts were not trained on from the model, each in the layers that the other has as the model does.

    There they would lie beyond the model, seen from any relative; what was taken from somewhere else does not.
    """
    along = []
    for relative in others:
        if relative in pair:
            continue
        to_part = to_model = product = 0.0
        for squared, part in whole:
            to_part, to_model = float(squared[relative, part]), float(squared[relative, j])
            product += 0.5 * (to_part + to_model - float(squared[part, j])) / max(to_model, 1e-300)
        along.append(product / max(len(whole), 1))
    return bool(along) and min(along) < LIKE
