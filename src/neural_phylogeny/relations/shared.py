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

from neural_phylogeny.statistics.base import Arrays
from neural_phylogeny.statistics.moments import FEWEST
from neural_phylogeny.statistics.results import Statistics

BITS = 16
"""Values of fewer mantissa bits meet by chance: trainings in half precision arrive at the same neighbour."""


def shared_values(statistics: Statistics, i: int, j: int, others: Sequence[int]) -> float:
    """Share of the compared values, at least, that i and j have in common and one of the others has not.

    The largest proportion over the other models; 0 where there is none. Zeros do not count, and neither do matrices of
    few different or coarse values. How many values three models share is not measured: of i's and j's the third has at
    most those that it shares with either. O(n_others) a matrix.
    """
    derived, seen = np.zeros(len(others)), np.zeros(len(others))
    for tensor, arrays, a, b in statistics.compared(i, j):
        if "cross.equal" not in arrays:
            continue
        place = {model: k for k, model in enumerate(tensor.members)}
        count = float(arrays["cross.count"][0])
        here = np.array([k for k, other in enumerate(others) if other in place], dtype=np.int64)
        seen[here] += count
        if not (_is_fine(arrays, a) and _is_fine(arrays, b)):
            continue
        same = arrays["cross.equal"][[a, b]].astype(np.float64) - arrays["cross.zeros"][[a, b]]
        third = [place[others[k]] for k in here]
        derived[here] += np.maximum(same[0, b] - same[:, third].min(axis=0), 0.0)
    enough = derived >= FEWEST
    return float(np.max(derived[enough] / seen[enough])) if enough.any() else 0.0


def _is_fine(arrays: Arrays, k: int) -> bool:
    """Whether a member's values are too many and too fine to meet by chance."""
    many = arrays["moments.distinct"][k] > arrays["moments.probed"][k] / 2.0
    return bool(many and arrays["moments.grid"][k] > BITS)
