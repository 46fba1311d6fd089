"""What of a large forest is folded at first."""

from __future__ import annotations

import heapq

from neural_phylogeny.records import Phylogeny
from neural_phylogeny.reports.branches import hang_pairs, subtree_sizes
from neural_phylogeny.reports.families import families, is_related

MOST_MODELS = 300
"""Above this many models a drawing starts folded."""

SHOWN = 160
"""Models that a folded drawing shows, where the roots alone are not more."""


def first_fold(phylogeny: Phylogeny) -> tuple[str, ...]:
    """The models whose descendants are folded: none up to ``MOST_MODELS`` models.

    Above, branches are opened from the roots on, those with the most models first, until ``SHOWN`` models are seen.
    Near-linear.
    """
    if len(phylogeny.models) <= MOST_MODELS:
        return ()
    sizes: dict[str, int] = {}
    children: dict[str, list[str]] = {}
    queue: list[tuple[int, str]] = []
    for family in families(phylogeny):
        if not is_related(family):
            continue
        below, tops, _ = hang_pairs(family)
        sizes |= subtree_sizes(below, tops)
        children |= {name: [other for _, other in branches] for name, branches in below.items()}
        queue += [(-sizes[top], top) for top in tops]
    heapq.heapify(queue)
    seen, folded = len(queue), []
    while queue:
        _, name = heapq.heappop(queue)
        below_it = children.get(name, [])
        if below_it and seen + len(below_it) > SHOWN:
            folded.append(name)
            continue
        seen += len(below_it)
        for other in below_it:
            heapq.heappush(queue, (-sizes[other], other))
    return tuple(folded)
