"""Shared values: equal in two models to the last bit, and different in a relative of both. They mean common descent.

Trainings do not arrive at the same value in all mantissa bits, and where a third model has another value it is not a
constant of the architecture. Of values that an ancestor of both has not (in phylogenetics a synapomorphy: W. Hennig,
*Phylogenetic Systematics*, 1966) one would think that the two have them from a further model after it. Not so: weight
decay takes what has no gradient, such as weights of pixels that are always black, down alike in all siblings of one
recipe. So they show relatedness and nothing more.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.statistics.moments import FEWEST
from neural_phylogeny.statistics.results import Alike, Statistics, pairs_of, stacked

BITS = 16
"""Values of fewer mantissa bits meet by chance: trainings in half precision arrive at the same neighbour."""


def shared_values(statistics: Statistics, i: int, j: int, others: Sequence[int]) -> float:
    """Share of the compared values, at least, that i and j have in common and one of the others has not.

    The largest proportion over the other models; 0 where there is none. Zeros do not count, and neither do matrices of
    few different or coarse values. How many values three models share is not measured: of i's and j's the third has at
    most those that it shares with either. O(n_others) a matrix.
    """
    derived, seen = np.zeros(len(others)), np.zeros(len(others))
    for alike in statistics.alike("cross.equal"):
        place = {model: k for k, model in enumerate(alike[0][0].members)}
        here = np.array([k for k, other in enumerate(others) if other in place], dtype=np.int64)
        if i not in place or j not in place or not here.size:
            continue
        both, third = [place[i], place[j]], [place[others[k]] for k in here]
        compared = np.broadcast_to(pairs_of(alike)[:, both[0], both[1]], len(alike))
        count = np.array([float(arrays["cross.count"][0]) for _, arrays in alike])
        seen[here] += count[compared].sum()
        same = (stacked(alike, "cross.equal").astype(np.float64) - stacked(alike, "cross.zeros"))[:, both]
        more = np.maximum(same[:, 0, both[1], None] - same[:, :, third].min(axis=1), 0.0)
        derived[here] += more[compared & _are_fine(alike, both)].sum(axis=0)
    enough = derived >= FEWEST
    return float(np.max(derived[enough] / seen[enough])) if enough.any() else 0.0


def _are_fine(alike: Alike, rows: list[int]) -> NDArray[np.bool_]:
    """In which matrices the values of some members are too many and too fine to meet by chance, ``(T,)``."""
    distinct, probed, grid = (stacked(alike, f"moments.{name}")[:, rows] for name in ("distinct", "probed", "grid"))
    found: NDArray[np.bool_] = np.logical_and.reduce((distinct > probed / 2.0) & (grid > BITS), axis=1)
    return found
