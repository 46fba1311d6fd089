"""Truth when members are missing: the nearest kept ancestor, and who shares one that is missing. Arrays only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


def without(parents: Sequence[int], keep: NDArray[np.bool_]) -> tuple[Indices, NDArray[np.bool_]]:
    """Parents among the kept members.

    Parameters
    ----------
    parents : sequence (n,)
        -1 for a root.
    keep : array (n,)
        Which members are there.

    Returns
    -------
    parents (n_kept,), missing (n_kept,)
        The nearest kept ancestor, renumbered, or -1; whether a missing model nearer than that one is the ancestor of
        another kept member too, by way of missing ones only.
    """
    number = np.cumsum(keep) - 1
    passed: list[list[int]] = []
    kept_parents = []
    for k in np.flatnonzero(keep).tolist():
        lost, parent = [], parents[k]
        while parent >= 0 and not keep[parent]:
            lost.append(parent)
            parent = parents[parent]
        passed.append(lost)
        kept_parents.append(-1 if parent < 0 else int(number[parent]))
    shared = Counter(member for lost in passed for member in lost)
    missing = np.array([any(shared[member] > 1 for member in lost) for lost in passed], dtype=bool)
    return np.array(kept_parents, dtype=np.int64), missing


def reordered(parents: Indices, order: Indices) -> Indices:
    """Parents (n,) of the members in another order: the new member k is the old ``order[k]``."""
    place = np.argsort(order)
    moved = parents[order]
    return np.where(moved < 0, -1, place[moved])


def trees(parents: Sequence[int], initial_seeds: Sequence[int]) -> Indices:
    """Number (n,) of each member's tree; trees of the same initialisation are one. Parents come before children."""
    root = list(range(len(parents)))
    for k, parent in enumerate(parents):
        root[k] = k if parent < 0 else root[parent]
    seeds = [initial_seeds[k] for k in root]
    return np.unique(seeds, return_inverse=True)[1].astype(np.int64)
