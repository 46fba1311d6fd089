"""The innovation tree beside the detector, in families of large networks.

Most networks that the detector was trained on have some thousand values in two to five matrices, where angles are
blurred; it trusts them as little in networks of more, where they are sharp. There the likelihood of trees has a small
weight of its own. It always has one root, so that it says which parent, and which model is the root, but never that a
model has a parent at all.
"""

from __future__ import annotations

import numpy as np

from neural_phylogeny.trees.family import Family
from neural_phylogeny.trees.forest import Matrix
from neural_phylogeny.trees.fusion import among_parents
from neural_phylogeny.trees.innovation_tree import MOST_SEARCHED, parent_probabilities

INNOVATION_TREE = "innovation-tree"
"""Its name as evidence."""

LARGE = 50_000
"""Values in the retained matrices of a family from which on the tree counts. Chosen on half of the library models and
on left-out families of the detector's generators, where it gains nothing below (log, 2026-11-27)."""

SEVERAL = 6
"""Fewest retained matrices for which it counts. On dense networks of three and four it gains and loses alike."""

WEIGHT = 0.1
"""On the logarithm of the tree's probabilities; chosen as ``LARGE``. With 0.2 more parents are right, but not where
models are stored coarsely: what rounding added to a model is not what training did."""

FLOOR = 1e-3
"""Least probability of the tree that counts: it is too sure of what it excludes."""


def beside_tree(parent: Matrix, family: Family) -> Matrix:
    """Probabilities of parents after the likelihood of trees; as they are in families that are not large.

    ``parent`` as ``Posterior.parent``, ``(n, n)``. O(n^5) up to 32 models; larger families stay as they are.
    """
    sizes = family.retained_sizes
    if not 1 < len(family) <= MOST_SEARCHED or len(sizes) < SEVERAL or sizes.sum() < LARGE:
        return parent
    return with_tree(parent, parent_probabilities(family))


def with_tree(parent: Matrix, tree: Matrix) -> Matrix:
    """Possible parents are compared by the tree; a model becomes a root by it, but no root gets a parent.

    Examples
    --------
    >>> parent = np.array([[0.5, 0.3, 0.45], [0.25, 0.5, 0.45], [0.25, 0.2, 0.1]])
    >>> tree = np.array([[0.999, 0.999, 0.5], [0.0005, 0.001, 0.5], [0.0005, 0.0, 0.0]])
    >>> with_tree(parent, tree).round(2).tolist()
    [[0.67, 0.37, 0.45], [0.17, 0.5, 0.45], [0.17, 0.13, 0.1]]
    """
    is_root = np.eye(len(parent), dtype=bool)
    compared = among_parents(parent, np.where(is_root, 0.0, WEIGHT * np.log(np.maximum(tree, FLOOR))))
    own = np.clip(np.diag(tree), FLOOR, 1.0 - FLOOR)
    as_root = np.exp(WEIGHT * np.maximum(np.log(own) - np.log1p(-own), 0.0))
    found: Matrix = np.where(is_root, compared * as_root, compared)
    found /= found.sum(axis=0)
    return found
