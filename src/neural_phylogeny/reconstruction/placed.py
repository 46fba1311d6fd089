"""Who has many children among the models of an index: looked for once, when models were added.

A hub shows wherever it lies among its children, so each new model of a large family is asked for in a neighbourhood
that has it, as ``neighbours.py`` does for a family that is there at once. What a later search needs of that is one
number for each model: how many children it is expected to have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.files.cores import cores
from neural_phylogeny.index.placed import is_complete, numbers, record, size_of
from neural_phylogeny.index.sketches import Near
from neural_phylogeny.index.store import CERTAIN, Index
from neural_phylogeny.reconstruction.beside import WHOLE, Circle, family_of
from neural_phylogeny.reconstruction.neighbours import parents_in
from neural_phylogeny.reconstruction.options import Reading
from neural_phylogeny.reconstruction.passes import group_of
from neural_phylogeny.sources.opening import from_memory
from neural_phylogeny.statistics.hubs import ALONE, HUB, LARGE
from neural_phylogeny.statistics.neighbourhoods import Neighbourhood, neighbourhoods
from neural_phylogeny.statistics.tables import mark_trained

TOGETHER = 16
"""Neighbourhoods that are measured before the detector is asked about them."""

ROUNDS = 3
"""Times that a neighbourhood is asked about, where others showed hubs that it lacked."""


@dataclass(frozen=True)
class Told:
    """What the detector says of one neighbourhood: of m members.

    Attributes
    ----------
    members : list of int
        By their places in the circle.
    parent : (m, m)
        Probabilities that one is the parent of another; of having none on the diagonal.
    is_core : (m,)
        Whether a member is asked for here.
    """

    members: list[int]
    parent: NDArray[np.float64]
    is_core: NDArray[np.bool_]

    def children(self, new: Sequence[int]) -> NDArray[np.float64]:
        """Expected children of the members in the core; of those in the core also among members that are not new.

        So each child is counted where it was asked for, and a parent that comes last has those that were there.
        """
        others = self.parent * ~np.eye(len(self.parent), dtype=bool)
        found: NDArray[np.float64] = others[:, self.is_core].sum(axis=1)
        found[self.is_core] += others[np.ix_(self.is_core, ~np.isin(self.members, new))].sum(axis=1)
        return found

    def lacks_of(self, circle: Circle, core: Sequence[int]) -> bool:
        """Whether hubs are lacking: any where a model of the core seems to have no parent, else large ones."""
        least = HUB if (np.diag(self.parent)[self.is_core] > ALONE).any() else LARGE
        return any(circle.children[k] >= least and k not in self.members for k in circle.hubs(core))


def place(index: Index) -> int:
    """Look for hubs among what was added since this was done last; how many models were asked for.

    Nothing is asked of a model with at most ``WHOLE`` near ones. Each other one is asked for once, in a neighbourhood
    of its own or with others that are new: half a second of one core, a tenth for many at a time.
    """
    if is_complete(index):
        return 0
    digests, sketches = index.sketches()
    known = numbers(index)
    seen, count = set[int](), 0
    few: dict[str, float | None] = {}
    for row in [row for row, digest in enumerate(digests) if digest not in known]:
        if row in seen or digests[row] in known:
            continue
        near = family_of(index, sketches[row], size_of(index, digests[row]))
        alike = {row, *(one.row for one in near if one.correlation > CERTAIN)}
        seen |= alike
        if len(near) <= WHOLE:
            few |= {digests[k]: None for k in alike if digests[k] not in known}
            continue
        asked = {one.row for one in near if known.get(digests[one.row]) is None}
        found = _children(index, near, asked)
        record(index, found)
        known |= found
        count += len(asked)
    record(index, few)  # at once, since sketches are read again after every change
    return count


def _children(index: Index, near: Sequence[Near], asked: set[int]) -> dict[str, float]:
    """Expected children of the near contents where some of them, by their rows, are asked for the first time."""
    circle = Circle.of(index, near)
    before = circle.children
    new = [k for k, one in enumerate(near) if one.row in asked]
    parts = neighbourhoods(new, circle.apart, circle.digests)
    told: dict[int, Told] = {}
    for _ in range(ROUNDS):
        again = [k for k, one in enumerate(parts) if k not in told or told[k].lacks_of(circle, one.core)]
        for start in range(0, len(again), TOGETHER):
            some = again[start : start + TOGETHER]
            told |= dict(zip(some, _told(index, circle, [parts[k] for k in some]), strict=True))
        children = before.copy()
        for one in told.values():
            children[one.members] += one.children(new)
        circle = replace(circle, children=children)
    is_told = (circle.children != before) | np.isin(np.arange(len(before)), new)
    return {circle.digests[k]: float(circle.children[k]) for k in np.flatnonzero(is_told).tolist()}


def _told(index: Index, circle: Circle, parts: Sequence[Neighbourhood]) -> list[Told]:
    """What the detector says of some neighbourhoods, with the hubs that are known."""
    groups, members = [], [_filled(one, circle) for one in parts]
    for some in members:
        opened = from_memory({circle.digests[k]: index.fingerprint(circle.digests[k]) for k in some})
        for _, checkpoint in opened:
            mark_trained(checkpoint)
        groups.append(group_of(opened, range(len(some)), Reading(threads=cores())))
    parents = parents_in(groups, [f"{len(one.core)} models of an index" for one in parts])
    return [
        Told(some, parent, np.isin(some, one.core)) for some, parent, one in zip(members, parents, parts, strict=True)
    ]


def _filled(one: Neighbourhood, circle: Circle) -> list[int]:
    """The members of a neighbourhood, what belongs beside its core, and the nearest others up to ``WHOLE``."""
    members = list(dict.fromkeys([*one.members, *circle.hubs(one.core), *circle.others(one.core)]))
    order = np.argsort(circle.apart(one.core).min(axis=0), kind="stable").tolist()
    return list(dict.fromkeys([*members, *order]))[: max(len(members), WHOLE)]
