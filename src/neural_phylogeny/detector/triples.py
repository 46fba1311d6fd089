"""Features of a pair (i, j) given a third model k: angles and slopes of the triangle of three models.

Seen from the root of both, a child j holds all of its parent i: the slope of j on i is one in every matrix. A sibling
holds only what the two learnt alike, more in one matrix, less in the next.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.detector.geometry import Geometry
from neural_phylogeny.detector.measurements import Measurements
from neural_phylogeny.files.cores import in_rows
from neural_phylogeny.statistics.results import added

Array = NDArray[np.float64]
Corners = tuple[Array, Array, Array]

N_TRIPLES = 36
"""Numbers of each triple."""

FREE, NEAREST = 64, 32
"""In groups of more models only the nearest of each are looked at as third ones."""

MATRICES = 12
"""Of this many matrices, the largest, triples are looked at one by one in groups of more than ``FEW`` models."""

FEW = 16

MOST_VALUES = 12_000
"""An angle counts as sharp by the number of values, cut where networks of training families end."""

SHARP, LIMIT = 8.0, 8.0
CHUNK = 1 << 18
"""Triples looked at together."""


def thirds(measured: Measurements) -> NDArray[np.int64]:
    """The models that are looked at beside each model: all, itself too, or in a large group the nearest ``(n, K)``."""
    n = len(measured)
    if n <= FREE:
        return everyone(n)
    squared = _whole(measured.common).squared.copy()
    np.fill_diagonal(squared, np.inf)
    return np.argsort(squared, axis=1, kind="stable")[:, :NEAREST]


def everyone(n: int) -> NDArray[np.int64]:
    """All n models beside each of them: ``(n, n)``."""
    return np.tile(np.arange(n), (n, 1))


def triple_features(measured: Measurements, chosen: NDArray[np.int64]) -> NDArray[np.float16]:
    """Numbers of all triples ``[i, j, chosen[i, k]]``: ``(n, n, K, N_TRIPLES)``, finite.

    Angles at i, j and k and slopes of each on each, of the retained matrices that all models have as one space, and
    their range over them; zeros where two of the three are one. O(n^2 K) a matrix.
    """
    measured = measured.common
    n, (_, k) = len(measured), chosen.shape
    found = np.empty((n, n, k, N_TRIPLES), dtype=np.float16)
    whole, even = _whole(measured), Geometry.even(measured.pairs["product"], measured.pairs["square"])
    order = np.argsort(-measured.sizes, kind="stable")[: MATRICES if n > FEW else len(measured.sizes)]

    def of_rows(rows: slice) -> None:
        with np.errstate(all="ignore"):
            parts = [*_angles_of_all(whole, even, measured, rows, chosen), *_by_matrix(measured, order, rows, chosen)]
        stacked = np.stack(parts, axis=-1)
        found[rows] = np.clip(np.nan_to_num(stacked, nan=0.0, posinf=LIMIT, neginf=-LIMIT), -LIMIT, LIMIT)

    in_rows(of_rows, n, CHUNK // max(n * k, 1))
    return found


def _angles_of_all(
    whole: Geometry, even: Geometry, measured: Measurements, rows: slice, chosen: NDArray[np.int64]
) -> Iterator[Array]:
    """Angles (3), how sharp they are (3), angles where matrices count alike (3), correlations given one (3), slopes."""
    legs = _legs(whole.squared, rows, chosen)
    sharp = np.sqrt(min(float(np.nansum(measured.sizes)), MOST_VALUES)) / SHARP
    angles = _angles(legs)
    yield from angles
    yield from (np.tanh(sharp * angle) for angle in angles)
    yield from _angles(_legs(even.squared, rows, chosen))
    yield from _given(whole, rows, chosen)
    yield from _slopes(legs)


def _by_matrix(
    measured: Measurements, order: NDArray[np.int64], rows: slice, chosen: NDArray[np.int64]
) -> Iterator[Array]:
    """Least and largest angle (6), mean and spread of slopes (12) over the matrices."""
    shape = (rows.stop - rows.start, len(measured), chosen.shape[1])
    least, most = ([np.full(shape, sign * np.inf) for _ in range(3)] for sign in (1.0, -1.0))
    sums, squares = ([np.zeros(shape) for _ in range(6)] for _ in range(2))
    total = np.zeros(shape)
    together = max(1, CHUNK // math.prod(shape))
    for some in np.split(order, range(together, len(order), together)):
        legs = _legs(measured.pairs["square"][some], rows, chosen)
        known = np.isfinite(legs[0]) & np.isfinite(legs[1]) & np.isfinite(legs[2])
        weight = known * np.sqrt(measured.sizes[some])[:, None, None, None]
        total = added(total, weight)
        for k, angle in enumerate(_angles(legs)):
            angle = np.where(known, angle, np.nan)
            np.fmin(least[k], np.fmin.reduce(angle, axis=0), out=least[k])
            np.fmax(most[k], np.fmax.reduce(angle, axis=0), out=most[k])
        for k, slope in enumerate(_slopes(legs)):
            slope = np.where(known, slope, 0.0)
            sums[k] = added(sums[k], weight * slope)
            squares[k] = added(squares[k], weight * slope**2)
    yield from (np.where(np.isfinite(part), part, 0.0) for part in (*least, *most))
    for one, square in zip(sums, squares, strict=True):
        mean = one / np.maximum(total, 1e-12)
        yield mean
        yield np.sqrt(np.maximum(square / np.maximum(total, 1e-12) - mean**2, 0.0))


def _legs(squared: Array, rows: slice, chosen: NDArray[np.int64]) -> Corners:
    """Squared distances i to j, i to k, j to k, each ``(..., rows, n, K)``, by those of all pairs ``(..., n, n)``."""
    here = squared[..., rows, :]
    to_third = here[..., np.arange(here.shape[-2])[:, None], chosen[rows]]
    between = squared[..., :, chosen[rows]].swapaxes(-3, -2)
    shape = between.shape
    return np.broadcast_to(here[..., :, None], shape), np.broadcast_to(to_third[..., None, :], shape), between


def _inner(legs: Corners) -> Corners:
    """Inner products at i, at j and at k of the ways to the two others."""
    ij, ik, jk = legs
    return (ij + ik - jk) / 2.0, (ij + jk - ik) / 2.0, (ik + jk - ij) / 2.0


def _angles(legs: Corners) -> list[Array]:
    ij, ik, jk = legs
    at_i, at_j, at_k = _inner(legs)
    return [_over(at_i, np.sqrt(ij * ik)), _over(at_j, np.sqrt(ij * jk)), _over(at_k, np.sqrt(ik * jk))]


def _slopes(legs: Corners) -> list[Array]:
    """Of j on k and k on j seen from i, i on k and k on i from j, i on j and j on i from k; large ones shrunk."""
    ij, ik, jk = legs
    at_i, at_j, at_k = _inner(legs)
    pairs = ((at_i, ik), (at_i, ij), (at_j, jk), (at_j, ij), (at_k, jk), (at_k, ik))
    return [np.arcsinh(_over(inner, length)) for inner, length in pairs]


def _given(space: Geometry, rows: slice, chosen: NDArray[np.int64]) -> Iterator[Array]:
    """Correlations of two of the three when both are regressed on the third: given i, given j, given k."""
    gram, own = space.gram, space.own
    here, norm_i, norm_j = gram[rows], own[rows][:, None, None], own[None, :, None]
    norm_k = own[chosen[rows]][:, None, :]
    ij = here[:, :, None]
    ik = np.take_along_axis(here, chosen[rows], axis=1)[:, None, :]
    jk = gram[:, chosen[rows]].transpose(1, 0, 2)
    for a, b, other, norm_a, norm_b, norm in (
        (ij, ik, jk, norm_j, norm_k, norm_i),
        (ij, jk, ik, norm_i, norm_k, norm_j),
        (ik, jk, ij, norm_i, norm_j, norm_k),
    ):
        left_a, left_b = norm_a - a * a / norm, norm_b - b * b / norm
        good = (left_a > 1e-9 * norm_a) & (left_b > 1e-9 * norm_b)
        yield np.where(good, (other - a * b / norm) / np.sqrt(np.where(good, left_a * left_b, 1.0)), 0.0)


def _whole(measured: Measurements) -> Geometry:
    """All matrices as one space."""
    return Geometry.pooled(measured.pairs["product"], measured.pairs["square"], measured.sizes)


def _over(numerator: Array, denominator: Array) -> Array:
    return np.divide(numerator, denominator, out=np.zeros(numerator.shape), where=denominator > 1e-24)
