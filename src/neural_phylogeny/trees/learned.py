"""From what a learned detector says of every ordered pair to a forest, family by family."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.trees.forest import CommonInitialisation, Forest, Rivals
from neural_phylogeny.trees.fusion import DIRECTION, TREES, bounded, fused
from neural_phylogeny.trees.innovation_tree import tree_odds
from neural_phylogeny.trees.likeliest import forest_of
from neural_phylogeny.trees.merging import with_merges, without_circles
from neural_phylogeny.trees.problem import Problem

Matrix = NDArray[np.float64]

Heard = tuple[Matrix, NDArray[np.float64], Matrix]
"""Of k models: the probabilities of parents, of a hidden one, and the shares of parts in means."""


def learned_forest(problem: Problem, options: object) -> Forest:
    """The detector's forest in each family of the existence test; what it leaves apart is no family."""

    def hear(chosen: list[int]) -> Heard:
        return *problem.learned(chosen), np.zeros((len(chosen), len(chosen)))

    return _forest(problem, hear)


def fused_forest(problem: Problem, options: object) -> Forest:
    """The same, after exact witnesses, those of direction and the tree of innovations have been heard.

    A mean has its parts for parents, and those are judged without it: it lies in their middle, as a parent would.
    """

    def heard(chosen: list[int]) -> tuple[Matrix, NDArray[np.float64]]:
        said, orphaned = problem.learned(chosen)
        leads = {
            DIRECTION: bounded(problem.direction[np.ix_(chosen, chosen)]),
            TREES: tree_odds(problem.even(chosen)),
        }
        return fused(said, {**problem.exact(chosen), **leads}), orphaned

    def hear(chosen: list[int]) -> Heard:
        (said, orphaned), shares = heard(chosen), problem.merged(chosen)
        mean = shares.any(axis=0)
        rest, parts = np.flatnonzero(~mean), np.flatnonzero(shares.any(axis=1) & ~mean)
        if len(parts):
            among, orphaned_among = heard([chosen[k] for k in rest])
            column = np.searchsorted(rest, parts)
            said[:, parts] = 0.0
            said[np.ix_(rest, parts)] = among[:, column]
            orphaned[parts] = orphaned_among[column]
        return with_merges(said, shares), orphaned, shares

    return _forest(problem, hear)


def _forest(problem: Problem, hear: Callable[[list[int]], Heard]) -> Forest:
    """The forests of all families, each by what was heard of its members."""
    n = len(problem.families)
    parents, probability = np.full(n, -1, dtype=np.int64), np.ones(n)
    hidden, parenthood, labels = np.zeros(n), np.ones(n), np.arange(n)
    starts: list[CommonInitialisation] = []
    merged = np.zeros((n, n))
    rivals = Rivals(parents=np.full(n, -1, dtype=np.int64), probability=np.zeros(n))
    for family in np.unique(problem.families):
        members = np.flatnonzero(problem.families == family)
        if len(members) < 2:
            continue
        said, orphaned, shares = hear(members.tolist())
        found = forest_of(
            said,
            orphaned,
            lambda rows, members=members: problem.ancestral(members[rows].tolist()),  # type: ignore[misc]
            shares,
        )
        merged[np.ix_(members, members)] = without_circles(shares, found.parents)
        starts += [
            CommonInitialisation(members=tuple(members[list(s.members)].tolist()), certain=s.certain)
            for s in found.common_initialisations
        ]
        assert found.families is not None
        assert found.rivals is not None
        parents[members] = np.where(found.parents >= 0, members[found.parents], -1)
        probability[members], labels[members] = found.p_direction, members[found.families]
        hidden[members], parenthood[members] = found.missing, found.p_parent
        next_to = found.rivals.parents
        rivals.parents[members] = np.where(next_to >= 0, members[next_to], -1)
        rivals.probability[members] = found.rivals.probability
    return Forest(
        parents=parents,
        p_direction=probability,
        p_parent=parenthood,
        missing=hidden,
        families=labels,
        rivals=rivals,
        common_initialisations=tuple(starts),
        merged=merged,
    )
