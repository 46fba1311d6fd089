"""What a method answers: a forest as a parent vector, and how sure each part of it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Parents = NDArray[np.int64]
"""(n,): the parent of each model, -1 for a root."""


@dataclass(frozen=True, kw_only=True)
class CommonInitialisation:
    """Roots that stay apart though their weights are related: ``certain`` if the initialisation is all they share.

    Where it is not certain, a missing ancestor explains the weights as well.
    """

    members: tuple[int, ...]
    certain: bool


@dataclass(frozen=True, kw_only=True)
class Rivals:
    """The next most probable parent of each model, -1 for "none here", and its probability; ``(n,)`` each."""

    parents: Parents
    probability: Vector


@dataclass(frozen=True, kw_only=True)
class Forest:
    """A forest over n models. A field that a method does not know is None.

    Attributes
    ----------
    parents : (n,)
        Parent of each model, -1 for a root.
    p_direction : (n,)
        Probability that the edge points this way, given that one of its two models is the parent of the other; 1 for a
        root.
    p_parent : (n,), optional
        Probability of this parent, or of none for a root, against every other model here or none.
    missing : (n,), optional
        Probability that a root has a parent which is not among the models; 0 for every other model. The roots of one
        family with a positive value share one missing ancestor.
    families : (n,), optional
        Labels that replace those of the relatedness test.
    rivals : Rivals, optional
        The next most probable parents.
    p_root : (n,), optional
        Probability that a model has no parent here, over all forests; NaN for a model in no family.
    p_rooted : (n,), optional
        Probability that a model is the root of its family, given that the family is one tree of these models; NaN for
        one in no family and where the root is missing.
    common_initialisations : tuple of CommonInitialisation
        Roots that are related and have no ancestor in common, as far as the weights show.
    merged : (n, n), optional
        ``[i, j]``: weight of i in j where j is a weighted mean of other models; ``parents[j]`` is one of them. Other
        columns are zero.
    posterior : (n, n), optional
        ``[i, j]``: probability that i is the parent of j; on the diagonal that j has no parent here. The forest was
        chosen by it.

    Examples
    --------
    >>> Forest(parents=np.array([-1, 0, 0]), p_direction=np.array([1.0, 0.9, 0.8])).parents.tolist()
    [-1, 0, 0]
    """

    parents: Parents
    p_direction: Vector
    p_parent: Vector | None = None
    missing: Vector | None = None
    families: NDArray[np.int64] | None = None
    rivals: Rivals | None = None
    p_root: Vector | None = None
    p_rooted: Vector | None = None
    common_initialisations: tuple[CommonInitialisation, ...] = ()
    merged: Matrix | None = None
    posterior: Matrix | None = None
