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
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.statistics.base import Arrays, Statistic
from neural_phylogeny.statistics.blocks import Block
from neural_phylogeny.tensors.alignment import AlignedTensor
from neural_phylogeny.tensors.roles import Role


class UnitMatching(Statistic):
    """The parts of the unit-matching test, on a fixed sample of units and inputs of every matrix.

    ``aligned[i, j]`` is S, ``variance[i, j]`` that of its null, ``bound[i]`` the norm of the model's strongest
    unit after scaling (no single term of S exceeds the product of two bounds). For boundary matrices, and where
    the axis of the output units is unknown, the inputs are permuted as well and the wider null is kept: the
    classes of a head and the tokens of an embedding mean the same in every model.

    A sample of at most ``plan.units`` x ``plan.inputs`` keeps the cost independent of the size of the matrix; the same
    seed draws the same sample of all matrices of one shape, whatever their names. Breaks for matrices whose units have
    an order of their own (positions).
    """

    name = "matching"
    pairwise = ("aligned", "variance")

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
        flat = np.take(np.concatenate([part["sample"] for part in parts], axis=1), sample.order, axis=1)
        matrices = prepared(flat.reshape(-1, sample.units, sample.inputs))
        variance = null_variance(matrices)
        if tensor.role is Role.BOUNDARY or tensor.output_axis is None:
            variance = np.maximum(variance, null_variance(matrices.swapaxes(1, 2)))
        flat = matrices.reshape(len(matrices), -1)
        strongest = np.sqrt(np.square(matrices).sum(axis=2, dtype=np.float64).max(axis=1))
        return {"aligned": np.dot(flat, flat.T).astype(np.float64), "variance": variance, "bound": strongest}


def prepared(matrices: NDArray[np.float32]) -> NDArray[np.float32]:
    """Matrices ``(n, units, inputs)`` with both means removed and every unit scaled to a norm below 1.

    A unit's norm becomes norm / (norm + median norm), before the mean over the units is removed: a single huge unit
    would otherwise be in all of them.
    """
    found = np.empty_like(matrices)
    for matrix, by_unit in zip(matrices, found, strict=True):  # one by one: each stays in a core's cache
        np.subtract(matrix, matrix.mean(axis=1, keepdims=True), out=by_unit)
        norms = np.sqrt(np.square(by_unit).sum(axis=1, keepdims=True))
        by_unit /= np.maximum(norms + np.median(norms), np.finfo(np.float32).tiny)
        by_unit -= by_unit.mean(axis=0, keepdims=True)
    return found


def null_variance(matrices: NDArray[np.float32]) -> NDArray[np.float64]:
    """Variance of S over all permutations of the units, for every pair: ``(n, units, inputs) -> (n, n)``."""
    products = np.matmul(matrices.swapaxes(1, 2), matrices).reshape(len(matrices), -1)
    variance: NDArray[np.float64] = np.dot(products, products.T).astype(np.float64) / max(matrices.shape[1] - 1, 1)
    return variance
