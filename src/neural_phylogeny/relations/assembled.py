"""Models put together of parts: a language model with a vision tower, an encoder with somebody else's decoder.

A forest has one parent for each model. What was made of parts of unrelated models descends from the one that gave most
of it; the others' parts are components, whether they were trained on since or not. As descent they would join
unrelated families, and every member would be judged beside models with which it shares next to nothing.
"""

from __future__ import annotations

import numpy as np

from neural_phylogeny.relations.components import SharedPart, named_tensors, resized_pairs
from neural_phylogeny.relations.copies import ALMOST_ALL
from neural_phylogeny.relations.existence import Existence, Mask
from neural_phylogeny.statistics.results import Statistics

PART = 0.5
"""A smaller share of a model's matrices can be a component of it; a larger one is the model."""

LACKS = 0.1
"""A model has nothing of a component if less than this share of it can be compared with it."""


def assembled_parts(statistics: Statistics, found: Existence) -> list[SharedPart]:
    """Related pairs of which one model holds a part of the other, while its other weights are a third model's.

    The third shares more with it than the part is, is related to it, and has nothing that could be compared with the
    part. Of the other model ``i`` the part may be all (``contained``). Nothing is claimed where one of the two was
    grown or shrunk from the other.

    The most similar ones come first. O(n³) on booleans where such a pair exists at all, O(n²) otherwise; nothing is
    read. Assumes that the third model was not made by taking the part away: of an encoder and a decoder that were cut
    out of one model the smaller is called its component.
    """
    common = statistics.alignment.common(in_matrices=True)
    share = common / np.maximum(statistics.alignment.in_matrices, 1)[:, None]
    candidates: Mask = found.related & (common > 0) & (share.T < PART)
    if not candidates.any():
        return []
    candidates &= ~resized_pairs(statistics)
    parts: dict[frozenset[int], SharedPart] = {}
    for i, j in np.argwhere(candidates).tolist():
        others = found.related[:, j] & (common[j] > common[j, i]) & (common[:, i] <= LACKS * common[j, i])
        pair = frozenset((i, j))
        if others.any() and pair not in parts:
            parts[pair] = _part(statistics, i, j, float(share[i, j]), float(share[j, i]))
    return sorted(parts.values(), key=lambda part: (not part.contained, -found.cosine[part.i, part.j]))


def _part(statistics: Statistics, i: int, j: int, share_of_i: float, share_of_j: float) -> SharedPart:
    names, names_in_j = named_tensors(statistics, i, j)
    return SharedPart(
        i=i,
        j=j,
        names=names,
        names_in_j=names_in_j,
        log_p=0.0,
        share_of_i=share_of_i,
        share_of_j=share_of_j,
        is_tested=False,
        contained=share_of_i >= ALMOST_ALL,
        is_changed=True,
    )
