"""Rotations fitted again: of all matrices that one of them turned, some were multiplied besides and mislead it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from neural_phylogeny.relations.axes import Axis, Floats, shaped

SCREENED, LIKE_TURNED = 128, 0.1
"""Rows whose products with each other are looked at, and their least correlation in two models, one of them turned."""

EXACT = 1e-4
"""Relative error below which a rotation is that of an exact copy."""


def may_be_turned(a: Floats, b: Floats) -> bool:
    """Whether products of some rows, or of some columns, go together in both, as they do after a rotation of the other
    axis or of blocks of it: a necessary condition, at a small part of the price of a rotation.
    """
    for x, y in ((a, b), (a.T, b.T)):
        some = np.linspace(0, len(x) - 1, min(len(x), SCREENED)).astype(np.int64)
        products = [(m[some] @ m[some].T)[np.triu_indices(len(some), 1)].astype(np.float64) for m in (x, y)]
        one, other = (p - p.mean() for p in products)
        scale = float(np.linalg.norm(one) * np.linalg.norm(other))
        if scale > 0 and float(one @ other) >= LIKE_TURNED * scale:
            return True
    return False


def fitted(x: Floats, y: Floats) -> Floats:
    """The rotation t of columns for which y t is nearest to x (Procrustes)."""
    u, _, v = np.linalg.svd(y.T @ x)
    found: Floats = u @ v
    return found


def refitted(
    axes: Mapping[str, tuple[Axis, Axis]], first: Mapping[str, Floats], second: Mapping[str, Floats]
) -> dict[str, tuple[Axis, Axis]]:
    """The axes with each rotation that fits some matrix exactly, as fitted to that one; the others stay.

    A singular value decomposition for each matrix that was turned.
    """
    found = dict(axes)
    groups: list[tuple[Floats, list[tuple[str, int]]]] = []
    for name, pair in axes.items():
        for place, axis in enumerate(pair):
            if axis.turn is not None:
                turn = axis.turn if place else axis.turn.T
                same = next(
                    (some for known, some in groups if known.shape == turn.shape and (known == turn).all()), None
                )
                if same is None:
                    groups.append((turn, same := []))
                same.append((name, place))
    for _, members in groups:
        fits = [
            _fit(shaped(first[n]), shaped(second[n]), place) for n, place in members if not found[n][1 - place].changes
        ]
        error, turn = min(fits, key=lambda one: one[0], default=(np.inf, np.zeros((0, 0))))
        if error < EXACT:
            for name, place in members:
                rows, columns = found[name]
                is_columns = place == 1
                found[name] = (
                    rows if is_columns else replace(rows, turn=turn.T),
                    replace(columns, turn=turn) if is_columns else columns,
                )
    return found


def _fit(a: Floats, b: Floats, place: int) -> tuple[float, Floats]:
    """The rotation that takes b to a, of columns (place 1) or of rows, and its relative error."""
    x, y = (m[..., 0].astype(np.float64) if place else m[..., 0].astype(np.float64).T for m in (a, b))
    turn = fitted(x, y)
    return float(np.linalg.norm(x - y @ turn) / max(float(np.linalg.norm(x)), 1e-300)), turn
