"""Families: the connected components of the kinship graph."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def families(kin: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Label of each model's family, numbered by first member: ``kin (n, n)`` symmetric -> ``(n,)``.

    Costs O(n^2). One false kinship joins two families, so ``kin`` must be corrected for the number of pairs.

    Examples
    --------
    >>> import numpy as np
    >>> families(np.array([[0, 0, 1], [0, 0, 0], [1, 0, 0]], dtype=bool)).tolist()
    [0, 1, 0]
    """
    labels = np.full(len(kin), -1, dtype=np.int64)
    family = 0
    for first in range(len(kin)):
        if labels[first] >= 0:
            continue
        labels[first] = family
        frontier = [first]
        while frontier:
            found = np.flatnonzero(kin[frontier].any(axis=0) & (labels < 0))
            labels[found] = family
            frontier = found.tolist()
        family += 1
    return labels
