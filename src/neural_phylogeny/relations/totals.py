"""The parts of the relatedness test, summed over all matrices: many small matrices are looked at together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.statistics.plan import SamplingPlan
from neural_phylogeny.statistics.results import Alike, Statistics, add_in_order, pairs_of, stacked
from neural_phylogeny.tensors.alignment import AlignedTensor
from neural_phylogeny.tensors.roles import matrix_shape

Matrix = NDArray[np.float64]
Mask = NDArray[np.bool_]
Keep = Callable[[Alike], Mask]
"""For which two members each matrix counts, ``(T, k, k)``."""


@dataclass(frozen=True)
class TestedMatrices:
    """The parts of the test in T matrices of the same k members, ``(T, k, k)`` each; zeros where one says nothing.

    Those are pairs with a constant or not finite matrix, and pairs for which the box does not count. ``weight`` is what
    a relation of any strength is expected to add, over the variance: norms / variance. The variance counts for at least
    what it is for matrices of independent values: two or three units can be nearly orthogonal to those of the other
    model by chance, and a matrix that says next to nothing must not outweigh all others.
    """

    members: NDArray[np.int64]
    usable: Mask
    aligned: Matrix
    variance: Matrix
    bound: Matrix
    norms: Matrix
    weight: Matrix
    places: Matrix

    @classmethod
    def of(cls, alike: Alike, keep: Keep | None = None) -> Self:
        """The parts of matrices of equal members, see ``Statistics.alike``."""
        aligned, variance, strongest = (stacked(alike, f"matching.{name}") for name in ("aligned", "variance", "bound"))
        own = np.diagonal(aligned, axis1=1, axis2=2)
        norms = np.sqrt(_outer(own))
        usable = np.isfinite(aligned) & np.isfinite(variance) & (variance > 0) & (norms > 0) & pairs_of(alike)
        if keep is not None:
            usable &= keep(alike)
        least = norms**2 / np.array([_freedom(tensor) for tensor, _ in alike])[:, None, None]
        return cls(
            np.array(alike[0][0].members),
            usable,
            np.where(usable, aligned, 0.0),
            np.where(usable, variance, 0.0),
            np.where(usable, _outer(strongest), 0.0),
            np.where(usable, norms, 0.0),
            np.divide(norms, np.maximum(variance, least), out=np.zeros_like(norms), where=usable),
            np.where(usable, stacked(alike, "matching.places"), 0.0),
        )

    def without_places(self, apart: Mask) -> TestedMatrices:
        """The same without the count of units for pairs of which one is apart, ``(T, n_models)``."""
        some = apart[:, self.members]
        return replace(self, places=np.where(some[:, :, None] | some[:, None, :], 0.0, self.places))


def _outer(values: Matrix) -> Matrix:
    """Products of all pairs: ``(T, k) -> (T, k, k)``."""
    return values[:, :, None] * values[:, None, :]


def _freedom(tensor: AlignedTensor) -> int:
    """Norms squared over it are the expected variance of S for matrices of independent values, of the sample."""
    units, inputs = matrix_shape(tensor.shape, tensor.output_axis or 0)
    plan = SamplingPlan()
    units, inputs = min(units, plan.units), min(inputs, plan.inputs)
    return max(inputs, 1) * max(units - 1, 1)


def _statistic(matrices: TestedMatrices) -> Matrix:
    """W S."""
    return matrices.weight * matrices.aligned


def _magnitude(matrices: TestedMatrices) -> Matrix:
    """W |S|."""
    return matrices.weight * np.abs(matrices.aligned)


def _null_variance(matrices: TestedMatrices) -> Matrix:
    """w^2 times the variance of S over permutations."""
    found: Matrix = matrices.weight**2 * matrices.variance
    return found


def _largest_term(matrices: TestedMatrices) -> Matrix:
    """W times the most that one unit can add to S."""
    return matrices.weight * matrices.bound


def _aligned(matrices: TestedMatrices) -> Matrix:
    """S, an inner product of centred matrices."""
    return matrices.aligned


def _norms(matrices: TestedMatrices) -> Matrix:
    """The product of the norms of the centred matrices."""
    return matrices.norms


def _places(matrices: TestedMatrices) -> Matrix:
    """Negative logarithm of the p-value of the number of units at equal places."""
    return matrices.places


def _one(matrices: TestedMatrices) -> Matrix:
    """1 where the matrix is tested."""
    return matrices.usable.astype(np.float64)


_Part = Callable[[TestedMatrices], Matrix]

PARTS: dict[str, _Part] = {
    "statistic": _statistic,
    "magnitude": _magnitude,
    "variance": _null_variance,
    "bound": _largest_term,
    "aligned": _aligned,
    "norms": _norms,
    "matrices": _one,
    "places": _places,
}

_LARGEST = ("bound", "places")
"""Parts of which the largest over all matrices counts, not the sum."""


def of_first(part: _Part) -> _Part:
    """The part for i and a perfect copy of i, on the matrices that are tested with j."""

    def found(matrices: TestedMatrices) -> Matrix:
        own = np.diagonal(part(matrices), axis1=1, axis2=2)
        return np.where(matrices.usable, own[:, :, None], 0.0)

    return found


def totals(
    statistics: Statistics,
    parts: Mapping[str, _Part],
    of: Callable[[_Part], _Part] = lambda part: part,
    keep: Keep | None = None,
) -> dict[str, Matrix]:
    """Sums of the parts over all matrices, of ``_LARGEST`` the maximum: ``(n, n)`` each.

    ``keep`` gives for which members each matrix counts; for all by default.
    """
    n = statistics.alignment.n_models
    found = {name: np.zeros((n, n)) for name in parts}
    in_order = _ordered_units(statistics)
    for window in statistics.windows("matching.aligned"):
        every = [(places, _tested(alike, keep, in_order, n)) for places, alike in window]
        for name, part in parts.items():
            values = [(places, matrices.members, of(part)(matrices)) for places, matrices in every]
            if name in _LARGEST:
                for _, members, value in values:
                    at = np.ix_(members, members)
                    found[name][at] = np.maximum(found[name][at], value.max(axis=0))
            else:
                add_in_order(found[name], values)
    return found


def _tested(alike: Alike, keep: Keep | None, in_order: Mapping[int, Mask], n: int) -> TestedMatrices:
    """The parts of matrices of equal members; places do not count where units have an order of their own."""
    matrices = TestedMatrices.of(alike, keep)
    if not in_order:
        return matrices
    nobody = np.zeros(n, dtype=bool)
    return matrices.without_places(np.array([in_order.get(_units(tensor), nobody) for tensor, _ in alike]))


def _units(tensor: AlignedTensor) -> int:
    return matrix_shape(tensor.shape, tensor.output_axis or 0)[0]


def _ordered_units(statistics: Statistics) -> dict[int, Mask]:
    """By a number of units, the models in which these may be gates or fused projections, ``(n_models,)``.

    Some matrix has so many units and a half, a third or a quarter as many inputs: its units have an order then.
    """
    found: dict[int, Mask] = {}
    for tensor, _ in statistics:
        if tensor.is_matrix and tensor.output_axis is not None:
            units = _units(tensor)
            if any(units == gates * extent for extent in tensor.shape for gates in (2, 3, 4)):
                models = found.setdefault(units, np.zeros(statistics.alignment.n_models, dtype=bool))
                models[list(tensor.members)] = True
    return found
