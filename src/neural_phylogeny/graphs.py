"""Connected components of a graph given as a matrix."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def components(linked: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Label of each model's component, numbered by first member: ``linked (n, n)`` symmetric -> ``(n,)``.

    Costs O(n^2). One false link joins two components.

    Examples
    --------
    >>> import numpy as np
    >>> components(np.array([[0, 0, 1], [0, 0, 0], [1, 0, 0]], dtype=bool)).tolist()
    [0, 1, 0]
    """
    labels = np.full(len(linked), -1, dtype=np.int64)
    label = 0
    for first in range(len(linked)):
        if labels[first] >= 0:
            continue
        labels[first] = label
        frontier = [first]
        while frontier:
            found = np.flatnonzero(linked[frontier].any(axis=0) & (labels < 0))
            labels[found] = label
            frontier = found.tolist()
        label += 1
    return labels
