"""Whether the difference of two models is what a low-rank adapter adds: W_merged - W_base = scale B A.

DoRA gives the rows of W_base + scale B A lengths of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEAST = 0.5
"""Least share of the squared difference that the adapter must explain: the rest may be rounding, and nothing else."""

ARITHMETIC = 1e-4
"""Share of the squared difference that single precision leaves."""

ROUNDINGS = 4.0
"""Times the squared error of rounding to the number type that may be left."""


@dataclass(frozen=True, slots=True)
class Fit:
    """The scale at which a product explains a difference best, and the share of its squares that is left."""

    scale: float
    left: float
    is_exact: bool


DIRECTIONS = 8
"""Strongest directions of what an adapter adds that are looked at."""

FEW, SPREAD = 4.0, 0.3
"""A spread over modules is drawn towards this one, as by so many modules more."""


NO_FIT = Fit(0.0, 1.0, is_exact=False)
"""Nothing is explained."""


def fit(difference: Floats, product: Floats, merged: Floats, bits: int) -> Fit:
    """How well a multiple of ``product`` explains ``difference``; all of one shape, ``merged`` of ``bits`` mantissa
    bits.

    Exact where what is left is rounding: below ``ARITHMETIC`` plus ``ROUNDINGS`` times the squared error of rounding
    ``merged``. Linear in the number of values.

    Examples
    --------
    >>> b_a = np.outer([1.0, 2.0, -1.0], [0.5, 0.25])
    >>> found = fit(2.0 * b_a, b_a, np.ones((3, 2)), bits=24)
    >>> found.scale, found.is_exact
    (2.0, True)
    """
    squares, norm = float((difference**2).sum()), float((product**2).sum())
    if not (np.isfinite(squares) and np.isfinite(norm)) or squares == 0.0 or norm == 0.0:
        return NO_FIT
    scale = float((difference * product).sum()) / norm
    return _judged(scale, float(((difference - scale * product) ** 2).sum()), squares, float((merged**2).sum()), bits)


def fit_rows(modules: Sequence[tuple[Floats, Floats, Floats]], bits: int) -> Fit:
    """How well rows of ``base + scale product``, each of a length of its own, are those of ``merged``, as DoRA merges.

    Of (merged, base, product) by module, ``(rows, inputs)`` each; the scale is one for all. What is left is a share of
    what rows of ``base`` leave, at their best lengths. Linear in the number of values.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> base, product = rng.normal(size=(2, 6, 9))
    >>> found = fit_rows([(rng.normal(1, 0.1, (6, 1)) * (base + 0.5 * product), base, product)], bits=24)
    >>> round(found.scale, 6), found.is_exact
    (0.5, True)
    """
    scales = np.concatenate([_scales_of_rows(*module) for module in modules])
    scale = float(np.median(scales)) if len(scales) and np.isfinite(scales).all() else 0.0
    if scale <= 0.0:
        return NO_FIT
    left = sum(_off_direction(merged, base + scale * product) for merged, base, product in modules)
    alone = sum(_off_direction(merged, base) for merged, base, _ in modules)
    squares = sum(float((merged**2).sum()) for merged, _, _ in modules)
    return _judged(scale, left, alone, squares, bits) if np.isfinite(left) and alone > 0.0 else NO_FIT


def _scales_of_rows(merged: Floats, base: Floats, product: Floats) -> Floats:
    """The scale of the product that explains each row best, where the row may be stretched."""
    ww, pp, wp = ((a * b).sum(axis=1) for a, b in ((base, base), (product, product), (base, product)))
    mw, mp = ((merged * a).sum(axis=1) for a in (base, product))
    with np.errstate(all="ignore"):
        found: Floats = (ww * mp - wp * mw) / (pp * mw - wp * mp)
    return found


def _off_direction(merged: Floats, base: Floats) -> float:
    """Squares of what is left of rows that are stretched to fit others."""
    with np.errstate(all="ignore"):
        lengths = (merged * base).sum(axis=1, keepdims=True) / (base**2).sum(axis=1, keepdims=True)
        return float(((merged - lengths * base) ** 2).sum())


def directions(outer: Floats, inner: Floats) -> tuple[Floats, Floats]:
    """The strongest directions of ``outer @ inner``, those that it writes ``(outputs, k)`` and reads ``(inputs, k)``.

    One singular value decomposition of a matrix as large as the rank.

    Examples
    --------
    >>> written, read = directions(np.array([[0.0], [2.0]]), np.array([[1.0, 0.0, 0.0]]))
    >>> np.abs(written).tolist(), np.abs(read).tolist()
    ([[0.0], [1.0]], [[1.0], [0.0], [0.0]])
    """
    (left, high), (right, low) = np.linalg.qr(outer), np.linalg.qr(inner.T)
    u, _, v = np.linalg.svd(high @ low.T)
    return left @ u[:, :DIRECTIONS], right @ v[:DIRECTIONS].T


def gain(matrix: Floats, along: Floats) -> float:
    """Mean square of what a matrix ``(units, inputs)`` makes of directions ``(inputs, k)``, 1 of those drawn by chance.

    Examples
    --------
    >>> gain(np.array([[3.0, 0.0], [0.0, 1.0]]), np.array([[1.0], [0.0]]))
    1.8
    """
    size = float(np.square(matrix).sum()) * along.shape[1]
    return float(np.square(matrix @ along).sum()) * len(along) / size if size > 0 else 0.0


def separation(one: Floats, other: Floats) -> float:
    """Standard errors by which the values of some modules, in logarithms, are larger in one model than in another.

    The spread over modules is drawn towards ``SPREAD``, so that one module counts too.

    Examples
    --------
    >>> round(separation(np.array([1.0, 1.2]), np.array([0.1, 0.2])), 1), separation(np.zeros(0), np.zeros(0))
    (5.0, 0.0)
    """
    difference = one - other
    n = len(difference)
    if not n:
        return 0.0
    squares = float(np.square(difference - difference.mean()).sum()) + FEW * SPREAD**2
    return float(difference.mean()) / float(np.sqrt(squares / (n - 1.0 + FEW) / n))


def _judged(scale: float, left: float, squares: float, of_merged: float, bits: int) -> Fit:
    """Whether what is left of some squares is rounding alone."""
    rounding = 2.0 ** (-2 * bits) / 3.0 * of_merged / squares
    return Fit(scale, left / squares, is_exact=left / squares <= min(1.0 - LEAST, ARITHMETIC + ROUNDINGS * rounding))


def cosine(a: Floats, b: Floats) -> float:
    """Cosine of two arrays of one shape; 0 where one has no length."""
    length = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float((a * b).sum()) / length if np.isfinite(length) and length > 0 else 0.0
