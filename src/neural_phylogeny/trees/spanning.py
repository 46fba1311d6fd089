"""Spanning trees and their roots: kernels on arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.trees.forest import Matrix, Parents


@dataclass(frozen=True, slots=True)
class Rooted:
    """A tree with a root.

    Attributes
    ----------
    parents : (n,)
        Parent of each node, -1 for the root.
    margin : float
        Log-odds by which this root beats the next best; infinite for a single node.
    p_direction : (n,)
        For each node, the probability that its edge to its parent points this way, summed over all roots; 1
        for the root.
    """

    parents: Parents
    margin: float
    p_direction: NDArray[np.float64]


def minimum_spanning_tree(dissimilarity: Matrix) -> Parents:
    """Minimum spanning tree with node 0 as its root, as a parent vector: ``(n, n)`` -> ``(n,)``.

    Prim's algorithm, O(n^2). Ties go to the lower node, the only way in which the order of models matters.

    Examples
    --------
    >>> import numpy as np
    >>> position = np.array([0.0, 3.0, 1.0, 2.0])
    >>> minimum_spanning_tree(np.abs(position[:, None] - position)).tolist()
    [-1, 3, 0, 2]
    """
    n = len(dissimilarity)
    parents = np.full(n, -1, dtype=np.int64)
    nearest, distance = np.zeros(n, dtype=np.int64), dissimilarity[0].copy()
    outside = np.ones(n, dtype=bool)
    outside[0] = False
    for _ in range(n - 1):
        new = int(np.argmin(np.where(outside, distance, np.inf)))
        parents[new] = nearest[new]
        outside[new] = False
        closer = outside & (dissimilarity[new] < distance)
        distance[closer], nearest[closer] = dissimilarity[new][closer], new
    return parents


def root_tree(tree: Parents, direction: Matrix) -> Rooted:
    """Root a tree where the log-odds of the directions of its edges have the largest sum.

    Parameters
    ----------
    tree : (n,)
        Any orientation of the tree, as a parent vector.
    direction : (n, n)
        Log-odds that i is the parent of j, antisymmetric.

    Returns
    -------
    Rooted
        The most probable root, the one with the largest sum of ``direction[parent, child]``, and the probabilities of
        directions over all roots.

    Notes
    -----
    O(n): moving the root across an edge reverses that edge alone. Assumes that the evidence of different edges is
    independent; it is not quite, so the probabilities are overconfident.
    """
    order = topological_order(tree)
    score = np.zeros(len(tree))
    for node in order[1:]:
        score[node] = score[tree[node]] + direction[node, tree[node]]
    root = int(np.argmax(score))
    weight = np.exp(score - score[root])
    below = weight.copy()
    for node in order[:0:-1]:
        below[tree[node]] += below[node]
    parents = reroot(tree, root)
    probability = np.ones(len(tree))
    for node in order[1:]:
        child_side = below[node] / weight.sum()
        if parents[node] == tree[node]:
            probability[node] = 1.0 - child_side
        else:
            probability[tree[node]] = child_side
    others = np.delete(score, root)
    margin = float(score[root] - others.max()) if len(others) else float("inf")
    return Rooted(parents, margin, probability)


def reroot(tree: Parents, root: int) -> Parents:
    """The same tree with another root: the path from it to the old root is reversed.

    Examples
    --------
    >>> import numpy as np
    >>> reroot(np.array([-1, 0, 1]), 2).tolist()
    [1, 2, -1]
    """
    parents = tree.copy()
    node, above = root, -1
    while node >= 0:
        next_node = int(tree[node])
        parents[node] = above
        node, above = next_node, node
    return parents


def topological_order(parents: Parents) -> list[int]:
    """Nodes with every parent before its children.

    Raises
    ------
    ValueError
        When the vector has a cycle.
    """
    children: dict[int, list[int]] = {}
    for node, parent in enumerate(parents.tolist()):
        children.setdefault(parent, []).append(node)
    order: list[int] = list(children.get(-1, ()))
    for node in order:
        order.extend(children.get(node, ()))
    if len(order) != len(parents):
        raise ValueError("the parent vector has a cycle: following parents must end at -1")
    return order


def roots_of(parents: Parents) -> NDArray[np.int64]:
    """The root of each node's tree: ``(n,) -> (n,)``. O(n).

    Examples
    --------
    >>> import numpy as np
    >>> roots_of(np.array([2, -1, -1, 0])).tolist()
    [2, 1, 2, 2]
    """
    roots = np.arange(len(parents))
    for node in topological_order(parents):
        if parents[node] >= 0:
            roots[node] = roots[parents[node]]
    return roots
