r"""A pass in a third of the bytes, for collections that are kept by the dozen.

Single precision is enough for what is small where models are close: squared distances instead of inner products, and
for the cross moments, with d = w_i - w_j,

.. math:: q_{ij} = \sum d^2 w_i^2, \qquad \sum d^2, \qquad \sum d^4.

Together with each model's own sums in double precision they give everything back, because
:math:`\sum w_i^2 w_j^2 = (\sum d^4 + t_{ii} + t_{jj}) / 2 - q_{ij} - q_{ji}` and
:math:`t_{ij} = \sum w_i^3 w_j = (t_{ii} + \sum w_i^2 w_j^2 - q_{ij}) / 2`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.statistics.base import Arrays
from neural_phylogeny.statistics.kept import VALUES
from neural_phylogeny.statistics.results import Statistics

Matrix = NDArray[np.float64]

SINGLE = ("moments.", "matching.", "rows.", "sketch.", "cross.square", "cross.fourth")
"""Beginnings of the names of results that are stored in single precision as they are."""

ANTISYMMETRIC = ("rows.grow", "rows.indep", "rows.step", "rows.factor")
"""Results of pairs whose sign alone changes with the order of the two: their upper triangles are stored."""

_UPPER = ".upper"
_DIAGONAL, _DISTANCE, _SKEWED = ".diagonal", ".distance", "cross.skewed"


def condense(statistics: Statistics) -> Statistics:
    """The statistics to be stored; ``expand`` undoes it up to single precision of differences.

    Vectors and kept values are left out: no table of methods uses them.
    """
    arrays = tuple(_condensed(found, tensor.is_matrix) for tensor, found in statistics)
    pairwise = {key + _UPPER if key in ANTISYMMETRIC else key for key in statistics.pairwise if key not in _EXPANDED}
    return replace(statistics, arrays=arrays, pairwise=frozenset(pairwise | {"gram" + _DISTANCE, _SKEWED}))


def expand(statistics: Statistics) -> Statistics:
    """The inverse of ``condense``, in double precision."""
    arrays = tuple(_expanded(found) for found in statistics.arrays)
    pairwise = {key.removesuffix(_UPPER) for key in statistics.pairwise if key not in ("gram" + _DISTANCE, _SKEWED)}
    return replace(statistics, arrays=arrays, pairwise=frozenset(pairwise | set(_EXPANDED)))


_EXPANDED = ("gram", "cross.product", "cross.second", "cross.third")


def _condensed(found: Arrays, is_matrix: bool) -> Arrays:
    kept = {key: array for key, array in found.items() if key not in _EXPANDED and key != VALUES}
    if not is_matrix:
        kept = {key: array for key, array in kept.items() if not key.startswith("sketch.")}
    for key, array in kept.items():
        if key.startswith(SINGLE) and array.dtype == np.float64:
            kept[key] = array.astype(np.float32)
    for key in ANTISYMMETRIC:
        if key in kept:
            kept[key + _UPPER] = upper_triangle(kept.pop(key))
    with np.errstate(all="ignore"):
        if "gram" in found:
            kept["gram" + _DIAGONAL] = np.diag(found["gram"]).copy()
            kept["gram" + _DISTANCE] = _distances(found["gram"]).astype(np.float32)
        if "cross.third" in found:
            own, second = np.diag(found["cross.third"]).copy(), found["cross.second"]
            kept["cross.third" + _DIAGONAL] = own
            kept["cross.product" + _DIAGONAL] = np.diag(found["cross.product"]).copy()
            kept[_SKEWED] = (own[:, None] - 2.0 * found["cross.third"] + second).astype(np.float32)
    return kept


def _expanded(found: Arrays) -> Arrays:
    whole = {key: array for key, array in found.items() if not key.endswith((_DIAGONAL, _DISTANCE, _SKEWED))}
    for key, array in whole.items():
        if array.dtype == np.float32:
            whole[key] = array.astype(np.float64)
    for key in ANTISYMMETRIC:
        if key + _UPPER in whole:
            upper = whole.pop(key + _UPPER)
            whole[key] = upper - upper.swapaxes(0, 1)
    with np.errstate(all="ignore"):
        if "gram" + _DISTANCE in found:
            whole["gram"] = _products(found["gram" + _DIAGONAL], found["gram" + _DISTANCE].astype(np.float64))
        if _SKEWED in found:
            own, skewed = found["cross.third" + _DIAGONAL], found[_SKEWED].astype(np.float64)
            half = (whole["cross.fourth"] + own[:, None] + own[None, :]) / 2.0
            whole["cross.second"] = half - (skewed + skewed.T)
            whole["cross.third"] = (own[:, None] + whole["cross.second"] - skewed) / 2.0
            whole["cross.product"] = _products(found["cross.product" + _DIAGONAL], whole["cross.square"])
    return whole


def upper_triangle(values: NDArray[Any]) -> NDArray[Any]:
    """Entries ``[i, j]`` with i <= j of an array ``(n, n, ...)``, zeros elsewhere."""
    n = len(values)
    is_upper = np.triu(np.ones((n, n), dtype=bool)).reshape(n, n, *[1] * (values.ndim - 2))
    return np.where(is_upper, values, np.zeros((), dtype=values.dtype))


def _distances(gram: Matrix) -> Matrix:
    own = np.diag(gram)
    return own[:, None] + own[None, :] - (gram + gram.T)


def _products(own: Matrix, distances: Matrix) -> Matrix:
    return (own[:, None] + own[None, :] - distances) / 2.0
