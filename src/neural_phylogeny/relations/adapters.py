"""Whether the difference of two models is what a low-rank adapter adds: W_merged - W_base = scale B A."""

from __future__ import annotations

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
        return Fit(0.0, 1.0, is_exact=False)
    scale = float((difference * product).sum()) / norm
    left = float(((difference - scale * product) ** 2).sum()) / squares
    rounding = 2.0 ** (-2 * bits) / 3.0 * float((merged**2).sum()) / squares
    return Fit(scale, left, is_exact=left <= min(1.0 - LEAST, ARITHMETIC + ROUNDINGS * rounding))


def cosine(a: Floats, b: Floats) -> float:
    """Cosine of two arrays of one shape; 0 where one has no length."""
    length = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float((a * b).sum()) / length if np.isfinite(length) and length > 0 else 0.0
