"""Pair direction: a method on the two ends of each true edge alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from neural_phylogeny.evaluation.rates import Proportion
from neural_phylogeny.evaluation.truth import match_names
from neural_phylogeny.lab.bench.cached import CachedCollection, pair_of
from neural_phylogeny.reconstruction.collect import Collection
from neural_phylogeny.reconstruction.decide import phylogeny
from neural_phylogeny.reconstruction.examine import Examined, examine
from neural_phylogeny.records import ModelRecord, Phylogeny
from neural_phylogeny.trees.methods import Method

Pair = tuple[Collection, Examined, str]
"""Two models alone, what the relations say of them, and the name of the parent."""


def true_pairs(kept: CachedCollection, alpha: float) -> list[Pair]:
    """The documented edges of a collection, each as a collection of two."""
    return list(_true_pairs(kept, alpha))


def _true_pairs(kept: CachedCollection, alpha: float) -> Iterator[Pair]:
    names = [
        ModelRecord(name=ref.name, path=ref.path, format="", parameters=0, family=None) for ref in kept.collection.refs
    ]
    matched = match_names(kept.truth, Phylogeny(models=tuple(names)))
    for edge in kept.truth.edges:
        if not edge.documented or edge.parent not in matched or edge.child not in matched:
            continue
        pair = pair_of(kept.collection, matched[edge.parent], matched[edge.child])
        if pair is not None:
            yield pair, examine(pair, alpha), matched[edge.parent]


def pair_direction(pairs: list[Pair], method: Method, alpha: float, seed: int) -> Proportion:
    """Share of true edges that a method orders rightly when it sees nothing else; a half where it does not say.

    The paper's direction accuracy. Two models are one cluster, so that clusterings are left out.
    """
    options = replace(method.options, clustering="existence", alpha=None, decides_families=False)
    alone = replace(method, options=options)
    right = 0.0
    for pair, examined, parent in pairs:
        edges = phylogeny(pair, alone, alpha, seed, examined).edges
        right += float(edges[0].parent == parent) if edges else 0.5
    return Proportion(right, len(pairs))
