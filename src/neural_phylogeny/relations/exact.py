"""Exact witnesses: what rounding, pruning and untouched values leave behind, which chance does not.

Each gives log-odds ``[i, j]`` that i rather than somebody else is the parent of j, or that j is not the parent of i;
zero where it has nothing to say. They rest on the sample of values that the pass compares in all models.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.records import TensorInfo
from neural_phylogeny.relations.vocabulary import longer
from neural_phylogeny.statistics.base import Arrays
from neural_phylogeny.statistics.results import Statistics

Matrix = NDArray[np.float64]

CERTAIN, STRONG, GOOD = 8.0, 4.0, 2.0
"""Log-odds of a copy that was only pruned or rounded; of a pattern that has one usual cause; of a lead."""

FEW = 0.01
"""A smaller share of zeros or of equal values is chance: dead units, values that were never touched."""

MANY = 0.1
"""A larger share of zeros was made on purpose."""

LEVELS = 256
"""Most values of a matrix on a grid of eight bits."""

KEPT = 0.98
"""Share of zeros or values that a descendant keeps."""


@dataclass(frozen=True)
class Shared:
    """What the models of a group have in common, over all matrices that a pair shares: ``(n, n)`` each.

    ``zeros`` in both, ``equal`` in both (zeros too), as shares of the sampled values; ``own`` share of i's zeros among
    the values compared with j; ``moved``: mean squared difference over the mean square of i; ``bits`` of
    the mantissas of i, ``(n,)``; ``narrower``: whether j has a matrix of fewer inputs a unit than i's;
    ``levels``: whether j has few different values where i has many, as near to i's as so many levels allow.
    """

    zeros: Matrix
    equal: Matrix
    own: Matrix
    moved: Matrix
    bits: NDArray[np.float64]
    narrower: NDArray[np.bool_]
    levels: NDArray[np.bool_]

    @classmethod
    def of(cls, statistics: Statistics) -> Shared:
        """From the statistics of a pass. O(n^2) a matrix."""
        n = statistics.alignment.n_models
        count, zeros, equal, own, square, norm = (np.zeros((n, n)) for _ in range(6))
        bits, narrower = np.zeros(n), np.zeros((n, n), dtype=bool)
        fits, fails = np.zeros((n, n), dtype=bool), np.zeros((n, n), dtype=bool)
        for tensor, arrays in statistics:
            if not tensor.is_matrix or "cross.product" not in arrays:
                continue
            finite = np.isfinite(np.diag(arrays["cross.product"]))
            members = np.array(tensor.members)[finite]
            at, inner = np.ix_(members, members), np.ix_(finite, finite)
            both, alike = (arrays[f"cross.{name}"][inner].astype(np.float64) for name in ("zeros", "equal"))
            count[at] += arrays["cross.count"][0]
            zeros[at] += both
            equal[at] += alike
            own[at] += np.diag(both)[:, None]
            square[at] += arrays["cross.square"][inner]
            norm[at] += np.diag(arrays["cross.product"][inner])[:, None]
            few = _few_levels(arrays, finite)
            near = arrays["cross.square"][inner] <= arrays["cross.count"][0] * _spacing(arrays, finite)[None, :] / 6.0
            fits[at] |= few[None, :] & ~few[:, None] & near
            fails[at] |= ~(few[None, :] & near) & few.any()
            inputs = np.array([_inputs(tensor.sources[k]) for k in np.flatnonzero(finite)])
            narrower[at] |= inputs[None, :] < inputs[:, None]
            bits[members] = np.maximum(bits[members], arrays["moments.grid"][finite])
        known = np.maximum(count, 1.0)
        return cls(
            zeros / known,
            equal / known,
            own / known,
            np.divide(square, norm, out=np.full((n, n), np.inf), where=norm > 0),
            bits,
            narrower,
            fits & ~fails,
        )


def pruned_copy(shared: Shared) -> Matrix:
    """Whether j has i's zeros and more, and its other values are i's."""
    more = _has_more_zeros(shared)
    return _directed(np.where(more & (shared.equal - shared.zeros >= KEPT * (1.0 - shared.own.T)), CERTAIN, 0.0))


def pruned(shared: Shared) -> Matrix:
    """Whether i has many zeros that j lacks, and so did not come before j.

    A few zeros of j among many of i say nothing: they may be what is left in j of a pruned parent that was trained on.
    """
    of_i, of_j = shared.own, shared.own.T
    clear = _has_more_zeros(shared) & (of_j > MANY) & ((of_i < FEW) | (of_i > MANY))
    found: Matrix = np.where(clear.T, -GOOD, 0.0)
    return found


def _has_more_zeros(shared: Shared) -> NDArray[np.bool_]:
    """Whether j has i's zeros and more."""
    found: NDArray[np.bool_] = (shared.own.T > shared.own + FEW) & (shared.zeros >= KEPT * shared.own)
    return found


def rounded(shared: Shared) -> Matrix:
    """Whether j is i up to an error that fits j's coarser mantissas."""
    coarser = shared.bits[None, :] < shared.bits[:, None] - 2.0
    error = 2.0 ** (-2.0 * shared.bits[None, :]) / 12.0
    return _directed(np.where(coarser & (shared.moved <= 1.2 * error) & (shared.moved > 0.0), CERTAIN, 0.0))


def quantized(shared: Shared) -> Matrix:
    """Whether j is i on an even grid of at most 256 levels a matrix, such as int8."""
    return _directed(np.where(shared.levels & ~shared.levels.T, CERTAIN, 0.0))


def shrunk(shared: Shared) -> Matrix:
    """Whether j has fewer units than i somewhere and more nowhere, and most values are i's: units were removed.

    Units are counted where they are inputs of the next matrix, so that another number of classes is no sign.
    """
    part = shared.narrower & ~shared.narrower.T
    return _directed(np.where(part & (shared.equal - shared.zeros > 0.5), STRONG, 0.0))


def reshaped(shared: Shared) -> Matrix:
    """Whether i has another number of units than j; says nothing of direction.

    Cutting units out, or adding some, is a step of its own: the nearest relatives of a model have as many as it.
    """
    found: Matrix = np.where(shared.narrower | shared.narrower.T, -STRONG, 0.0)
    return found


def untouched(shared: Shared) -> Matrix:
    """Whether i is among the models that share most values with j to the last bit; says nothing of direction."""
    share = np.where(shared.equal < 1.0, shared.equal, 0.0)  # of a copy, as of the model itself, nothing is learnt
    most = share.max(axis=0, initial=0.0)
    behind = 1.0 - share / np.maximum(most, FEW)[None, :]
    found: Matrix = np.where(most[None, :] > FEW, -GOOD * np.clip(behind, 0.0, 1.0), 0.0)
    np.fill_diagonal(found, 0.0)
    return found


def counted(batches: Mapping[int, int], n: int) -> Matrix:
    """Whether j cannot be the parent of i, having seen more batches in training; a child goes on counting.

    Says that it is not the other way round, not that i is the parent.
    """
    seen = np.array([batches.get(model, np.nan) for model in range(n)])
    found: Matrix = np.where(seen[:, None] > seen[None, :], -STRONG, 0.0)
    return found


DIRECTED = {"pruned-copy": pruned_copy, "rounded": rounded, "quantized": quantized, "shrunk": shrunk}
"""By name, witnesses that know that one of two models was made from the other."""

PRUNED, COUNTED, LONGER = "pruned", "batches-seen", "new-rows"
ORDERED = (PRUNED, COUNTED, LONGER)
"""Witnesses that know that one of two models did not come first; they speak against it as a parent only."""

UNTOUCHED, RESHAPED = "untouched-values", "other-sizes"
BESIDE = (UNTOUCHED, RESHAPED)
"""Witnesses that tell who is next to whom, not which came first."""


def exact_witnesses(statistics: Statistics) -> dict[str, Matrix]:
    """Log-odds that i is the parent of j, by the name of each witness."""
    shared = Shared.of(statistics)
    found = {name: witness(shared) for name, witness in DIRECTED.items()}
    batches = counted(statistics.batches, statistics.alignment.n_models)
    found |= {PRUNED: pruned(shared), COUNTED: batches, LONGER: np.where(longer(statistics).T, -GOOD, 0.0)}
    return found | {UNTOUCHED: untouched(shared), RESHAPED: reshaped(shared)}


def _few_levels(arrays: Arrays, finite: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Of each member, whether a matrix has at most 256 different values, four times fewer than were looked at."""
    most = np.minimum(LEVELS, arrays["moments.probed"][finite] / 4)
    found: NDArray[np.bool_] = arrays["moments.distinct"][finite] <= most
    return found


def _spacing(arrays: Arrays, finite: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Squared distance of neighbours on the grid of 256 levels that reaches a member's largest value."""
    largest = arrays["moments.largest"][finite].astype(np.float64)
    spacing: NDArray[np.float64] = (2.0 * largest / (LEVELS - 1)) ** 2
    return spacing


def _inputs(source: TensorInfo) -> int:
    """Inputs of each unit of a matrix."""
    axis = source.output_axis or 0
    return source.size // max(source.shape[axis], 1)


def _directed(odds: Matrix) -> Matrix:
    """For i as the parent of j, and against the reverse."""
    found: Matrix = odds - odds.T
    return found
