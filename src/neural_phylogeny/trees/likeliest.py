"""From the probabilities of every ordered pair of one family to its likeliest forest, and who stays apart."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.trees.arborescence import maximum_arborescence
from neural_phylogeny.trees.forest import CommonInitialisation, Forest, Rivals
from neural_phylogeny.trees.fusion import LEAST
from neural_phylogeny.trees.problem import kin_are_kin

Matrix = NDArray[np.float64]

SURE, EVEN = 0.9, 0.5
"""A root less likely to be one than this hangs on to its family, related to somebody, at even odds of the direction."""

PAIRS = 5.0
"""Of the pairs that training shows, five are parent and child for one of two siblings. Outside nobody knows: in a
family of two the probability told of a parent is that at even odds."""

DOUBTED = 0
"""Two models are not linked when the test of what they share says less than this: an initialisation."""

LIKELY = 0.5
"""A model without a parent here has a hidden one when that is likelier than not, and a sibling's is hidden too."""


def likeliest_forest(parent: Matrix) -> NDArray[np.int64]:
    """The likeliest forest when the parents of different models are taken for independent, exactly.

    Parameters
    ----------
    parent : (n, n)
        ``[i, j]``: probability that i is the parent of j; on the diagonal that j has none here.

    Returns
    -------
    (n,)
        Parents, -1 for a root; as many roots as is likeliest.

    Examples
    --------
    >>> parent = np.array([[0.9, 0.8, 0.3], [0.05, 0.1, 0.6], [0.05, 0.1, 0.1]])
    >>> likeliest_forest(parent).tolist()
    [-1, 0, 1]
    """
    logs = np.log(np.maximum(parent, LEAST))
    return maximum_arborescence(logs, np.diag(logs))


def forest_of(
    said: Matrix,
    orphaned: NDArray[np.float64],
    ancestral: Callable[[list[int]], int] = kin_are_kin,
    shares: Matrix | None = None,
) -> Forest:
    """The likeliest forest of one family by probabilities of parents, and of having a hidden one.

    Roots with a hidden parent stay together unless their initialisation may be all that they share, and roots that may
    not be any are linked to the likeliest relative, no direction told. An edge's probability is that of its direction,
    given that one of the two is the other's parent.

    Parameters
    ----------
    said : (n, n)
        ``[i, j]``: i is the parent of j; on the diagonal that j has none here. Columns add up to 1.
    orphaned : (n,)
        That j's parent is not here, but a sibling is.
    ancestral : callable
        As ``Problem`` has it, of rows of this family.
    shares : (n, n), optional
        Of each model in each mean, as ``Problem.merged`` has it; the parts of a mean are one family.
    """
    n = len(said)
    found = likeliest_forest(said)
    children, every = np.flatnonzero(found >= 0), np.arange(n)
    parenthood = said[np.where(found < 0, every, found), every]
    if n == 2:
        parenthood[children] /= parenthood[children] + PAIRS * (1.0 - parenthood[children])
    probability, hidden = np.ones(n), np.zeros(n)
    forth, back = said[found[children], children], said[children, found[children]]
    probability[children] = forth / np.maximum(forth + back, LEAST)
    orphans = (found < 0) & (orphaned > LIKELY)
    verdict = ancestral(np.flatnonzero(orphans).tolist()) if orphans.sum() > 1 else None
    apart, alone = orphans & (verdict == 1), orphans & (verdict in (0, -1))
    hidden[apart] = orphaned[apart]
    starts = (
        [CommonInitialisation(members=tuple(np.flatnonzero(alone).tolist()), certain=verdict == -1)]
        if alone.any()
        else []
    )
    tree = _trees(found, apart, shares)
    for k, other in _links(found, said, tree, apart | alone).items():
        if ancestral([k, other]) < DOUBTED:
            starts.append(CommonInitialisation(members=(k, other), certain=True))
        else:
            found[k], probability[k], parenthood[k] = other, EVEN, said[other, k]
    rivals = _next_likely(said, found, parenthood)
    return Forest(
        parents=found,
        p_direction=probability,
        p_parent=parenthood,
        missing=hidden,
        families=_trees(found, apart, shares),
        rivals=rivals,
        common_initialisations=tuple(starts),
    )


def _next_likely(said: Matrix, parents: NDArray[np.int64], parenthood: NDArray[np.float64]) -> Rivals:
    """Of each model the likeliest parent but the one it was given.

    What is not the parent's of the probability is shared as the detector shares it.
    """
    every = np.arange(len(said))
    others = said.copy()
    others[np.where(parents < 0, every, parents), every] = 0.0
    others *= (1.0 - parenthood) / np.maximum(others.sum(axis=0), LEAST)
    at = np.argmax(others, axis=0)
    return Rivals(parents=np.where(at == every, -1, at), probability=others[at, every])


def _links(
    parents: NDArray[np.int64], said: Matrix, tree: NDArray[np.int64], settled: NDArray[np.bool_]
) -> dict[int, int]:
    """Roots that are related to another tree of their family, though not told as whose child, and to whom.

    The existence test has found them related. A root that surely has no parent here stays alone, and the surest, and
    those of which that is settled.
    """
    tree, sure = tree.copy(), np.diag(said)
    loose = np.flatnonzero((parents < 0) & ~settled & (sure < SURE))
    if len(np.unique(tree)) == len(loose):
        loose = loose[loose != loose[np.argmax(sure[loose])]]
    found: dict[int, int] = {}
    for k in loose[np.argsort(sure[loose], kind="stable")].tolist():
        outside = tree != tree[k]
        if outside.any():
            found[k] = int(np.argmax(np.where(outside, said[:, k] + said[k, :], -1.0)))
            tree[tree == tree[k]] = tree[found[k]]
    return found


def _trees(parents: NDArray[np.int64], joined: NDArray[np.bool_], shares: Matrix | None) -> NDArray[np.int64]:
    """The root of each model, one for all roots that are joined, and for all parts of a mean."""
    roots = np.arange(len(parents))
    for k in range(len(parents)):
        while parents[roots[k]] >= 0:
            roots[k] = parents[roots[k]]
    if joined.any():
        first = int(np.flatnonzero(joined)[0])
        roots = np.where(joined[roots], first, roots)
    if shares is not None:
        for mean in np.flatnonzero(shares.any(axis=0)):
            roots[np.isin(roots, roots[shares[:, mean] > 0])] = roots[mean]
    return roots
