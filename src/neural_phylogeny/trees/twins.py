"""Twins: models that are all but the same, such as a file and its rounded copy, and how they face the others.

Seen from a model that is far away, two that differ by a thousandth of that distance are one point. Every angle between
them is that of rounding errors, and a family that holds each model twice has as many of these as of angles that mean
something. So the others are judged beside one of the two, and what is known of the two is kept for themselves.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from neural_phylogeny.trees.family import Family, Labels, Posterior
from neural_phylogeny.trees.forest import Matrix

Judge = Callable[[Family], Posterior]

NEAR = 0.1
"""Twins are at most this much as far from each other as from the nearest model beside them."""


def among_twins(family: Family, judge: Judge) -> Posterior:
    """The posterior of a family in which some models are all but the same, judged beside one of them.

    Which twin was made from the other, and which of two is the parent of a third model, is what ``judge`` says of all.
    As ``judge`` alone where there are no twins. Costs two judgements.
    """
    groups = twins(family.distance)
    known = judge(family)
    if not groups:
        return known
    first = [_first(known.parent, group) for group in groups]
    others = np.setdiff1d(np.arange(len(family)), np.concatenate(groups))
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
        joined = group[i] + group[j]
        for k in joined:
            group[k] = joined
    return [np.array(one) for one in found]


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
