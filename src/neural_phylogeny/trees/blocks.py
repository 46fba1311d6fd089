"""Blocks: models of a family that share most of their weights, beside others that share next to nothing with them.

A network that was inflated from images to video keeps the norms of its base and nothing else that can be compared. Seen
by two hundredths of the weights a base, its children and theirs are nearly one point, so that any of them could be the
parent of any other; the weights that most of them share say who is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from neural_phylogeny.graphs import components
from neural_phylogeny.trees.family import Family, Labels, Posterior, groups_of
from neural_phylogeny.trees.forest import Forest
from neural_phylogeny.trees.likeliest import EVEN, settled

Judge = Callable[[Family], Posterior]

MOST = 0.1
"""Models that share at least this much of the larger one are in one block: of less nobody would say that two are
unrelated either."""


def in_blocks(family: Family, judge: Judge) -> Posterior:
    """The posterior of a family, of each block by itself: no model has its parent in another block.

    What relates two blocks is said without a direction, see ``with_blocks_linked``. As ``judge`` alone where there is
    one block, or none of two models. Costs a judgement of each block.
    """
    blocks = blocks_of(family)
    if len(blocks) < 2:
        return judge(family)
    parent, missing = np.eye(len(family)), np.zeros(len(family))
    for members in blocks:
        if len(members) > 1:
            found = judge(family.subset(members.tolist()))
            parent[np.ix_(members, members)], missing[members] = found.parent, found.missing
    return Posterior(parent=parent, missing=missing)


def blocks_of(family: Family) -> list[Labels]:
    """The members of each block, ascending, by the first of them; all models where no two are in one block."""
    blocks = groups_of(components(family.share >= MOST))
    return blocks if len(blocks) < len(family) else [np.arange(len(family))]


def with_blocks_linked(forest: Forest, family: Family) -> Forest:
    """The trees of different blocks linked at their most similar related models, without a direction: one family again.

    The root of a smaller block is linked, the largest block stays as it is; a root whose parent is missing is not
    linked. Any of k linked blocks may have been first, so that no root is one with more than a k-th of its probability.
    """
    blocks = sorted(blocks_of(family), key=len, reverse=True)
    if len(blocks) < 2:
        return forest
    assert forest.p_parent is not None
    assert forest.p_root is not None
    assert forest.families is not None
    parents, p_direction, p_parent = forest.parents.copy(), forest.p_direction.copy(), forest.p_parent.copy()
    families, free = forest.families.copy(), (forest.parents < 0) & ~settled(forest)
    cosine = np.where(family.related, np.nan_to_num(family.cosine), 0.0)
    inside, linked = blocks[0], blocks[:1]
    for members in blocks[1:]:
        roots = members[free[members]]
        near = cosine[np.ix_(inside, roots)]
        if near.size and near.max() > 0.0:
            i, j = np.unravel_index(int(np.argmax(near)), near.shape)
            other, root = int(inside[i]), int(roots[j])
            parents[root], p_direction[root], p_parent[root] = other, EVEN, EVEN
            families[families == families[root]] = families[other]
            inside, linked = np.concatenate([inside, members]), [*linked, members]
    p_root = forest.p_root.copy()
    p_root[inside] /= len(linked)
    return replace(
        forest, parents=parents, p_direction=p_direction, p_parent=p_parent, families=families, p_root=p_root
    )
