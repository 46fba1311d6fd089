"""Where the models of a group lie: lengths, distances, neighbours, and what third models say of two.

All matrices are taken for one space, once as they are (``whole``) and once scaled to count alike (``even``); the angles
are also looked at matrix by matrix (``by_matrix``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.detector.feature_table import Features, Section, both, least, mean, mean_sign, most, share_below
from neural_phylogeny.detector.geometry import (
    CHUNK,
    Geometry,
    pooled_over_third,
    pooled_rows,
    ranks,
    seen_in_each,
)
from neural_phylogeny.detector.measurements import Measurements

Array = NDArray[np.float64]

MATRICES = 16
"""Triples are looked at matrix by matrix in this many of the largest in large groups."""

FREE = 64
"""In groups of up to this many models, in all matrices."""


def whole(measured: Measurements) -> Geometry:
    """The retained matrices that all models have as one space, on one scale, so that the numbers stay within reach."""
    kept = measured.common
    product, square = kept.pairs["product"], kept.pairs["square"]
    level = _level(np.einsum("tii->ti", product), kept.sizes)
    return Geometry.pooled(product / level, square / level, kept.sizes)


def even(measured: Measurements) -> Geometry:
    """The retained matrices that all models have as one space, each scaled to the same length."""
    return Geometry.even(measured.common.pairs["product"], measured.common.pairs["square"])


def _level(norm: Array, sizes: Array) -> float:
    with np.errstate(all="ignore"):
        means = np.nansum(norm, axis=1) / np.maximum((~np.isnan(norm)).sum(axis=1), 1)  # of no number at all: 0
        level = float(np.nansum(means * sizes) / max(float(sizes.sum()), 1.0)) if norm.size else 1.0
    return level if np.isfinite(level) and level > 0 else 1.0


def _others(space: Geometry) -> NDArray[np.bool_]:
    """``(n, n)``, False on the diagonal."""
    return ~np.eye(len(space.gram), dtype=bool)


def _lengths(space: Geometry) -> Sequence[Array]:
    length = np.log(space.own)
    difference = length[None, :] - length[:, None]
    return difference, *both(length - np.median(length)), *both(ranks(length))


def _outward(space: Geometry) -> Sequence[Array]:
    """Cosine of j - i and i, and of i - j and j."""
    legs, root = np.sqrt(np.maximum(space.squared, 1e-24)), np.sqrt(space.own)
    outward, off = (space.gram - space.own[:, None]) / (legs * root[:, None]), _others(space)
    return outward * off, outward.T * off


NEIGHBOURS = (
    "",
    "_gap_of_i",
    "_gap_of_j",
    "_rank_from_i",
    "_rank_from_j",
    "_central_i",
    "_central_j",
    "_central_rank_i",
    "_central_rank_j",
)


def _neighbours(of: Callable[[Geometry], Array]) -> Callable[[Geometry], Sequence[Array]]:
    """A squared distance on a logarithmic scale: to the other model, beyond the nearest one, and to all."""

    def features(space: Geometry) -> Sequence[Array]:
        logs, off, n = np.log(np.maximum(of(space), 1e-12)), _others(space), len(space.gram)
        typical = float(np.median(logs[off])) if n > 1 else 0.0
        nearest = np.where(off, logs, np.inf).min(axis=1) if n > 1 else np.zeros(1)
        central = np.where(off, logs, 0.0).sum(axis=1) / max(n - 1, 1)
        near = ranks(np.where(off, logs, np.inf), axis=1)
        gaps = (np.where(off, logs - lowest, 0.0) for lowest in (typical, nearest[:, None], nearest[None, :]))
        return *gaps, near * off, near.T * off, *both(central - central.mean()), *both(ranks(central))

    return features


def _precision(space: Geometry) -> Sequence[Array]:
    """Partial correlations given all other models, and the diagonal of the inverse correlations."""
    precision = space.precision()
    diagonal = np.sqrt(np.maximum(np.diag(precision), 1e-12))
    partial = -precision / (diagonal[:, None] * diagonal[None, :]) * _others(space)
    return partial, *both(np.log(diagonal))


POOLED = tuple(f"{what}{back}" for what in ("mean", "least", "most", "spread", "median") for back in ("", "_back"))
ROOTS = ("root_i", "root_j", "root", "root_rank_i", "root_rank_j")

Chunks = Iterator[tuple[slice, Array]]


def _over_third(of: Callable[[Geometry], Chunks]) -> Callable[[Geometry], Sequence[Array]]:
    """A number of triples pooled over the third model; with i as root, its root mean square over all pairs."""

    def features(space: Geometry) -> Sequence[Array]:
        pooled, spread = pooled_over_third(of(space), len(space.gram))
        sides = (side for values in pooled for side in (values, values.T))
        return *sides, *both(spread), spread[None, :] - spread[:, None], *both(ranks(spread))

    return features


def _explained(space: Geometry) -> Sequence[Array]:
    """Correlation of i and j given a third model: the least, the nearest to zero, the mean over third models."""
    n = len(space.gram)
    lowest, average, nearest = np.full((n, n), np.inf), np.zeros((n, n)), np.full((n, n), np.inf)
    for rows, values in space.given():
        for k, value in zip(range(rows.start, rows.stop), values, strict=True):
            other = np.ones((n, n), dtype=bool)
            other[k, :] = other[:, k] = False
            lowest = np.where(other, np.minimum(lowest, value), lowest)
            nearest = np.where(other, np.minimum(nearest, np.abs(value)), nearest)
            average += np.where(other, value, 0.0)
    off = _others(space) & (n > 2)
    return tuple(np.where(off, values, 0.0) for values in (lowest, nearest, average / max(n - 2, 1)))


def _section(space: str, view: Callable[[Measurements], Geometry]) -> Section[Geometry]:
    def row(group: str, names: Sequence[str], of: Callable[[Geometry], Sequence[Array]]) -> Features[Geometry]:
        return Features(group, tuple(f"{space}.{name}" for name in names), of)

    return Section(
        view,
        (
            row("norms", ("length", "length_of_i", "length_of_j", "rank_of_i", "rank_of_j"), _lengths),
            row("norms", ("outward_of_i", "outward_of_j"), _outward),
            row("pairs", [f"distance{name}" for name in NEIGHBOURS], _neighbours(lambda space: space.squared)),
            row("pairs", [f"sine{name}" for name in NEIGHBOURS], _neighbours(Geometry.sine2)),
            row("triples", ("partial", "precision_i", "precision_j"), _precision),
            row("triples", ("between",), lambda space: (space.between(),)),
            row("triples", [f"angle.{name}" for name in POOLED + ROOTS], _over_third(Geometry.seen_from)),
            row("triples", [f"given.{name}" for name in POOLED + ROOTS], _over_third(Geometry.given)),
            row("triples", [f"explained.{name}" for name in ("least", "nearest_zero", "mean")], _explained),
        ),
    )


@dataclass(frozen=True)
class _ByMatrix:
    """Of each matrix: root mean square of the angles seen from each model ``(m, n)``, mean angles ``(m, n, n)``."""

    roots: Array
    angles: Array

    @classmethod
    def of(cls, measured: Measurements) -> _ByMatrix:
        kept = measured.common
        n, sizes = len(kept), kept.sizes
        chosen = np.argsort(-sizes, kind="stable")[: MATRICES if n > FREE else len(sizes)]
        roots, angles = np.full((len(chosen), n), np.nan), np.full((len(chosen), n, n), np.nan)
        product, square = kept.pairs["product"][chosen], kept.pairs["square"][chosen]
        has = np.isfinite(np.einsum("tii->ti", product))
        for layout in np.unique(has, axis=0):
            members = np.flatnonzero(layout)
            if (k := len(members)) < 3:
                continue
            alike, together = np.flatnonzero((has == layout).all(axis=1)), max(1, CHUNK // k**3)
            for rows in np.split(alike, range(together, len(alike), together)):
                at = np.ix_(rows, members, members)
                seen = seen_in_each(product[at], square[at]).reshape(-1, k, k)
                pooled, spread = pooled_rows(seen, np.tile(np.arange(k), len(rows)))
                roots[np.ix_(rows, members)] = spread.reshape(-1, k)
                angles[at] = pooled[0].reshape(-1, k, k)
        return cls(roots, angles)


def _roots(view: _ByMatrix) -> tuple[Array, Array]:
    difference = view.roots[:, None, :] - view.roots[:, :, None]
    return mean(difference, np.ones(len(difference))), mean_sign(difference)


def _angles(view: _ByMatrix) -> tuple[Array, Array, Array]:
    return mean(view.angles, np.ones(len(view.angles))), least(view.angles), most(view.angles)


_ANGLES = ("angle", "angle_least", "angle_most")

SECTIONS = (
    _section("whole", whole),
    _section("even", even),
    Section(
        _ByMatrix.of,
        (
            Features("triples", ("by_matrix.root", "by_matrix.root_signs"), _roots),
            Features("triples", tuple(f"by_matrix.{name}" for name in _ANGLES), _angles),
            Features(
                "triples",
                ("by_matrix.root_rank_i", "by_matrix.root_rank_j"),
                lambda view: both(share_below(_roots(view)[1])),
            ),
            Features(
                "triples",
                tuple(f"by_matrix.{name}_back" for name in _ANGLES),
                lambda view: [values.T for values in _angles(view)],
            ),
        ),
    ),
)
