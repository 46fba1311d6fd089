"""Rotations fitted again: of all matrices that one rotation turned, some were multiplied besides, and mislead the fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from neural_phylogeny.relations.axes import Axis, Floats, shaped

EXACT = 1e-4
"""Relative error below which a rotation is that of an exact copy."""


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
        best: tuple[float, Floats] | None = None
        for name, place in members:
            other = found[name][1 - place]
            if other.changes:
                continue
            x, y = (shaped(model[name])[..., 0].astype(np.float64) for model in (first, second))
            x, y = (x, y) if place else (x.T, y.T)
            u, _, v = np.linalg.svd(y.T @ x)
            error = float(np.linalg.norm(x - y @ (u @ v)) / max(np.linalg.norm(x), 1e-300))
            if best is None or error < best[0]:
                best = error, u @ v
        if best is not None and best[0] < EXACT:
            for name, place in members:
                pair = list(found[name])
                pair[place] = replace(pair[place], turn=best[1] if place else best[1].T)
                found[name] = (pair[0], pair[1])
    return found
