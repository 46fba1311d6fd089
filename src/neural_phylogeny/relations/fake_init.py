r"""The paper's direction metric: which of two models lies nearer to a fake initialisation z?

The true initialisation is unknown, so a random draw z with zero mean stands in for it (Neural Phylogeny, ICLR 2025).
:math:`\|\theta_i - z\|^2 = \|\theta_i\|^2 - 2\langle\theta_i, z\rangle + \|z\|^2` needs z only through one product a
model, and the products of all models have covariance :math:`\sigma^2 G`, with G their Gram matrix and :math:`\sigma^2`
the variance of an entry of z. For a Gaussian z they are exactly Gaussian; for the other families by the central limit
theorem, which assumes that no few weights carry a model's norm (the same limit holds for the entries of a random
orthogonal matrix). So the draws are made from Gram matrices, and no weight is read again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.relations.direction import norm_score
from neural_phylogeny.relations.tables import Matrix, Table, mean_sign
from neural_phylogeny.statistics.results import Statistics
from neural_phylogeny.tensors.alignment import AlignedTensor
from neural_phylogeny.tensors.roles import matrix_shape

Fans = tuple[int, int]
"""(fan-in, fan-out) of a tensor: for a convolution the area of its kernel counts in both."""

DISTRIBUTIONS: dict[str, Callable[[Fans, float], float]] = {
    "uniform": lambda fans, square: square,
    "gaussian": lambda fans, square: square,
    "kaiming-uniform": lambda fans, square: 2.0 / fans[0],
    "kaiming-normal": lambda fans, square: 2.0 / fans[0],
    "xavier-uniform": lambda fans, square: 2.0 / (fans[0] + fans[1]),
    "xavier-normal": lambda fans, square: 2.0 / (fans[0] + fans[1]),
    "orthogonal": lambda fans, square: 1.0 / max(fans),
}
"""Variance of an entry of z at scale 1, from the fans and the mean square weight of the compared models."""


@dataclass(frozen=True, slots=True)
class FakeInitialisation:
    r"""How the distances to a fake initialisation are taken.

    Attributes
    ----------
    distribution : str
        One of ``DISTRIBUTIONS``. ``uniform`` and ``gaussian`` have the root mean square of the weights of each tensor
        as deviation; the others the one their authors derived for rectifiers (Kaiming), for linear units (Xavier), or
        orthonormal rows or columns. PyTorch's default for layers is Kaiming uniform at scale ``sqrt(1/6)``.
    scale : float
        Factor on the deviation. The larger, the noisier are the distances.
    n_draws : int, optional
        Draws of z, shared by all models. By default none: the expectation :math:`\|\theta\|^2 + E\|z\|^2` is taken,
        on which neither distribution nor scale has a bearing when models are compared.
    summed : bool
        Compare the distances summed over tensors (and their mean over draws), not the mean sign over tensors (and
        draws).
    """

    distribution: str = "gaussian"
    scale: float = 1.0
    n_draws: int | None = None
    summed: bool = False

    def __post_init__(self) -> None:
        if self.distribution not in DISTRIBUTIONS:
            raise ValueError(f"distribution must be one of {', '.join(DISTRIBUTIONS)}, not {self.distribution!r}")
        if not (math.isfinite(self.scale) and self.scale >= 0):
            raise ValueError(f"scale must be a number not below 0, not {self.scale}")
        if self.n_draws is not None and self.n_draws < 1:
            raise ValueError(f"n_draws must be at least 1, or None for the closed form, not {self.n_draws}")

    def variance(self, fans: Fans, mean_square: float) -> float:
        """Variance of an entry of z in a tensor with these fans and this mean square weight."""
        return self.scale**2 * DISTRIBUTIONS[self.distribution](fans, mean_square)


def nearer(statistics: Statistics, fake: FakeInitialisation | None = None, seed: int = 0) -> Matrix:
    """Which model of each pair lies nearer to a fake initialisation: ``(n_models, n_models)``, antisymmetric.

    Parameters
    ----------
    statistics : Statistics
        Of a pass with Gram matrices and moments.
    fake : FakeInitialisation, optional
        The closed form and the mean sign over tensors by default.
    seed : int
        Of the draws.

    Returns
    -------
    (n_models, n_models)
        Positive where i is nearer and so looks like the parent of j; 0 where nothing is compared. Mean signs lie in
        [-1, 1]; sums are differences of squared distances.

    Notes
    -----
    O(n_models^2) a tensor in closed form; with draws O(n_models^3 + n_draws n_models^2). Assumes that training leads
    away from zero: weight decay and pruning turn it upside down.

    References
    ----------
    R. Yu and X. Wang, *Neural Phylogeny*, ICLR 2025. He et al., arXiv:1502.01852; Glorot and Bengio, AISTATS 2010;
    Saxe et al., arXiv:1312.6120.
    """
    fake = fake or FakeInitialisation()
    if fake.n_draws is None:
        scores = expected_distances(statistics, fake)
        return summed(scores) if fake.summed else mean_sign(scores)
    n = statistics.alignment.n_models
    total, n_signs = np.zeros((n, n)), np.zeros((n, n))
    for members, distances in drawn_distances(statistics, fake, seed):
        at = np.ix_(members, members)
        for distance in [distances.mean(axis=1)] if fake.summed else distances.T:
            difference = distance[None, :] - distance[:, None]
            total[at] += difference if fake.summed else np.sign(difference)
        n_signs[at] += fake.n_draws
    if fake.summed:
        return total
    mean: Matrix = np.divide(total, n_signs, out=np.zeros_like(total), where=n_signs > 0)
    return mean


def expected_distances(statistics: Statistics, fake: FakeInitialisation | None = None) -> Table:
    r"""Expected squared distance :math:`E\|\theta - z\|^2` of each matrix of each model, ``(n_tensors, n_models)``.

    NaN where there is none. O(1) an entry.
    """
    fake = fake or FakeInitialisation()
    squares = norm_score(statistics)
    extra = np.zeros((len(squares), 1))
    for row, (tensor, norms) in enumerate(zip(statistics.alignment.tensors, squares, strict=True)):
        if np.isfinite(norms).any():
            extra[row] = tensor.size * fake.variance(fans(tensor), float(np.nanmean(norms)) / tensor.size)
    return squares + extra


def drawn_distances(
    statistics: Statistics, fake: FakeInitialisation, seed: int = 0
) -> Iterator[tuple[list[int], NDArray[np.float64]]]:
    r"""For each matrix the models with finite weights, ``(m,)``, and their squared distances to the draws.

    ``(m, n_draws)`` each; :math:`\|z\|^2`, the same for all models, is taken at its expectation. O(m^3 + m^2 n_draws) a
    matrix.
    """
    rng = np.random.default_rng(seed)
    for tensor, arrays in statistics:
        finite = np.flatnonzero(np.isfinite(np.diag(arrays["gram"])))
        if not tensor.is_matrix or not finite.size:
            continue
        gram = arrays["gram"][np.ix_(finite, finite)]
        squares = np.diag(gram)
        variance = fake.variance(fans(tensor), float(squares.mean()) / tensor.size)
        values, vectors = np.linalg.eigh(gram)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        products = np.sqrt(variance) * root @ rng.standard_normal((len(gram), fake.n_draws or 1))
        yield [tensor.members[k] for k in finite], squares[:, None] - 2.0 * products + tensor.size * variance


def summed(scores: Table) -> Matrix:
    """Differences of sums over the tensors that both models have: ``(n_tensors, n_models)`` -> ``(n, n)``.

    ``[i, j]`` is positive where i has the lower sum.

    Examples
    --------
    >>> import numpy as np
    >>> summed(np.array([[1.0, 4.0], [2.0, 1.0]])).tolist()
    [[0.0, 2.0], [-2.0, 0.0]]
    """
    present = np.isfinite(scores)
    known = np.where(present, scores, 0.0)
    sums = known.T @ present  # [i, j]: sum of i over the tensors that j has too
    difference: Matrix = sums.T - sums
    return difference


def fans(tensor: AlignedTensor) -> Fans:
    """Fan-in and fan-out of a tensor read as a matrix or a convolution."""
    axis = tensor.output_axis or 0
    units, inputs = matrix_shape(tensor.shape, axis)
    kernel = tensor.shape[2:] if axis == 0 else tensor.shape[:-2]
    area = math.prod(kernel) if len(tensor.shape) > 2 else 1
    return inputs, units * area
