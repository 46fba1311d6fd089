"""Models on grids of their rows or blocks, as int8 by rows, int4 and nf4 leave them when they are read as numbers.

A grid of the whole matrix is seen by ``relations.overlap``; those of rows and blocks need values at known places.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.relations.explanations.grids import OFF, Floats, steps_of_grid
from neural_phylogeny.relations.explanations.step import places_of
from neural_phylogeny.relations.explanations.together import finite_rows
from neural_phylogeny.statistics.base import Arrays
from neural_phylogeny.statistics.kept import VALUES
from neural_phylogeny.statistics.results import Statistics, pairs_of
from neural_phylogeny.tensors.alignment import AlignedTensor

Mask = NDArray[np.bool_]

MOST = 0.5
"""Share of the values of the compared matrices that must lie on a grid."""

BETWEEN = (0.24, 1.0)
"""Root mean square steps of a grid by which rounding to it moves values; a short training from it moves them less."""

HALF, UNEVEN_HALF, FEW = 0.52, 1.3, 0.02
"""Most steps to the nearest level of an even grid, and of one of uneven steps, and share of the values beyond."""


def gridded(statistics: Statistics) -> Mask:
    """Whether j is i rounded to a grid of its rows or blocks that i does not have, ``(n, n)``.

    From the kept values. Linear in models and matrices but for those with a grid, which are few.
    """
    n = statistics.alignment.n_models
    on, off, size = (np.zeros((n, n)) for _ in range(3))
    for alike in statistics.alike(VALUES, matrices=True):
        members = np.array(alike[0][0].members)
        values_in = np.array([tensor.size for tensor, _ in alike])[:, None, None]
        size[members[:, None], members] += (values_in * pairs_of(alike)).sum(axis=0)
        for places, values, _, possible in finite_rows(alike):
            for t in np.flatnonzero(possible.any(axis=1)).tolist():
                tensor, arrays = alike[places[t]]
                grids = _grids(tensor, arrays, values[t], np.flatnonzero(possible[t]).tolist())
                for row, steps in grids.items():
                    others = [k for k in range(len(members)) if k not in grids and tensor.pairs[k, row]]
                    is_near = np.array([_rounds(values[t, k], values[t, row], steps) for k in others], dtype=bool)
                    on[members[others], members[row]] += tensor.size * is_near
                    off[members[others], members[row]] += tensor.size * ~is_near
    found: Mask = (on >= MOST * size) & (on > 0) & (off == 0)
    return found & ~found.T


def _grids(tensor: AlignedTensor, arrays: Arrays, values: Floats, rows: Sequence[int]) -> dict[int, Floats]:
    """Spacing of the grids of those members that have one, by their rows."""
    spacing = {row: steps_of_grid(values[row], places=places_of(tensor, tensor.sources[row], arrays)) for row in rows}
    return {row: steps for row, steps in spacing.items() if steps is not None}


def _rounds(plain: Floats, coarse: Floats, steps: Floats) -> bool:
    """Whether the second values are the first ones at the nearest levels of a grid."""
    with np.errstate(all="ignore"):
        moved = np.abs(plain - coarse) / steps
        levels = coarse / steps
        is_even = np.mean(np.abs(levels - np.round(levels)) > OFF) <= FEW
    changed = moved[moved > 0]
    size = float(np.sqrt(np.mean(np.square(changed)))) if changed.size else 0.0
    beyond = float(np.mean(moved > (HALF if is_even else UNEVEN_HALF)))
    return BETWEEN[0] <= size <= BETWEEN[1] and beyond <= FEW
