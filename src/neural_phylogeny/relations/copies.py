"""Copies: models whose compared weights are equal to the last bit, as far as they were read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.formats.weight_norm import CODES
from neural_phylogeny.relations.converted import converted
from neural_phylogeny.statistics.results import Statistics, pairs_of, stacked

ALMOST_ALL = 0.9
"""Share of a model's weights on which it counts as compared as a whole: of a copy the parameters of the larger, vectors
included."""


def copies(statistics: Statistics) -> list[list[int]]:
    """Groups of models that are equal in every tensor they share, and share all matrices; larger than one.

    Of a sample of the weights: equal in all that was read. Whoever reports copies must report what was read, for a
    change of a few values may lie elsewhere.

    Values are compared as float32, so that an export to another format counts as a copy, even one that folded the
    vectors of a normalisation away; a new head or a changed bias makes another model. Where names or layouts differ,
    values may also differ by what folding a normalisation in single precision leaves, see ``converted``.
    """
    n = statistics.alignment.n_models
    differ, compared = np.zeros((n, n), dtype=bool), np.zeros((n, n), dtype=bool)
    for alike in statistics.alike("equality.label"):
        label, members, pairs = stacked(alike, "equality.label"), alike[0][0].members, pairs_of(alike)
        at = np.ix_(members, members)
        equal = label[:, :, None] == label[:, None, :]
        if not equal.all():
            equal |= np.array([converted(tensor, arrays) for tensor, arrays in alike])
        differ[at] |= (~equal & pairs).any(axis=0)
        compared[at] |= pairs.any(axis=0)
    alignment = statistics.alignment
    equal = compared & ~differ & (alignment.matrix_coverage() == 1.0) & (alignment.coverage() >= ALMOST_ALL)
    np.fill_diagonal(equal, True)
    return _groups(equal)


@dataclass(frozen=True, slots=True)
class Conversion:
    """How a copy is stored otherwise: numbers of compared tensors.

    Attributes
    ----------
    renamed, retyped, rounded : int
        Under other names; of another type; with values that differ by what arithmetic in single precision leaves.
    layouts : mapping
        In another layout, by the layout.
    """

    renamed: int
    retyped: int
    rounded: int
    layouts: Mapping[str, int]


def is_converted(statistics: Statistics, i: int, j: int) -> bool:
    """Whether a copy is stored otherwise than in another container: under other names, in another layout or type."""
    found = conversion(statistics, i, j)
    return bool(found.renamed or found.retyped or found.rounded or found.layouts)


def conversion(statistics: Statistics, i: int, j: int) -> Conversion:
    """How the storage of j differs from that of its copy i. O(n_tensors)."""
    found: dict[str, set[str]] = {"renamed": set(), "retyped": set(), "rounded": set()}
    layouts: dict[str, set[str]] = {}
    for tensor, arrays, a, b in statistics.compared(i, j):
        one, other = tensor.sources[a], tensor.sources[b]
        differs = {
            "renamed": one.name != other.name,
            "retyped": one.dtype != other.dtype,
            "rounded": arrays["equality.label"][a] != arrays["equality.label"][b],
        }
        for what in (what for what, holds in differs.items() if holds):
            found[what].add(other.name)
        if CODES in (one.codes, other.codes) and one.codes != other.codes:
            layouts.setdefault(f"as {CODES}", set()).add(other.name)
        for view in (one.view, other.view) if one.view != other.view else ():
            if view is not None:
                layouts.setdefault(view.layout, set()).add(other.name)
    counts = {what: len(names) for what, names in found.items()}
    return Conversion(**counts, layouts={layout: len(names) for layout, names in sorted(layouts.items())})


def _groups(equal: NDArray[np.bool_]) -> list[list[int]]:
    """Equality is transitive here, so the first row that names a model names its whole group."""
    groups, taken = [], set[int]()
    for first, row in enumerate(equal):
        group = [int(j) for j in np.flatnonzero(row) if j not in taken]
        if first in group and len(group) > 1:
            groups.append(group)
            taken.update(group)
    return groups
