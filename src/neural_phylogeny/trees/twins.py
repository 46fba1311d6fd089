"""Twins: models that are all but the same, such as a file and its rounded copy, and how they face the others.

Seen from a model that is far away, two that differ by a thousandth of that distance are one point. Every angle between
them is that of rounding errors, and a family that holds each model twice has as many of these as of angles that mean
something. So the others are judged beside one of the two, and what is known of the two is kept for themselves.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from neural_phylogeny.graphs import components
from neural_phylogeny.relations.exact import CERTAIN, GRIDDED
from neural_phylogeny.trees.family import Family, Labels, Posterior, groups_of
from neural_phylogeny.trees.forest import Matrix

Judge = Callable[[Family], Posterior]

ROUNDINGS = ("rounded", "quantized")
"""Exact marks of a model that is another one on a coarser grid, beside that of a grid of blocks."""

NEAR = 0.1
"""Twins are at most this much as far from each other as from the nearest model beside them."""


def among_twins(family: Family, judge: Judge) -> Posterior:
    """The posterior of a family in which some models are all but the same, judged beside one of them.

    Which twin was made from the other, and which of two is the parent of a third model, is what ``judge`` says of all.
    A model that is another one rounded is its twin, too, however coarse. As ``judge`` alone where there are no twins,
    or nobody beside them. Costs two judgements.
    """
    groups = joined([*twins(family.distance), *roundings(family.exact, family.distance)], len(family))
    known = judge(family)
    others = np.setdiff1d(np.arange(len(family)), np.concatenate([np.empty(0, dtype=int), *groups]))
    if not groups or len(groups) + len(others) < 2:
        return known
    first = [_first(known.parent, group) for group in groups]
    kept = np.sort(np.concatenate([others, first])).astype(int)
    reduced = judge(family.subset(kept.tolist()))
    return _with_twins(known, reduced, kept, [np.array([k]) for k in others.tolist()] + groups)


def twins(distance: Matrix) -> list[Labels]:
    """Groups of twins, the smallest ones, each ascending; ``distance`` is ``(n, n)``, NaN where there is none.

    Models are joined by the least distance; what was joined far below the next distance is a group. O(n² log n).

    Examples
    --------
    >>> places = np.array([0.0, 0.01, 1.0, 1.5])
    >>> [group.tolist() for group in twins(abs(places[:, None] - places))]
    [[0, 1]]
    """
    n = len(distance)
    far = np.where(np.isnan(distance), np.inf, distance)
    group = [[k] for k in range(n)]
    found: list[list[int]] = []
    upper = np.stack(np.triu_indices(n, 1), axis=1)
    for i, j in upper[np.argsort(far[tuple(upper.T)], kind="stable")].tolist():
        if group[i] is group[j]:
            continue
        for one in (group[i], group[j]):
            is_near = len(one) > 1 and far[np.ix_(one, one)].max() <= NEAR * far[i, j] < math.inf
            if is_near and not any(set(each) <= set(one) for each in found):
                found.append(sorted(one))
        both = group[i] + group[j]
        for k in both:
            group[k] = both
    return [np.array(one) for one in found]


def roundings(exact: Mapping[str, Matrix], distance: Matrix) -> list[Labels]:
    """Each model that is another one rounded to a grid, however coarse, with the nearest of those it is a rounding of.

    ``exact`` are the tables of exact marks, ``(n, n)`` each, as ``Family.exact``.
    """
    made = np.zeros(distance.shape, dtype=bool)
    for name in ROUNDINGS:
        if name in exact:
            made |= exact[name] >= CERTAIN
    if GRIDDED in exact:
        made |= exact[GRIDDED].T <= -CERTAIN
    far = np.where(made & ~np.isnan(distance), distance, np.inf)
    return [np.array([int(np.argmin(far[:, j])), j]) for j in np.flatnonzero(np.isfinite(far).any(axis=0)).tolist()]


def joined(groups: Iterable[Labels], n: int) -> list[Labels]:
    """The same groups of n models, those that have a model in common as one; each ascending."""
    linked = np.zeros((n, n), dtype=bool)
    for group in groups:
        linked[np.ix_(group, group)] = True
    return [group for group in groups_of(components(linked)) if len(group) > 1]


def _first(parent: Matrix, group: Labels) -> int:
    """The twin that most probably was not made from another one."""
    inside = parent[np.ix_(group, group)]
    return int(group[np.argmin(inside.sum(axis=0) - np.diag(inside))])


def _with_twins(known: Posterior, reduced: Posterior, kept: Labels, groups: Sequence[Labels]) -> Posterior:
    """What is known within groups, and what the reduced family says between them."""
    n = len(known.parent)
    of_group = {int(k): g for g, group in enumerate(groups) for k in group}
    place = {of_group[int(k)]: row for row, k in enumerate(kept.tolist())}
    parent, missing = np.zeros((n, n)), np.zeros(n)
    for j in range(n):
        mine = groups[of_group[j]]
        inside = mine[mine != j]
        parent[inside, j] = known.parent[inside, j]
        outside = max(1.0 - parent[inside, j].sum(), 0.0)
        column = reduced.parent[:, place[of_group[j]]]
        for g, group in enumerate(groups):
            share = outside * column[place[g]]
            if g == of_group[j]:
                parent[j, j] += share
            else:
                odds = np.maximum(known.parent[group, j], np.finfo(float).tiny)
                parent[group, j] += share * odds / odds.sum()
        missing[j] = outside * reduced.missing[place[of_group[j]]]
    return Posterior(parent=parent, missing=missing)
