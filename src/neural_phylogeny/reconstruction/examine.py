"""Who is related to whom in a collection, and what the relations say of each family."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.reconstruction.collect import Collection
from neural_phylogeny.reconstruction.findings import Findings
from neural_phylogeny.reconstruction.relate import Relations
from neural_phylogeny.statistics.cache import Group


@dataclass(frozen=True)
class Examined:
    """What the relations say of a collection: the part of an answer that no method changes.

    Attributes
    ----------
    kin : (n_models, n_models) of bool
        Related pairs.
    remarks : list of str
        Why a model could not be judged, or what of it was left out; empty where all is well.
    copies : list of list of int
        Models that are copies of each other.
    families : list of (Group, Findings)
        Each family of at least two models, and what the relations say of it.
    groups : list of (Group, Relations)
        The groups in which the families were found.
    """

    kin: NDArray[np.bool_]
    remarks: list[str]
    copies: list[list[int]]
    families: list[tuple[Group, Findings]]
    groups: list[tuple[Group, Relations]]

    @cached_property
    def whole(self) -> list[tuple[Group, Findings]]:
        """Each group as one, for methods that tell families apart themselves."""
        return [(group, Findings.of(found.statistics, found.existence)) for group, found in self.groups]


def examine(collection: Collection, alpha: float) -> Examined:
    """Who is related to whom by the boxes of pairs, and all else of each family on its own."""
    n = len(collection.refs)
    kin = np.zeros((n, n), dtype=bool)
    remarks = ["there is no other model to compare it with" if n == 1 else ""] * n
    families, groups, same, judged = [], [], [], set[int]()
    for group in collection.groups:
        relations = Relations.of(group.statistics, alpha, n * (n - 1) // 2)
        kin[np.ix_(group.members, group.members)] |= relations.pairs
        for row, model in enumerate(group.members):
            if model not in judged:
                remarks[model] = relations.remark(row)
        judged |= set(group.members)
        same += [[group.members[row] for row in rows] for rows in relations.copies]
        for rows in relations.families():
            family = collection.family(group, rows)
            families.append((family, Findings.of(family.statistics, relations.existence.of(rows))))
        groups.append((group, relations))
    return Examined(kin, remarks, same, families, groups)
