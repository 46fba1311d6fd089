"""Models with many children, put beside those whose neighbourhoods lack them.

Children that one model was trained to on one task share most of their steps, so that they are nearer to each other than
to it, and hundreds of them are nearer to a child than its parent. The neighbourhood that has the parent in its core
names it; then it is put beside the other cores.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.statistics.neighbourhoods import Neighbourhood, Rows

NEAREST, FIRST = 8, 4
"""Hubs beside a core at most: those nearest to it, and those with most children."""

OTHERS = 8
"""Models from everywhere that lie beside a core with hubs: among siblings alone an early one looks like their parent,
where that is missing."""

SIZE = 40
"""Models of a neighbourhood with hubs; more where its core leaves no room for them."""

HUB, LARGE = 1.5, 12.0
"""Expected children of a hub beside a core that has a model without a parent, and beside any other core."""

ALONE = 0.5
"""Probability of having no parent in its neighbourhood from which a model counts as without one."""


@dataclass(frozen=True)
class Judged:
    """What the first neighbourhoods say of n models.

    Attributes
    ----------
    children : (n,)
        Expected number of the children of each, over all cores.
    alone : (n,)
        Probability of having no parent in its neighbourhood.
    """

    children: NDArray[np.float64]
    alone: NDArray[np.float64]


def with_hubs(
    near: Sequence[Neighbourhood], judged: Judged, distances: Rows, contents: Sequence[Hashable]
) -> list[Neighbourhood]:
    """The neighbourhoods of one group with the hubs that they lack; the same object where one lacks none.

    ``distances`` and ``contents`` as of ``neighbourhoods``; copies do not lie beside a core. O(n_models n).
    """
    firsts = dict[Hashable, int]()
    for model in sorted(model for one in near for model in one.core):
        firsts.setdefault(contents[model], model)
    every = sorted(firsts.values(), key=lambda model: _digest(contents[model]))
    hubs = [model for model in sorted(every, key=lambda k: -judged.children[k]) if judged.children[model] >= HUB]
    return [_beside(one, hubs, every, judged, distances) for one in near]


def _beside(
    one: Neighbourhood, hubs: Sequence[int], every: Sequence[int], judged: Judged, distances: Rows
) -> Neighbourhood:
    """A neighbourhood with the hubs and the other models that belong beside its core."""
    core = set(one.core)
    is_alone = bool((judged.alone[list(one.core)] > ALONE).any())
    known = [k for k in hubs if k not in core and (is_alone or judged.children[k] >= LARGE)]
    if not known:
        return one
    rows = distances(one.core)
    nearest = np.argsort(rows[:, known].mean(axis=0), kind="stable")[:NEAREST]
    lacked = list(dict.fromkeys([*(known[k] for k in nearest.tolist()), *known[:FIRST]]))
    if set(lacked) <= set(one.members):
        return one
    others = [k for k in every if k not in core][:OTHERS]
    near = sorted(set(one.members) - core, key=lambda k: (float(rows[:, k].min()), k))
    taken = list(dict.fromkeys([*lacked, *others]))
    room = max(SIZE - len(core), len(taken))
    members = {*core, *list(dict.fromkeys([*taken, *near]))[:room]}
    return replace(one, members=tuple(sorted(members)))


def _digest(content: Hashable) -> bytes:
    """An order that has nothing to do with what models are, nor with that in which they are given."""
    return hashlib.blake2b(repr(content).encode(), digest_size=8).digest()
