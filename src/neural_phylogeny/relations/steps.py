r"""Direction from what the second order cannot see: a step depends less on where it starts than on where it ends.

If j was made from i, :math:`w_j = b\,w_i + r` with a step r that knows little of single weights of i; seen from j, what
lies between the two depends on j's weights, for they contain it. For Gaussian weights the two readings cannot be
distinguished, for others they can (Shimizu et al., *DirectLiNGAM*, JMLR 12, 2011; Hyvarinen and Smith, *Pairwise
likelihood ratios*, JMLR 14, 2013). Dependence is measured by the squares, as the mean product of r and w is zero
anyway. The slope b takes weight decay out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.relations.tables import Differences
from neural_phylogeny.statistics.results import Statistics, stacked

Matrix = NDArray[np.float64]

LEAST = 1e-9
"""A step of a smaller part of the mean square is rounding."""


def step_differences(statistics: Statistics) -> Differences:
    """How much less the step from i to j depends on i than the reverse step on j. O(n_models^2) a matrix.

    NaN for vectors, for what was not measured, and for what is equal in both.
    """
    n = statistics.alignment.n_models
    found = np.full((len(statistics.arrays), n, n), np.nan)
    for places, alike in statistics.runs("cross.third", matrices=True):
        members, count = alike[0][0].members, np.array([arrays["cross.count"][0] for _, arrays in alike])
        depends = dependence(*(stacked(alike, f"cross.{name}") / count[:, None, None] for name in _SUMS))
        found[np.ix_(places, members, members)] = depends.swapaxes(-1, -2) - depends
    return found


_SUMS = ("product", "third", "second", "square")


def dependence(product: Matrix, third: Matrix, second: Matrix, square: Matrix) -> Matrix:
    r"""``[i, j]``: :math:`|\log(E[r^2 w_i^2] / E[r^2] E[w_i^2])|` with r the step from i to j, 0 if independent.

    Parameters
    ----------
    product, third, second, square : (..., n, n)
        Means of :math:`w_i w_j`, :math:`w_i^3 w_j`, :math:`w_i^2 w_j^2` and :math:`(w_i - w_j)^2`.

    Notes
    -----
    With d = w_j - w_i and c = 1 - b, the step is d + c w_i, so that nothing large is subtracted where models are close.
    What was cut out of i lies where w_i is zero: the mean product is zero then, give or take what a processor rounds.
    """
    own, fourth = (np.diagonal(sums, axis1=-2, axis2=-1)[..., None] for sums in (product, third))
    with np.errstate(all="ignore"):
        rest = 1.0 - product / own
        along, cubed = product - own, third - fourth  # E[d w_i], E[d w_i^3]
        moved = fourth - 2.0 * third + second  # E[d^2 w_i^2]
        both = np.maximum(moved + 2.0 * rest * cubed + rest**2 * fourth, LEAST * fourth)
        step = square + 2.0 * rest * along + rest**2 * own
        found: Matrix = np.abs(np.log(both / (np.where(step > LEAST * own, step, np.nan) * own)))
    return np.where(np.isfinite(found), found, np.nan)
