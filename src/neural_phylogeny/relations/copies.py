"""Copies: models whose compared weights are equal to the last bit, as far as they were read."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.relations.converted import converted
from neural_phylogeny.statistics.results import Statistics

ALMOST_ALL = 0.9
"""Share of the larger model's parameters that must be compared, vectors included."""


def copies(statistics: Statistics) -> list[list[int]]:
    """Groups of models that are equal in every tensor they share, and share all matrices; larger than one.

    Of a sample of the weights: equal in all that was read. Whoever tells of copies must tell what was read, for a
    change of a few values may lie elsewhere.

    Values are compared as float32, so that an export to another format counts as a copy, even one that folded the
    vectors of a normalisation away; a new head or a changed bias makes another model. Where names or layouts differ,
    values may also differ by what folding a normalisation in single precision leaves, see ``converted``.
    """
    n = statistics.alignment.n_models
    differ, compared = np.zeros((n, n), dtype=bool), np.zeros((n, n), dtype=bool)
    for tensor, arrays in statistics:
        label = arrays["equality.label"]
        at = np.ix_(tensor.members, tensor.members)
        equal = (label[:, None] == label[None, :]) | converted(tensor, arrays)
        differ[at] |= ~equal & tensor.pairs
        compared[at] |= tensor.pairs
    alignment = statistics.alignment
    equal = compared & ~differ & (alignment.matrix_coverage() == 1.0) & (alignment.coverage() >= ALMOST_ALL)
    np.fill_diagonal(equal, True)
    return _groups(equal)


def _groups(equal: NDArray[np.bool_]) -> list[list[int]]:
    """Equality is transitive here, so the first row that names a model names its whole group."""
    groups, taken = [], set[int]()
    for first, row in enumerate(equal):
        group = [int(j) for j in np.flatnonzero(row) if j not in taken]
        if first in group and len(group) > 1:
            groups.append(group)
            taken.update(group)
    return groups
