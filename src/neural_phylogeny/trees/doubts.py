"""Parents that may share no more than an initialisation with their children, with the probability of that."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from neural_phylogeny.trees.forest import Forest, Matrix


def with_doubts(forest: Forest, independent: Matrix) -> Forest:
    """The same forest with the alternative of each edge, whose probability ``p_parent`` loses and ``p_root`` gains.

    Parts of a merge are not doubted: their sum shows them.

    Parameters
    ----------
    independent : (n, n)
        As ``Family.independent``.

    Examples
    --------
    >>> forest = Forest(parents=np.array([-1, 0]), p_direction=np.ones(2), p_parent=np.array([1.0, 0.9]))
    >>> found = with_doubts(forest, np.array([[0.0, 0.3], [0.3, 0.0]]))
    >>> found.p_parent.round(2).tolist(), found.independent.round(2).tolist()
    ([1.0, 0.63], [0.0, 0.27])
    """
    assert forest.p_parent is not None
    every = np.arange(len(forest.parents))
    doubt = np.where(forest.parents >= 0, independent[forest.parents, every] * forest.p_parent, 0.0)
    if forest.merged is not None:
        doubt[forest.merged.any(axis=0)] = 0.0
    p_root = None if forest.p_root is None else np.minimum(forest.p_root + doubt, 1.0)
    return replace(forest, p_parent=forest.p_parent - doubt, p_root=p_root, independent=doubt)
