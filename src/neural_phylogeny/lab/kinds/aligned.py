"""Does aligning create relatedness? p-values of strangers' matrices after their units were assigned to each other."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.relations.assigning import assignment, cosines

Floats = NDArray[np.float64]

FEWEST = 8
"""Fewer units or inputs show nothing."""


COMMON = 2
"""Strongest components of the table of cosines that are taken off: what all units share, such as loud inputs, is in
both halves of them, of strangers too; an order of units has no strong components."""


def aligned_p_values(first: Mapping[str, Floats], second: Mapping[str, Floats]) -> Iterator[float]:
    """Of each matrix that two models have in one shape, the p-value of their match on inputs that the search left out.

    Rows are assigned by the cosines of one half of their inputs, and tested on the other half. The first and the last
    matrix are left out: what reads pixels or tokens, and what names classes, is alike in all models of one task.
    """
    matrices = [name for name, a in first.items() if a.ndim > 1 and min(a.shape[:2]) > 1]
    for name in matrices[1:-1]:
        a, b = first[name], second.get(name)
        if b is not None and a.shape == b.shape:
            x, y = (m.reshape(*m.shape[:2], -1).astype(np.float64) for m in (a, b))
            if min(x.shape[:2]) >= FEWEST:
                yield p_value(x, y)


def p_value(x: Floats, y: Floats) -> float:
    """That of the mean absolute cosine of assigned rows, against all orders of the rows (normal approximation).

    Matrices are ``(units, inputs)``, or with places of each input as a third axis.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(24, 40))
    >>> p_value(x, x[rng.permutation(24)]) < 1e-9, 0.01 < p_value(x, rng.normal(size=(24, 40))) < 0.99
    (True, True)
    """
    order = assignment(np.abs(cosines(_half(x, 0), _half(y, 0))))
    unseen = np.abs(cosines(_half(x, 1), _half(y, 1)))
    centred = unseen - unseen.mean(axis=0) - unseen.mean(axis=1, keepdims=True) + unseen.mean()
    u, sizes, v = np.linalg.svd(centred)
    centred -= (u[:, :COMMON] * sizes[:COMMON]) @ v[:COMMON]
    spread = math.sqrt(float(np.square(centred).sum()) / (len(x) - 1))
    z = float(centred[np.arange(len(x)), order].sum()) / max(spread, 1e-300)
    return 0.5 * math.erfc(z / math.sqrt(2.0))


def _half(matrix: Floats, first: int) -> Floats:
    """Every second input of all units, without the means of units and of inputs: ``(units, inputs / 2 * places)``.

    Filters have a profile over places that all of their inputs share, and so does the other half.
    """
    values = matrix if matrix.ndim > 2 else matrix[..., None]
    part = values - values.mean(axis=1, keepdims=True)
    part = (part - part.mean(axis=0, keepdims=True))[:, first::2]
    found: Floats = part.reshape(len(part), -1)
    return found
