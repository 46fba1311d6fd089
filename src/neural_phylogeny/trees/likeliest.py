"""From the posterior over parents to the most probable forest: decode, missing ancestors, weak links, rivals.

Each step takes a frozen ``Forest`` and gives the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.graphs import components
from neural_phylogeny.trees.arborescence import maximum_arborescence
from neural_phylogeny.trees.family import CommonOrigin, Labels, Posterior
from neural_phylogeny.trees.forest import CommonInitialisation, Forest, Matrix, Parents, Rivals
from neural_phylogeny.trees.fusion import LEAST
from neural_phylogeny.trees.spanning import roots_of

Origin = Callable[[Sequence[int]], CommonOrigin]
"""What some models have in common, if none of them has a parent here; ``Family.common_origin``."""

ROOT_THRESHOLD = 0.9
"""A root that is one with a smaller probability is linked, without a direction, to its most probable relative: the
relatedness test has found that it has some. Of such links with a clear direction, 9 of 45 were right on training
families that were left out, so that none is given a direction."""

EVEN = 0.5
"""``p_direction`` of an edge whose direction is not known."""

PARENTS_PER_SIBLINGS = 5.0
"""In training, for each pair of siblings without their parent there are five of parent and child. In a family of two
nothing else distinguishes the two cases, so that there ``p_parent`` is given at even prior odds."""

MISSING_THRESHOLD = 0.5
"""The parent of a root is missing where that is more probable than not."""


def always_ancestor(models: Sequence[int]) -> CommonOrigin:
    """For models of which nothing was measured that could show it: related models have an ancestor."""
    return CommonOrigin.ANCESTOR


def forest_of(posterior: Posterior, origin: Origin = always_ancestor, merges: Matrix | None = None) -> Forest:
    """The most probable forest of one family.

    Roots whose parent is missing are one family below a missing ancestor, unless they have no more than their
    initialisation in common. Roots that are improbable as roots are linked to their most probable relative, without a
    direction.

    Parameters
    ----------
    posterior : Posterior
        Of n models.
    origin : callable
        See ``Origin``; called for the roots whose parent is missing, and for each pair to be linked.
    merges : (n, n), optional
        As ``Family.merges``: the parts of a mean are in one family.

    Examples
    --------
    >>> parent = np.array([[0.95, 0.9], [0.05, 0.1]])
    >>> forest = forest_of(Posterior(parent=parent, missing=np.zeros(2)))
    >>> forest.parents.tolist(), forest.p_direction.round(2).tolist()
    ([-1, 0], [1.0, 0.95])
    """
    forest = decoded(posterior)
    forest = with_missing_ancestors(forest, posterior, origin)
    forest = with_weak_links(forest, posterior, origin, merges)
    return replace(forest, families=_families(forest, merges), rivals=next_most_probable(forest, posterior))


def likeliest_forest(parent: Matrix) -> Parents:
    """The forest of largest probability if the parents of different models are independent, exactly; O(n^2).

    Parameters
    ----------
    parent : (n, n)
        As ``Posterior.parent``.

    Returns
    -------
    (n,)
        Parents, -1 for a root; the number of roots is part of the answer.

    Examples
    --------
    >>> parent = np.array([[0.9, 0.8, 0.3], [0.05, 0.1, 0.6], [0.05, 0.1, 0.1]])
    >>> likeliest_forest(parent).tolist()
    [-1, 0, 1]
    """
    logs = np.log(np.maximum(parent, LEAST))
    return maximum_arborescence(logs, np.diag(logs))


def decoded(posterior: Posterior) -> Forest:
    """The likeliest forest with the probabilities of its edges; nothing is missing yet."""
    parent = posterior.parent
    n, parents = len(parent), likeliest_forest(parent)
    children, every = np.flatnonzero(parents >= 0), np.arange(n)
    p_parent = parent[np.where(parents < 0, every, parents), every]
    if n == 2:
        p_parent[children] /= p_parent[children] + PARENTS_PER_SIBLINGS * (1.0 - p_parent[children])
    forth, back = parent[parents[children], children], parent[children, parents[children]]
    p_direction = np.ones(n)
    p_direction[children] = forth / np.maximum(forth + back, LEAST)
    return Forest(parents=parents, p_direction=p_direction, p_parent=p_parent, missing=np.zeros(n))


def with_missing_ancestors(forest: Forest, posterior: Posterior, origin: Origin) -> Forest:
    """One missing ancestor for all roots whose parent is missing, or their common initialisation."""
    roots = np.flatnonzero((forest.parents < 0) & (posterior.missing > MISSING_THRESHOLD))
    if len(roots) < 2:
        return forest
    verdict = origin(roots.tolist())
    if verdict is CommonOrigin.ANCESTOR:
        missing = np.zeros(len(forest.parents))
        missing[roots] = posterior.missing[roots]
        return replace(forest, missing=missing)
    apart = CommonInitialisation(members=tuple(roots.tolist()), certain=verdict is CommonOrigin.INITIALISATION)
    return replace(forest, common_initialisations=(*forest.common_initialisations, apart))


def with_weak_links(forest: Forest, posterior: Posterior, origin: Origin, merges: Matrix | None = None) -> Forest:
    """Improbable roots linked to their most probable relative, unless the two have only an initialisation in common."""
    assert forest.p_parent is not None
    parents, p_direction, p_parent = forest.parents.copy(), forest.p_direction.copy(), forest.p_parent.copy()
    apart = list(forest.common_initialisations)
    for model, other in _weak_links(forest, posterior.parent, _families(forest, merges)).items():
        if origin([model, other]) is CommonOrigin.INITIALISATION:
            apart.append(CommonInitialisation(members=(model, other), certain=True))
        else:
            parents[model], p_direction[model], p_parent[model] = other, EVEN, posterior.parent[other, model]
    return replace(
        forest, parents=parents, p_direction=p_direction, p_parent=p_parent, common_initialisations=tuple(apart)
    )


def with_common_initialisations(forest: Forest, independent: NDArray[np.bool_]) -> Forest:
    """Trees whose roots share an initialisation alone are named to each other.

    Parameters
    ----------
    independent : (n, n)
        ``[i, j]``: i and j share an initialisation and nothing that was trained, as far as their weights show.
    """
    assert forest.families is not None
    free = np.flatnonzero((forest.parents < 0) & ~settled(forest))
    roots = free.tolist()
    joined = np.zeros((len(forest.parents),) * 2, dtype=bool)
    for i in roots:
        for j in roots:
            joined[i, j] = forest.families[i] != forest.families[j] and bool(independent[i, j] & independent[j, i])
    labels = components(joined)
    groups = [np.flatnonzero(labels == label).tolist() for label in np.unique(labels[roots])]
    found = [CommonInitialisation(members=tuple(group), certain=True) for group in groups if len(group) > 1]
    return replace(forest, common_initialisations=(*forest.common_initialisations, *found))


def next_most_probable(forest: Forest, posterior: Posterior) -> Rivals:
    """The most probable parent of each model after the one in the forest.

    What ``p_parent`` leaves is divided among the others in proportion to the posterior.
    """
    assert forest.p_parent is not None
    every = np.arange(len(forest.parents))
    others = posterior.parent.copy()
    others[np.where(forest.parents < 0, every, forest.parents), every] = 0.0
    others *= (1.0 - forest.p_parent) / np.maximum(others.sum(axis=0), LEAST)
    at = np.argmax(others, axis=0)
    return Rivals(parents=np.where(at == every, -1, at), probability=others[at, every])


def _weak_links(forest: Forest, parent: Matrix, families: Labels) -> dict[int, int]:
    """The relative of each improbable root, the least probable roots first; every link joins two families.

    Roots with a missing ancestor or a common initialisation are settled. Where all families have an improbable root,
    the most probable of them stays a root.
    """
    families, p_root = families.copy(), np.diag(parent)
    loose = np.flatnonzero((forest.parents < 0) & ~settled(forest) & (p_root < ROOT_THRESHOLD))
    if len(np.unique(families)) == len(loose):
        loose = loose[loose != loose[np.argmax(p_root[loose])]]
    found: dict[int, int] = {}
    for root in loose[np.argsort(p_root[loose], kind="stable")].tolist():
        related = np.where(families != families[root], parent[:, root] + parent[root, :], 0.0)
        if related.any():
            found[root] = int(np.argmax(related))
            families[families == families[root]] = families[found[root]]
    return found


def settled(forest: Forest) -> NDArray[np.bool_]:
    """Roots of which it is known why they have no parent here, ``(n,)``."""
    assert forest.missing is not None
    settled: NDArray[np.bool_] = forest.missing > 0
    for one in forest.common_initialisations:
        settled = settled | np.isin(np.arange(len(settled)), one.members)
    return settled


def _families(forest: Forest, merges: Matrix | None) -> Labels:
    """A label of each tree ``(n,)``: the same for trees of one missing ancestor, and for the parts of a mean."""
    labels = roots_of(forest.parents)
    if forest.missing is not None and forest.missing.any():
        siblings = forest.missing > 0
        labels = np.where(siblings[labels], np.flatnonzero(siblings)[0], labels)
    if merges is not None:
        for mean in np.flatnonzero(merges.any(axis=0)):
            labels[np.isin(labels, labels[merges[:, mean] != 0])] = labels[mean]
    return labels
