r"""Do the output units of two models match one to one? A permutation test, its null in closed form.

Take a matrix of each model, units x inputs, centred along both axes so that neither what all units learnt from
equal inputs nor a unit's own level can count, and with the units scaled to like strength so that no single one
decides. With :math:`C = X Y^T` the products between all units,
the aligned statistic is :math:`S = \sum_a C_{aa}`. Permuting the units of one model gives
:math:`S_\pi = \sum_a C_{a\pi(a)}`, whose mean over all permutations is 0 and whose variance is
:math:`\|C\|_F^2 / (m - 1)` exactly (Hoeffding, *A combinatorial central limit theorem*, 1951); no permutation
has to be drawn. Inputs that are correlated - neighbouring pixels - make :math:`C` large and the null wide, which
is why unrelated models trained on the same data are not called related, as they are by a Gaussian null.

:math:`\|X Y^T\|_F^2 = \langle X^T X, Y^T Y \rangle`, so the variance of all pairs is one more Gram matrix.

A sum over ten units has a wide null whatever they are. For small matrices units are counted instead: those that are
each other's nearest in direction and have the same number in both models. See ``same_places``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.statistics.base import Arrays, Statistic
from neural_phylogeny.statistics.blocks import Block
from neural_phylogeny.statistics.products import inner_products
from neural_phylogeny.tensors.alignment import AlignedTensor
from neural_phylogeny.tensors.roles import Role, matrix_shape

SMALL = 32
"""Most units of a matrix whose units are counted as well; with more, the sum has a narrow null."""

TIE = 1e-5
"""Difference of two cosines that rounding can make."""

ZEROS = 0.05
"""Share of zeros up to which units are counted: a mask that two strangers share puts equal units at equal places."""

IN_CACHE = 1 << 16
"""Values of matrices that are prepared at a time: they stay in a core's cache."""


class UnitMatching(Statistic):
    """The parts of the unit-matching test, on a fixed sample of units and inputs of every matrix.

    ``aligned[i, j]`` is S, ``variance[i, j]`` that of its null, ``bound[i]`` the norm of the model's strongest
    unit after scaling (no single term of S exceeds the product of two bounds). For boundary matrices, and where
    the axis of the output units is unknown, the inputs are permuted as well and the wider null is kept: the
    classes of a head and the tokens of an embedding mean the same in every model.

    ``places[i, j]`` is the negative logarithm of the p-value of ``same_places``, where the units are few and in no
    order: not for boundary matrices, nor square ones, where a strong diagonal would be in all models.

    A sample of at most ``plan.units`` x ``plan.inputs`` keeps the cost independent of the size of the matrix; the same
    seed draws the same sample of all matrices of one shape, whatever their names. Breaks for matrices whose units have
    an order of their own (positions).
    """

    name = "matching"
    in_runs = True
    stacks = True
    pairwise = ("aligned", "variance", "places")

    def measure(self, tensor: AlignedTensor, block: Block, values: NDArray[np.float32]) -> Arrays:
        """The sampled values that lie in this block, in flat order."""
        if not tensor.is_matrix:
            return {}
        return {"sample": self.plan.matched(tensor).within(block, values)}

    def combine(self, tensor: AlignedTensor, parts: Sequence[Arrays]) -> Arrays:
        """Put the sample together as matrices and compute the test's parts."""
        if not tensor.is_matrix:
            return {}
        sample = self.plan.matched(tensor)
        flat = np.take(np.concatenate([part["sample"] for part in parts], axis=-1), sample.order, axis=-1)
        raw = flat.reshape(*flat.shape[:-1], sample.units, sample.inputs)
        matrices = prepared(raw)
        variance = null_variance(matrices)
        if tensor.role is Role.BOUNDARY or tensor.output_axis is None:
            variance = np.maximum(variance, null_variance(matrices.swapaxes(-1, -2)))
        strongest = np.sqrt(np.vecdot(matrices, matrices).max(axis=-1).astype(np.float64))
        flat = matrices.reshape(flat.shape)
        found = {"aligned": inner_products(flat).astype(np.float64), "variance": variance, "bound": strongest}
        return found | ({"places": -same_places(matrices, _dense(raw))} if _is_counted(tensor) else {})


def prepared(matrices: NDArray[np.float32]) -> NDArray[np.float32]:
    """Matrices ``(..., units, inputs)`` with both means removed and every unit scaled to a norm below 1.

    A unit's norm becomes norm / (norm + median norm), before the mean over the units is removed: a single huge unit
    would otherwise be in all of them.
    """
    *_, units, inputs = matrices.shape
    found = np.empty((matrices.size // (units * inputs), units, inputs), dtype=np.float32)
    for start in range(0, len(found), step := max(1, IN_CACHE // (units * inputs))):
        some, by_unit = matrices.reshape(found.shape)[start : start + step], found[start : start + step]
        np.subtract(some, some.mean(axis=2, keepdims=True), out=by_unit)
        norms = np.sqrt(np.square(by_unit).sum(axis=2, keepdims=True))
        by_unit /= np.maximum(norms + np.median(norms, axis=1, keepdims=True), np.finfo(np.float32).tiny)
        by_unit -= by_unit.mean(axis=1, keepdims=True)
    return found.reshape(matrices.shape)


def null_variance(matrices: NDArray[np.float32]) -> NDArray[np.float64]:
    """Variance of S over all permutations of the units, for every pair: ``(..., n, units, inputs) -> (..., n, n)``."""
    products = np.matmul(matrices.swapaxes(-1, -2), matrices).reshape(*matrices.shape[:-2], -1)
    variance: NDArray[np.float64] = inner_products(products).astype(np.float64) / max(matrices.shape[-2] - 1, 1)
    return variance


def same_places(matrices: NDArray[np.float32], counted: NDArray[np.bool_] | None = None) -> NDArray[np.float32]:
    r"""Logarithm of the p-value of this number of units being each other's nearest and at one place, ``(..., n, n)``.

    Two units match when each is the nearest of the other in direction. Of s matches in m units, k are at one place in
    both models. Were the units of one model in any order, the expected number of sets of k such matches would be
    :math:`\binom{s}{k} (m - k)! / m!`, a bound on the probability of k or more (Markov): at most 1 / k!, whatever the
    inputs have in common. 0 for the models that are not ``counted``.

    Parameters
    ----------
    matrices : array, (..., n, units, inputs)
        Centred, see ``prepared``. Units of zeros match none; ties count as matches of other places.
    counted : array of bool, (..., n), optional
        All by default.

    Examples
    --------
    >>> unit = np.random.default_rng(0).normal(size=(12, 8)).astype(np.float32)
    >>> found = same_places(np.stack([unit, unit + 0.01, unit[::-1]]))
    >>> bool(found[0, 1] < -19), bool(found[0, 2] == 0)
    (True, True)
    """
    *stack, n, units, _ = matrices.shape
    counted = np.ones((*stack, n), dtype=bool) if counted is None else counted
    norms = np.sqrt(np.square(matrices).sum(axis=-1, keepdims=True))
    directions = np.where(np.isfinite(norms), matrices / np.maximum(norms, np.finfo(np.float32).tiny), 0.0)
    log_p = np.zeros((*stack, n, n), dtype=np.float32)
    table = _log_p_of_counts(units)
    own = np.arange(units)
    for i in range(n):
        both = counted[..., i, None] & counted[..., i:]
        if not both.any():
            continue
        cosines = np.matmul(directions[..., i:, :, :], directions[..., i, None, :, :].swapaxes(-1, -2))
        cosines[..., own, own] -= TIE
        nearest, back = cosines.argmax(axis=-1), cosines.argmax(axis=-2)
        match = np.take_along_axis(back, nearest, axis=-1) == own
        found = table[match.sum(axis=-1), (match & (nearest == own)).sum(axis=-1)]
        log_p[..., i, i:] = log_p[..., i:, i] = np.where(both, found, 0.0)
    return log_p


@lru_cache(maxsize=2 * SMALL)
def _log_p_of_counts(units: int) -> NDArray[np.float32]:
    """Log p of k of s matches at one place, ``(units + 1, units + 1)``; 0 where k is more than s."""
    found = np.zeros((units + 1, units + 1), dtype=np.float32)
    for s in range(units + 1):
        for k in range(s + 1):
            found[s, k] = min(math.log(math.comb(s, k)) + math.lgamma(units - k + 1) - math.lgamma(units + 1), 0.0)
    return found


def _is_counted(tensor: AlignedTensor) -> bool:
    """Whether the units of a tensor are few, and in no order that all models share."""
    if tensor.role is not Role.KERNEL or tensor.output_axis is None:
        return False
    units, _ = matrix_shape(tensor.shape, tensor.output_axis)
    return units <= SMALL and tensor.shape.count(units) == 1


def _dense(matrices: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Models whose matrix is not a masked one, ``(..., n)``."""
    found: NDArray[np.bool_] = (matrices == 0).mean(axis=(-2, -1)) <= ZEROS
    return found
