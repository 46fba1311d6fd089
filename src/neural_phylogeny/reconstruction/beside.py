"""Which models of an index are compared with one: those near it and, of a large family, those that may be its parent.

Children that were trained on one task are nearer to each other than to their parent, see ``statistics/hubs.py``. What
is known of each model's children (``placed.py``) says which models are put beside whoever is asked for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.formats.fingerprint import Fingerprint
from neural_phylogeny.index.placed import hubs
from neural_phylogeny.index.sketches import NOISE, Near, Words, apart, sketch_of
from neural_phylogeny.index.store import Entry, Index
from neural_phylogeny.statistics.fingerprints import VALUES
from neural_phylogeny.statistics.hubs import FIRST, HUB, NEAREST

WHOLE = 32
"""Contents up to which those near a model are all compared with it, so that no hub need be known."""

CIRCLE = 10_000
"""Near contents that are looked at, at most."""

CLEAR = 5.0
"""Standard deviations of the correlation of unrelated models, that of the sketches and of so many values, that a member
of one family exceeds: else 3,000 small models had families of more than ``WHOLE`` by chance. In thirteen trained
families the least correlation of a model with its parent is 0.39, where this is 0.10."""

OTHERS = 12
"""Models from everywhere among those compared with one of a large family: with 8 of them a sibling that was trained for
a short time looked like the parent, three of six sure parents in one star (``docs/log.md``)."""


@dataclass(frozen=True)
class Circle:
    """The contents near one or several, and how many children those have that are known to have some.

    Attributes
    ----------
    digests : (n,)
    sketches : (n, WORDS)
    children : (n,)
        Zero where nothing is known.
    """

    digests: Sequence[str]
    sketches: Words
    children: NDArray[np.float64]

    @classmethod
    def of(cls, index: Index, near: Sequence[Near], asked: tuple[str, Words] | None = None) -> Circle:
        """What is near, in its order; and the digest and sketch of who is asked for, last, unless it is there."""
        digests, sketches = index.sketches()
        rows, known = [one.row for one in near], hubs(index, 0.0)
        names, words = [digests[row] for row in rows], sketches[rows]
        if asked is not None and asked[0] not in names:
            names, words = [*names, asked[0]], np.vstack([words, asked[1][None]])
        return cls(names, words, np.array([known.get(name, 0.0) for name in names]))

    def apart(self, rows: Sequence[int]) -> NDArray[np.float64]:
        """One less the correlation of the sketches of some with all, ``(k, n)``."""
        return apart(self.sketches, list(rows))

    def hubs(self, core: Sequence[int]) -> list[int]:
        """Those that belong beside a core: the nearest to it, and those with most children. O(k n)."""
        own = set(core)
        ordered = [k for k in np.argsort(-self.children, kind="stable").tolist() if self.children[k] >= HUB]
        known = [k for k in ordered if k not in own]
        distance = self.apart(core)[:, known].sum(axis=0)
        near = [known[k] for k in np.argsort(distance, kind="stable")[:NEAREST].tolist()]
        return list(dict.fromkeys([*near, *known[:FIRST]]))

    def others(self, core: Sequence[int]) -> list[int]:
        """Some from everywhere that are not in a core: those whose digests come first."""
        own = set(core)
        return [k for k in sorted(range(len(self.digests)), key=lambda k: self.digests[k]) if k not in own][:OTHERS]


def family_of(index: Index, query: Words, values: int) -> list[Near]:
    """The contents that are clearly near a sketch of a model of so many values, the nearest first."""
    least = CLEAR * math.hypot(NOISE, 1.0 / math.sqrt(max(1, min(values, VALUES))))
    return [one for one in index.near(query, CIRCLE) if one.correlation > least]


def compared_with(index: Index, model: Fingerprint, count: int) -> list[Entry]:
    """The models that are compared in full with one, its copies too: about ``count`` contents.

    They are the nearest where these are all that are near. Else at least half are, and the rest hubs and some from
    everywhere. A look at every sketch, and again at those of 10,000 near ones.
    """
    query = sketch_of(model)
    near = family_of(index, query, sum(tensor.size for tensor in model.tensors.values()))
    extra: list[str] = []
    if len(near) > max(WHOLE, count):
        circle = Circle.of(index, near, (model.digest, query))
        own = [circle.digests.index(model.digest)]
        extra = [circle.digests[k] for k in dict.fromkeys([*circle.hubs(own), *circle.others(own)])]
    found = [one.entry for one in index.candidates(model, max(count - len(extra), (count + 1) // 2))]
    taken = {entry.digest for entry in found}
    return found + [e for digest in extra if digest not in taken for e in index.entries("digest = ?", digest)]
