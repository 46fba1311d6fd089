"""Two baselines that choose every parent from a directed distance: the nearest older model, and MoTHer's trees."""

from __future__ import annotations

import numpy as np

from neural_phylogeny.trees.arborescence import maximum_arborescence
from neural_phylogeny.trees.forest import Matrix, Parents

PENALTY = 0.3
"""What an edge against the direction costs in ``mother``, in mean distances, by default."""


def nearest_older(distance: Matrix, direction: Matrix) -> Parents:
    """Each model's parent is its nearest neighbour among those the direction calls older; without one it is a root.

    Parameters
    ----------
    distance : (n, n)
        Any dissimilarity; not finite where nothing is compared, which no edge crosses.
    direction : (n, n)
        Positive where i looks like the parent of j, antisymmetric.

    Returns
    -------
    (n,)
        Parents, -1 for a root. Ties go to the lower parent.

    Notes
    -----
    O(n^2). Where directions form a cycle, the forest with fewest roots, and among those the least total distance,
    is taken; without cycles that is the definition above. One outlier that looks old becomes the root of all.

    Examples
    --------
    >>> import numpy as np
    >>> place, age = np.array([0.0, 1.0, 3.0]), np.array([5.0, 4.0, 2.0])
    >>> nearest_older(np.abs(place[:, None] - place), age[:, None] - age).tolist()
    [-1, 0, 1]
    """
    allowed = np.isfinite(distance) & (direction > 0)
    costs = np.where(allowed, distance, 0.0)
    last_resort = 1.0 + len(distance) * costs.max(initial=0.0)
    return maximum_arborescence(np.where(allowed, -costs, -np.inf), np.full(len(distance), -last_resort))


def mother(distance: Matrix, direction: Matrix, penalty: float = PENALTY) -> Parents:
    """The tree of least directed distance: an edge that runs against the direction costs extra.

    Parameters
    ----------
    distance : (n, n)
        Distances between the weights; where they are not finite twice the largest stands in.
    direction : (n, n)
        Positive where i looks like the parent of j; MoTHer takes kurtosis, which fine-tuning raises.
    penalty : float
        Cost of an edge against the direction, in mean distances; the source leaves it to be set.

    Returns
    -------
    (n,)
        Parents of the one tree over all models, -1 for its root. Split families first.

    Notes
    -----
    O(n^2). Written from the idea of the paper: weight distance plus a penalty where the tail weight is not monotonous,
    and a minimum directed spanning tree. Breaks where fine-tuning lightens tails, and with Euclidean distances under
    weight decay.

    References
    ----------
    E. Horwitz, A. Shul and Y. Hoshen, *On the Origin of Llamas: Model Tree Heritage Recovery*, arXiv:2405.18432.

    Examples
    --------
    >>> import numpy as np
    >>> place, age = np.array([0.0, 1.0, 3.0]), np.array([2.0, 5.0, 4.0])
    >>> mother(np.abs(place[:, None] - place), age[:, None] - age).tolist()
    [1, -1, 1]
    """
    return maximum_arborescence(-_costs(distance, direction, penalty), np.zeros(len(distance)), one_root=True)


def tree_cost(parents: Parents, distance: Matrix, direction: Matrix, penalty: float = PENALTY) -> float:
    """What ``mother`` minimises, for any tree ``(n,)``."""
    children = np.flatnonzero(parents >= 0)
    return float(_costs(distance, direction, penalty)[parents[children], children].sum())


def with_distant_uncompared(distance: Matrix) -> Matrix:
    """Distances ``(n, n)``, where nothing is compared twice the largest of them."""
    known = np.isfinite(distance)
    return np.where(known, distance, 2.0 * distance[known].max(initial=0.0))


def _costs(distance: Matrix, direction: Matrix, penalty: float) -> Matrix:
    n, costs = len(distance), with_distant_uncompared(distance)
    mean = costs.sum() / max(n * (n - 1), 1)
    found: Matrix = costs + penalty * mean * (direction < 0)
    return found
