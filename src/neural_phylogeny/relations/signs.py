"""Reversed signs: tensors of one model that are, but for training, the negatives of another's.

Training does not lead there. Negation is a disguise, or in networks of odd activations a symmetry; either way the two
models are compared as if it had not been done.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.relations.existence import bernstein_log_tail
from neural_phylogeny.relations.retained import RETAINED
from neural_phylogeny.relations.totals import PARTS, TestedMatrices, totals
from neural_phylogeny.statistics.results import Alike, Statistics, stacked

Matrix = NDArray[np.float64]
Mask = NDArray[np.bool_]

LEVEL = 1e-9
"""p-value, of the pair and of one matrix, below which a reversal is believed."""

CLEAR = -0.9
"""Cosine below which further tensors of such a pair are reversed too, however small they are."""


def reversed_tensors(statistics: Statistics) -> dict[int, tuple[str, ...]]:
    """By the number of a model, its tensors whose signs are reversed against most relatives, or the first of two.

    A pair must match with free signs, and one matrix of it with the opposite sign, each with a p-value below ``LEVEL``.
    Of negations of single units nothing is found. O(n_models^2) a tensor.
    """
    sums = totals(statistics, PARTS)
    log_p = bernstein_log_tail(sums["magnitude"], sums["variance"], sums["bound"]) + np.log(2.0) * sums["matrices"]
    opposite = _opposite(statistics, log_p < np.log(LEVEL))
    if not opposite.any():
        return {}
    found: dict[int, list[str]] = {}
    for tensor, arrays in statistics:
        at = np.ix_(tensor.members, tensor.members)
        apart = opposite[at] & tensor.pairs & (_cosine(arrays["gram"]) < (-RETAINED if tensor.is_matrix else CLEAR))
        alike = (log_p[at] < np.log(LEVEL)) & tensor.pairs & (_cosine(arrays["gram"]) > RETAINED)
        for row in _minority(apart, alike):
            found.setdefault(tensor.members[row], []).append(tensor.sources[row].name)
    return {model: tuple(dict.fromkeys(names)) for model, names in sorted(found.items())}


def _opposite(statistics: Statistics, related: Mask) -> Mask:
    """Pairs, related with free signs, of which one matrix is surely reversed: ``(n, n)``."""
    found = np.zeros_like(related)
    if not related.any():
        return found
    for alike in statistics.alike("matching.aligned"):
        members = alike[0][0].members
        found[np.ix_(members, members)] |= _surely_reversed(alike).any(axis=0)
    return found & related


def _surely_reversed(alike: Alike) -> Mask:
    """Whether matrices match with the opposite sign, raw and centred, each by a test of its own: ``(T, k, k)``."""
    matrices = TestedMatrices.of(alike)
    log_p = bernstein_log_tail(-matrices.aligned, matrices.variance, matrices.bound)
    near = (matrices.aligned < -RETAINED * matrices.norms) & (_cosine(stacked(alike, "gram")) < -RETAINED)
    found: Mask = matrices.usable & near & (log_p < np.log(LEVEL))
    return found


def _cosine(gram: Matrix) -> Matrix:
    """Cosine of two members in a tensor, 0 where there is none: ``(..., k, k)``."""
    gram = np.where(np.isfinite(gram), gram, 0.0)
    own = np.diagonal(gram, axis1=-2, axis2=-1)
    scale = np.sqrt(own[..., :, None] * own[..., None, :])
    found: Matrix = np.divide(gram, scale, out=np.zeros_like(gram), where=scale > 0)
    return found


def _minority(apart: Mask, alike: Mask) -> list[int]:
    """Members on the smaller side of each group that opposite signs divide in two; of equal sides the one without the
    first member. ``(k, k), (k, k)``.
    """
    side = np.zeros(len(apart), dtype=np.int64)
    found: list[int] = []
    for first in range(len(apart)):
        if side[first] or not apart[first].any():
            continue
        side[first], group, waiting = 1, [first], [first]
        while waiting:
            k = waiting.pop()
            for other in np.flatnonzero((apart[k] | alike[k]) & (side == 0)).tolist():
                side[other] = -side[k] if apart[k, other] else side[k]
                group.append(other)
                waiting.append(other)
        smaller = -1 if sum(side[k] for k in group) >= 0 else 1
        found += [k for k in group if side[k] == smaller]
    return sorted(found)
